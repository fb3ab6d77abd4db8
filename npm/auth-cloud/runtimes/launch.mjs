// The runtimes, and how each runs a script with the installed package. A script is a module in the project's folder: its default export
// takes the package's exports and an input, and answers JSON.
//
// `CHROMIUM` names a browser; `cargo xtask runtimes` gives it. `MUSL_NODE` may name a Node that is linked with musl.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';

import { HAS_WASM } from '../tarballs/projects.mjs';
import { BUN, DENO, DENO_ENV, DENO_RUN, NODES, WORKERD, tool } from '../tarballs/tools.mjs';
import { startWorker } from '../tarballs/workerd.mjs';
import { runInChromium } from './chromium.mjs';

const { CHROMIUM, MUSL_NODE } = process.env;
if (!CHROMIUM) throw new Error('CHROMIUM is not set: run `cargo xtask runtimes`');
const FORCED = { MASTRA_AUTH_FORCE: 'wasm' };
/** Memory is measured without garbage. */
const GC = ['--expose-gc'];
/** A busy machine may take its time. */
const PATIENT = { MASTRA_CALL_TIMEOUT: '60' };
/** The head of a program for bundlers; the script comes before the package, which it may watch. */
const IMPORTS = entry => `import script from './${entry}'; import * as exports from '@mastra/auth-cloud';`;

/** A runtime that reads files: a process of its own runs `main.mjs`. It prints nothing but the answer, and so many warnings. */
function files(name, form, program, words = [], env = {}, warnings = 0) {
  const run = async (folder, entry, input, signal) => {
    const environment = { PATH: process.env.PATH, ...PATIENT, ...env };
    const options = { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'], signal };
    const child = spawn(program, [...words, 'main.mjs', entry, JSON.stringify(input)], options);
    const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    assert.equal(child.exitCode, 0, said);
    assert.equal(said.match(/MASTRA_AUTH_CLOUD_ADDON/g)?.length ?? 0, warnings, said);
    if (warnings === 0) assert.equal(said, '');
    return JSON.parse(out);
  };
  return { name, form, program, run };
}

async function inWorkerd(folder, entry, input, signal) {
  const name = `workerd-${entry}`;
  const serve = 'async request => Response.json(await script(exports, await request.json()))';
  writeFileSync(path.join(folder, name), `${IMPORTS(entry)} export default { fetch: ${serve} };`);
  const worker = await startWorker(tool, folder, name, PATIENT);
  try {
    const answer = await fetch(worker.url, { method: 'POST', body: JSON.stringify(input), signal });
    const said = await answer.text();
    assert.equal(answer.status, 200, said);
    return JSON.parse(said);
  } finally {
    await worker.stop();
  }
}

function inChromium(folder, entry, input, signal) {
  const send = `await fetch('/answer', { method: 'POST', body: JSON.stringify(await script(exports, ${JSON.stringify(input)})) });`;
  return runInChromium(tool, CHROMIUM, folder, `${IMPORTS(entry)} ${send}`, signal);
}

/** Each runtime: its name, how the package's rules run there, the program, and what runs a script there. */
export const RUNTIMES = [
  ...[process.execPath, ...NODES].map(node => files('Node', 'native', node, GC)),
  files('Node', 'WebAssembly', process.execPath, GC, FORCED),
  // The addon that is installed is the one for glibc, which musl does not load.
  ...(MUSL_NODE ? [files('Node on musl', 'WebAssembly', MUSL_NODE, GC, {}, 1)] : []),
  files('Bun', 'native', BUN, ['run']),
  files('Bun', 'WebAssembly', BUN, ['run'], FORCED),
  files('Deno', 'native', DENO, [...DENO_RUN, '--allow-ffi', `--v8-flags=${GC}`], DENO_ENV),
  // Nothing forces it: without the permission it falls back.
  files('Deno', 'WebAssembly', DENO, DENO_RUN, DENO_ENV, 1),
  { name: 'workerd', form: 'WebAssembly', program: WORKERD, run: inWorkerd },
  { name: 'Chromium', form: 'WebAssembly', program: CHROMIUM, run: inChromium },
].filter(({ form }) => form === 'native' || HAS_WASM);

/** What the program itself says. */
export function versionOf({ program }) {
  const said = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return /\d[\w.-]*/.exec(said)[0];
}
