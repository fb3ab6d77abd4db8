/** What differs between runtimes: Node, Bun and Deno have a `process`, Workers may have none. */

/** The global `process`, if there is one. */
export function host(): Partial<NodeJS.Process> | undefined {
  return globalThis.process as Partial<NodeJS.Process> | undefined;
}

/** An environment variable. An empty one counts as unset. */
export function variable(name: string): string | undefined {
  return host()?.env?.[name] || undefined;
}

/** A module of Node; `undefined` where the runtime has none of it. */
export function builtin<K extends keyof Builtins>(name: K): Builtins[K] | undefined {
  return host()?.getBuiltinModule?.(name) as Builtins[K] | undefined;
}

interface Builtins {
  'node:fs': typeof import('node:fs');
  'node:async_hooks': typeof import('node:async_hooks');
  'node:diagnostics_channel': typeof import('node:diagnostics_channel');
}

/** Emits a warning: of the process, or on the console where there is none. */
export function warn(message: string, code: string, type = 'Warning'): void {
  const { emitWarning } = host() ?? {};
  if (typeof emitWarning === 'function') emitWarning(message, { type, code });
  else console.warn(`(${code}) ${type}: ${message}`);
}

/** Makes a value at once, or at its first use if a runtime allows no randomness yet: Workers do only during a request. */
export function openable<T>(open: () => T, check: () => void): () => T {
  let value: T | undefined;
  if (hasRandomness()) value = open();
  else check();
  return () => (value ??= open());
}

function hasRandomness(): boolean {
  try {
    crypto.getRandomValues(new Uint8Array(1));
    return true;
  } catch {
    return false;
  }
}
