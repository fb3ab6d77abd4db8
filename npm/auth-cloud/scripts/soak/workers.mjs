// The addon is loaded and unloaded in worker threads: no crash, memory flat.

import { Worker } from 'node:worker_threads';

const BODY = `
  const { workerData } = require('node:worker_threads');
  const addon = require(workerData);
  const options = { projectId: 'demo', production: false, development: false };
  const authority = addon.open(options, new Uint8Array(32));
  authority.warm()('a.b.c', null, 'mastra_session=t');
  authority.opVerifyToken('a.b.c', 0).start();
`;
const MEGABYTE = 1024 * 1024;

/** `total` workers, eight at once; fails where memory has grown by more than 64 MB since the first tenth. */
export async function run(total = 10_000) {
  const addon = new URL('../../dist/esm/addon.cjs', import.meta.url).pathname;
  const settled = Math.floor(total / 10);
  let begun = 0;
  let done = 0;
  let early = 0;
  const one = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(BODY, { eval: true, workerData: addon });
      worker.once('error', reject);
      worker.once('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
    });
  const lane = async () => {
    while (begun < total) {
      begun += 1;
      await one();
      done += 1;
      if (done === settled) early = process.memoryUsage().rss;
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  const late = process.memoryUsage().rss;
  const grown = Math.round((late - early) / MEGABYTE);
  if (grown > 64) throw new Error(`memory has grown by ${grown} MB in ${total - settled} workers`);
  return `workers: ${done} loads, ${Math.round(early / MEGABYTE)} MB after ${settled}, ${Math.round(late / MEGABYTE)} MB at the end`;
}
