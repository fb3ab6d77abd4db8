/** An instance of the module: the functions of the addon, from `crates/node` compiled to WebAssembly. */

import type { Native } from '../addon-types.js';
import { monotonic } from '../timeout.js';
import { NodeApi } from './napi.js';
import type { ModuleExports } from './napi.js';

/** Makes an instance. It keeps no timer and opens nothing, so a Worker may do so before its first request. */
export function instantiate(module: WebAssembly.Module): Native {
  const api = new NodeApi();
  const clocks = { wall: () => Date.now(), monotonic };
  const { exports } = new WebAssembly.Instance(module, { env: api.imports, napi: api.imports, clocks });
  // What a library does by itself when it is loaded, a module does when it is told to.
  for (const [name, register] of Object.entries(exports)) {
    if (name.startsWith('__napi_register__')) (register as () => void)();
  }
  return api.start(exports as unknown as ModuleExports) as Native;
}
