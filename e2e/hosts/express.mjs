// The app of the example behind Express.
import { MastraServer } from '@mastra/express';
import express from 'express';
import { mastra } from './src/mastra/index.js';

const app = express();
app.use(express.json());
await new MastraServer({ app, mastra }).init();
app.listen(Number(process.env.PORT));
