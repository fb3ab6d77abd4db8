/** An instance of the module: the functions of the addon, from `crates/node` compiled to WebAssembly. */

import type { Native } from '../addon-types.js';
import { NodeApi } from './napi.js';
import type { ModuleExports } from './napi.js';

/**
 * A clock that never goes back, in milliseconds since its first reading. In workerd `performance.now()` is the wall clock, which
 * an operator may set back.
 */
export function forward(read: () => number): () => number {
  let last: number | undefined;
  let sum = 0;
  return () => {
    const now = read();
    sum += Math.max(0, now - (last ?? now));
    last = now;
    return sum;
  };
}

/** Makes an instance. It keeps no timer and opens nothing, so a Worker may do so before its first request. */
export function instantiate(module: WebAssembly.Module): Native {
  const api = new NodeApi();
  const clocks = { wall: () => Date.now(), monotonic: forward(() => performance.now()) };
  const { exports } = new WebAssembly.Instance(module, { env: api.imports, napi: api.imports, clocks });
  // What a library does by itself when it is loaded, a module does when it is told to.
  for (const [name, register] of Object.entries(exports)) {
    if (name.startsWith('__napi_register__')) (register as () => void)();
  }
  return api.start(exports as unknown as ModuleExports) as Native;
}
