/**
 * What a Worker gives the package, and a browser's bundle: the rules as WebAssembly, which the bundler or the runtime hands over
 * compiled. There is no file to read and no socket for Redis.
 */

import module from '../auth-cloud.wasm';

import type { Native } from './addon-types.js';
import type * as Host from './host.js';
import { configurationError } from './error.js';
import { instantiate } from './wasm/instance.js';

export const native: Native = instantiate(module);

export const redisChannel: typeof Host.redisChannel = () => {
  throw configurationError('revocations.redis needs sockets, which this runtime lacks: give a channel with publish and subscribe');
};

/** A client that hangs up cancels the calls and timers of its request, unless the runtime was told of them. */
export const endsWithRequest: typeof Host.endsWithRequest = true;

type WaitUntil = (work: Promise<void>) => void;
let waitUntil: WaitUntil | undefined;
// By a variable: bundlers and other runtimes know no such module. Workers have it before the first request.
const workers = 'cloudflare:workers';
const found = import(/* @vite-ignore */ /* webpackIgnore: true */ workers) as Promise<{ readonly waitUntil?: WaitUntil }>;
found.then(
  made => (waitUntil = made.waitUntil),
  () => undefined,
);

export const canOutlive: typeof Host.canOutlive = () => waitUntil !== undefined;

export const outlive: typeof Host.outlive = work => waitUntil?.(work);
