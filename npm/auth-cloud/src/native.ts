/**
 * Loads the addon, or where it cannot be loaded the same rules as WebAssembly.
 *
 * `MASTRA_AUTH_FORCE` is for tests: `native` throws where there is no addon, `wasm` uses none.
 */

import addon from './addon.cjs';
import type { Native } from './addon-types.js';
import { notLoaded } from './not-loaded.js';
import type { Failure } from './not-loaded.js';
import { variable, warn } from './runtime.js';
import wasmFile from './wasm/file.cjs';
import { instantiate } from './wasm/instance.js';

export type * from './addon-types.js';

function loaded(): Native {
  const force = variable('MASTRA_AUTH_FORCE');
  if (force === 'wasm') return webAssembly();
  const made = addon as Native | { readonly failures: readonly Failure[] };
  if (!('failures' in made)) return made;
  const error = notLoaded(made.failures);
  if (force === 'native') throw error;
  let instead: Native;
  try {
    instead = webAssembly();
  } catch {
    throw error;
  }
  warn(`${error.message} Until then its rules run as WebAssembly: the same answers, at a higher cost for each request.`, 'MASTRA_AUTH_CLOUD_ADDON');
  return instead;
}

function webAssembly(): Native {
  return instantiate(new WebAssembly.Module(wasmFile() as Uint8Array<ArrayBuffer>));
}

export const native: Native = loaded();
