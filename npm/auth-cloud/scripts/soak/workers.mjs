// The addon is loaded and unloaded in worker threads: no crash, memory flat.
//
// Memory jumps up and down while workers come and go, so that two single figures say little: what is compared is the highest of
// an early stretch and the highest of the last one. What is taken in the first fifty loads, and kept, is not looked at.

import { Worker } from 'node:worker_threads';

const BODY = `
  const { workerData } = require('node:worker_threads');
  const addon = require(workerData);
  const options = { projectId: 'demo', production: false, development: false };
  const authority = addon.open(options, new Uint8Array(32));
  authority.warm('a.b.c', null, 'mastra_session=t', Date.now(), 1);
  authority.opVerifyToken('a.b.c', 0).start(Date.now(), 1);
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
  let early = 0;
  let late = 0;
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
      const now = process.memoryUsage.rss();
      if (done > settled && done <= settled + stretch) early = Math.max(early, now);
      if (done > total - stretch) late = Math.max(late, now);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  const grown = Math.round((late - early) / MEGABYTE);
  const shown = bytes => `${Math.round(bytes / MEGABYTE)} MB`;
  const told = `${done} loads, at most ${shown(early)} in ${stretch} after the first ${settled}, ${shown(late)} in the last ${stretch}`;
  if (grown > LIMIT) throw new Error(`memory has grown by ${grown} MB: ${told}`);
  return `workers: ${told}`;
}
