/** What Node, Bun and Deno give the package. `#host` in the manifest leads here, and in Workers to `host-worker.ts`. */

export { native } from './native.js';
export { redisChannel } from './revocation/redis.js';

/** Lets work go on after the request that began it. Nothing is to be done: no request's end ends it. */
export function outlive(_work: Promise<void>): void {}
