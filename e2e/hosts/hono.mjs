// The app of the example behind Hono, and the check for a proxy beside it.
import { serve } from '@hono/node-server';
import { authCheckRoute } from '@mastra/auth-cloud';
import { MastraServer } from '@mastra/hono';
import { Hono } from 'hono';
import { mastra } from './src/mastra/index.js';

const app = new Hono();
const { auth, apiRoutes } = mastra.getServer();
const customApiRoutes = [...apiRoutes, authCheckRoute(auth)];
await new MastraServer({ app, mastra, customApiRoutes }).init();
serve({ fetch: app.fetch, port: Number(process.env.PORT) });
