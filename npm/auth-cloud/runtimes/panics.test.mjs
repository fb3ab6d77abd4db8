// A panic in every export of the addon, or of the WebAssembly, in every runtime: it is thrown, and the next call is answered.
//
// The installed package gets what is built for tests, whose exports can be told to panic. That is never packed.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { ADDON, HAS_WASM, MAIN, emptyFolder, linked } from '../tarballs/projects.mjs';
import { RUNTIMES, versionOf } from './launch.mjs';

const BUILT = path.join(import.meta.dirname, '..', 'native');
const ROUNDS = 3;
const SCRIPT = `import { native } from '@mastra/auth-cloud/host';
  import { panics } from './panics.mjs';
  export default () => panics(native, ${ROUNDS});`;

const folder = emptyFolder();
before(() => {
  linked(folder, [MAIN, ADDON], ['../runtimes/main.mjs', '../scripts/panics.mjs']);
  writeFileSync(path.join(folder, 'panic.mjs'), SCRIPT);
  const installed = path.join(folder, 'node_modules', '@mastra', 'auth-cloud');
  const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
  manifest.exports['./host'] = manifest.imports['#host'];
  writeFileSync(path.join(installed, 'package.json'), JSON.stringify(manifest));
  const [platform] = Object.keys(manifest.optionalDependencies);
  const addon = path.join(installed, '..', '..', platform);
  copyFileSync(path.join(BUILT, 'addon.node'), path.join(addon, JSON.parse(readFileSync(path.join(addon, 'package.json'), 'utf8')).main));
  if (HAS_WASM) copyFileSync(path.join(BUILT, 'faults.wasm'), path.join(installed, 'dist', 'auth-cloud.wasm'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const runtime of RUNTIMES) {
  const name = `${runtime.name} ${versionOf(runtime)}, ${runtime.form}`;
  test(`${name}: a panic in every export is thrown`, { timeout: 600_000 }, async context => {
    const said = await runtime.run(folder, 'panic.mjs', {}, context.signal);
    assert.match(said, /every one thrown as internal, and every next call answered$/);
    context.diagnostic(said);
  });
}
