// An app whose people sign in with Mastra Cloud and whose programs have a key. ORDER says who is asked first.
import { serve } from '@hono/node-server';
import { MastraCloudAuth } from '@mastra/auth-cloud';
import { Mastra } from '@mastra/core';
import { CompositeAuth, SimpleAuth } from '@mastra/core/server';
import { MastraServer } from '@mastra/hono';
import { Hono } from 'hono';
import { clerk } from './src/mastra/agents/clerk.js';

const cloud = new MastraCloudAuth();
const keys = new SimpleAuth({ tokens: { 'key-of-the-robot': { id: 'robot', name: 'Robot' } } });
const auth = new CompositeAuth(process.env.ORDER === 'keys first' ? [keys, cloud] : [cloud, keys]);

const app = new Hono();
await new MastraServer({ app, mastra: new Mastra({ agents: { clerk }, server: { auth } }) }).init();
serve({ fetch: app.fetch, port: Number(process.env.PORT) });
