// An app whose routes are below PREFIX, as with `server.apiPrefix` of a built server. What is protected has to be said then.
// FRESH is how long an identity is fresh, in seconds; REDIS is what servers share.
import { serve } from '@hono/node-server';
import { MastraCloudAuth } from '@mastra/auth-cloud';
import { Mastra } from '@mastra/core';
import { MastraServer } from '@mastra/hono';
import { Hono } from 'hono';
import { clerk } from './src/mastra/agents/clerk.js';
import { refund } from './src/mastra/workflows/refund.js';

const { PREFIX: prefix, FRESH, REDIS } = process.env;
const told = ({ type, ...event }) => type.startsWith('request_') || console.log(new Date().toISOString(), type, JSON.stringify(event));
const auth = new MastraCloudAuth({
  onEvent: told,
  protected: [`${prefix}/*`],
  ...(FRESH && { cache: { fresh: Number(FRESH) } }),
  ...(REDIS && { revocations: { redis: REDIS } }),
});

const app = new Hono();
const mastra = new Mastra({ agents: { clerk }, workflows: { refund }, server: { auth, rbac: auth } });
await new MastraServer({ app, mastra, prefix }).init();
serve({ fetch: app.fetch, port: Number(process.env.PORT) });
