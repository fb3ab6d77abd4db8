// An app whose routes are below PREFIX, as with `server.apiPrefix` of a built server. What is protected has to be said then.
import { serve } from '@hono/node-server';
import { MastraCloudAuth } from '@mastra/auth-cloud';
import { Mastra } from '@mastra/core';
import { MastraServer } from '@mastra/hono';
import { Hono } from 'hono';
import { clerk } from './src/mastra/agents/clerk.js';
import { refund } from './src/mastra/workflows/refund.js';

const prefix = process.env.PREFIX;
const auth = new MastraCloudAuth({ protected: [`${prefix}/*`] });

const app = new Hono();
const mastra = new Mastra({ agents: { clerk }, workflows: { refund }, server: { auth, rbac: auth } });
await new MastraServer({ app, mastra, prefix }).init();
serve({ fetch: app.fetch, port: Number(process.env.PORT) });
