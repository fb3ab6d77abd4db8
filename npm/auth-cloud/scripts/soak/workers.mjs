// The addon is loaded and unloaded in worker threads: no crash, memory flat.
//
// Memory jumps up and down while workers come and go, so that single figures say little: the highest of each stretch is told, and
// the first of them compared with the last. What is taken in the first fifty loads, and kept, is not looked at.

import { Worker } from 'node:worker_threads';

const BODY = `
  const { workerData } = require('node:worker_threads');
  const addon = require(workerData);
  const options = { projectId: 'demo', production: false, development: false };
  const engine = addon.open(options, new Uint8Array(32));
  engine.authenticator()('mastra_session=t', null, 'a.b.c');
  engine.opVerifyToken('a.b.c', 0);
`;
const MEGABYTE = 1024 * 1024;
/** After so many memory has settled. */
const SETTLED = 50;
/** By how many megabytes it may have grown. */
const LIMIT = 32;

/** `total` workers, eight at once; fails where memory has grown by more than the limit. */
export async function run(total = 10_000) {
  const addon = new URL('../../dist/esm/addon.cjs', import.meta.url).pathname;
  const settled = Math.max(SETTLED, Math.floor(total / 10));
  const stretch = Math.min(settled, Math.floor((total - settled) / 2));
  if (stretch < 1) throw new Error(`${total} workers are too few to tell`);
  let begun = 0;
  let done = 0;
  const stretches = Math.floor((total - settled) / stretch);
  const highest = Array.from({ length: stretches }, () => 0);
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
      if (done <= settled) continue;
      const at = Math.min(Math.floor((done - settled - 1) / stretch), stretches - 1);
      highest[at] = Math.max(highest[at], process.memoryUsage.rss() / MEGABYTE);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  const grown = Math.round(highest.at(-1) - highest[0]);
  const told = `${done} loads; at most, in each ${stretch} after the first ${settled}: ${highest.map(Math.round).join(', ')} MB`;
  if (grown > LIMIT) throw new Error(`memory has grown by ${grown} MB: ${told}`);
  return `workers: ${told}`;
}
