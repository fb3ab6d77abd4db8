// The app of the example behind Hono, for a run under load: tells which requests it refused, each second how long its event loop waits
// since the last SIGUSR2, and at SIGHUP what memory is left once the garbage is collected.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { serve } from '@hono/node-server';
import { MastraServer } from '@mastra/hono';
import { Hono } from 'hono';

const say = (line) => process.stdout.write(`${line}\n`);
globalThis.onCloudEvent = ({ type, requestId }) => void (type === 'credential_rejected' && say(`refused ${requestId}`));
const { mastra } = await import('./src/mastra/index.js');

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on('SIGUSR2', () => delay.reset());
process.on('SIGHUP', () => {
  globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  say(`collected ${(heapUsed + external) / 1e6} ${rss / 1e6}`);
});
setInterval(() => say(`delay ${[50, 99, 100].map((share) => (delay.percentile(share) / 1e6).toFixed(2)).join(' ')}`), 1000);

const app = new Hono();
await new MastraServer({ app, mastra, customApiRoutes: mastra.getServer().apiRoutes }).init();
serve({ fetch: app.fetch, port: Number(process.env.PORT) });
