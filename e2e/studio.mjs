// The example app under `mastra dev`, with Studio: what the test of Studio stands on.
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { environmentOf } from './cloud.mjs';
import { HOME, makeApp } from './install.mjs';
import { startServer } from './processes.mjs';

/** The cache of the app under test, in seconds: short, so that a test need not wait long for its end. */
export const CACHE = { fresh: 2, staleIfError: 10 };

/** Starts `mastra dev` for a copy of the example; resolves when its server answers. */
export async function startStudio(cloud, dialect, { cache = CACHE, env = {} } = {}) {
  const folder = await makeApp();
  const index = join(folder, 'src/mastra/index.ts');
  const source = await readFile(index, 'utf8');
  const changed = source.replace('new MastraCloudAuth({', `new MastraCloudAuth({ cache: ${JSON.stringify(cache)},`);
  assert.notEqual(changed, source, 'the example makes its MastraCloudAuth in another way than this test knows');
  await writeFile(index, changed);
  const mastra = join(HOME, 'node_modules/mastra/dist/index.js');
  const server = await startServer([mastra, 'dev'], { cwd: folder, env: { ...environmentOf(cloud, dialect), ...env } });
  const stop = async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { ...server, stop };
}
