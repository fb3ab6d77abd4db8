// `cargo xtask bench runtimes`: the same contest in each runtime, as one line of JSON.
// `--short` takes a minute and says little.

import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';

import { BUN, DENO, DENO_ENV, DENO_RUN, tool, versionOf } from '../../tarballs/tools.mjs';
import { startWorker } from '../../tarballs/workerd.mjs';
import { memory } from './memory.mjs';
import { tables } from './tables.mjs';

const HERE = import.meta.dirname;
const NODE = ['--expose-gc'];
const DENO_WORDS = [...DENO_RUN, '--v8-flags=--expose-gc'];

const [ROUNDS, WARM, STARTS, CROWD] = process.argv.includes('--short') ? [15, 300, 3, 3000] : [51, 1000, 7, 1_000_000];
const MILLISECONDS = 5;
/** The clock of a Worker has whole milliseconds. */
const WORKER_MILLISECONDS = 40;

/** A program, and how to ask a new process of it. */
function program(file, words, force) {
  const env = { ...process.env, ...DENO_ENV, MASTRA_AUTH_FORCE: force };
  return {
    version: /\d+\.\d+\.\d+/.exec(execFileSync(file, ['--version'], { encoding: 'utf8' }))[0],
    turn: MILLISECONDS,
    ask(question) {
      const all = [...words, path.join(HERE, 'main.mjs'), JSON.stringify(question)];
      const { status, stdout, stderr } = spawnSync(file, all, { env, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${file} ended with ${status}: ${stderr}`);
      return JSON.parse(stdout);
    },
  };
}

/** A new Worker, which `work` may ask. */
async function worker(work) {
  const { url, inspector, stop } = await startWorker(tool, HERE, 'worker.mjs', {}, undefined, { inspectorPort: 0 });
  const ask = async question => {
    // On a connection of its own: workerd closes one that was idle for five seconds, perhaps while the next question is sent.
    const answer = await fetch(url, { method: 'POST', headers: { connection: 'close' }, body: JSON.stringify(question) });
    if (!answer.ok) throw new Error(`workerd: ${await answer.text()}`);
    return answer.json();
  };
  try {
    return await work(ask, await inspector());
  } finally {
    await stop();
  }
}

const RUNTIMES = {
  'Node, native': program(process.execPath, NODE, 'native'),
  'Node, WebAssembly': program(process.execPath, NODE, 'wasm'),
  'Bun, native': program(BUN, NODE, 'native'),
  'Bun, WebAssembly': program(BUN, NODE, 'wasm'),
  'Deno, native': program(DENO, [...DENO_WORDS, '--allow-ffi'], 'native'),
  'Deno, WebAssembly': program(DENO, DENO_WORDS, 'wasm'),
  workerd: {
    version: versionOf('workerd'),
    turn: WORKER_MILLISECONDS,
    ask: question => worker(ask => ask(question)),
  },
};

const found = {};
for (const [name, { version, turn, ask }] of Object.entries(RUNTIMES)) {
  const starts = [];
  for (let at = 0; at < STARTS; at += 1) starts.push(await ask({ what: 'start' }));
  found[`${name}, ${version}`] = { starts, contest: await ask({ what: 'contest', rounds: ROUNDS, warm: WARM, tokens: 1024, turn }) };
}
const kept = await worker((ask, inspector) => memory(ask, inspector, CROWD));
process.stdout.write(`${JSON.stringify({ bench: 'runtimes', tables: tables(found, kept) })}\n`);
