/**
 * Before the tests on the WebAssembly: the package gets a module whose exports can be made to panic, as those of the addon for
 * tests can. What ships is left as it is.
 */

import { fileURLToPath } from 'node:url';

const faults = fileURLToPath(new URL('../native/faults.wasm', import.meta.url));
const files = process.getBuiltinModule('node:fs');
const { readFileSync } = files;
files.readFileSync = ((file: string, ...options: []) =>
  readFileSync(String(file).endsWith('/auth-cloud.wasm') ? faults : file, ...options)) as typeof readFileSync;
