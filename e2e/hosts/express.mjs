// The app of the example behind Express, and the check for a proxy beside it.
import { authCheckRoute } from '@mastra/auth-cloud';
import { MastraServer } from '@mastra/express';
import express from 'express';
import { mastra } from './src/mastra/index.js';

const app = express();
app.use(express.json());
const { auth, apiRoutes } = mastra.getServer();
const customApiRoutes = [...apiRoutes, authCheckRoute(auth)];
await new MastraServer({ app, mastra, customApiRoutes }).init();
app.listen(Number(process.env.PORT));
