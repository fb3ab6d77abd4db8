// Mastra servers that are not `mastra dev`: the built app on its own, and the same app behind Hono and Express.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUN, DENO, DENO_ENV, DENO_RUN, tool, versionOf } from '../npm/auth-cloud/tarballs/tools.mjs';
import { startWorker } from '../npm/auth-cloud/tarballs/workerd.mjs';
import { environmentOf } from './cloud.mjs';
import { dockerfiles, steps } from './dockerfile.mjs';
import { HOME, makeProject } from './install.mjs';
import { startServer } from './processes.mjs';

/** Whether the package holds the WebAssembly: where it cannot be built, the package is packed without. */
export const HAS_WASM = existsSync(join(HOME, 'node_modules/@mastra/auth-cloud/dist/auth-cloud.wasm'));

/** What starts a built server beside Node. Without `--allow-ffi` Deno loads no addon. */
export const RUNTIMES = [
  { name: `bun ${versionOf('bun')}`, command: [BUN, 'run'] },
  { name: `deno ${versionOf('deno')} --allow-ffi`, command: [DENO, ...DENO_RUN, '--allow-ffi'] },
  ...(HAS_WASM ? [{ name: `deno ${versionOf('deno')}`, command: [DENO, ...DENO_RUN] }] : []),
];

/** How npm is set in an image: as it comes, and not as at this desk. */
const IMAGE = { npm_config_omit_lockfile_registry_resolved: 'false', npm_config_loglevel: 'error' };

/**
 * Builds the example as the guide's Dockerfiles do: with the packages that `mastra build` installs, and with those installed once more.
 * Answers the two outputs, each in a place above which there is nothing. What they were built from is removed.
 */
export async function build() {
  const project = await makeProject();
  const cache = await mkdtemp(join(tmpdir(), 'mastra-auth-cache-'));
  const [both, elsewhere, ...more] = await dockerfiles();
  assert.deepEqual(more, [], 'a Dockerfile that nobody tries');
  const [app, output] = await steps(both, project, IMAGE);
  // Another image holds nothing that npm fetched for this one.
  const [again] = await steps(elsewhere, app, { ...IMAGE, npm_config_cache: cache });
  await Promise.all([project, app, cache].map((folder) => rm(folder, { recursive: true, force: true })));
  return { output, again };
}

/** Starts what was built, from another working directory. */
export function startBuilt(folder, cloud, dialect, [program, ...words] = [process.execPath]) {
  const env = { ...DENO_ENV, ...environmentOf(cloud, dialect) };
  return startServer([...words, join(folder, 'index.mjs')], { cwd: '/', env, program });
}

/** Starts one of the servers of hosts/. */
export function startHost(app, name, cloud, dialect, env = {}) {
  return startServer([join(app, `${name}.mjs`)], { cwd: app, env: { ...environmentOf(cloud, dialect), ...env } });
}

/** Starts hosts/worker.mjs in workerd. */
export async function startInWorkerd(app, cloud, dialect) {
  const { url, log, stop } = await startWorker(tool, app, 'worker.mjs', environmentOf(cloud, dialect));
  return { url: url.origin, log, stop };
}
