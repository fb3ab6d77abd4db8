/** What Node, Bun and Deno give the package. `#host` in the manifest leads here, and in Workers to `host-worker.ts`. */

export { native } from './native.js';
export { redisChannel } from './revocation/redis.js';

/** Whether a request that ends takes along what it began. */
export const endsWithRequest: boolean = false;

/** Whether work can go on after the request that began it. */
export const canOutlive = (): boolean => true;

/** Lets work go on after the request that began it. */
export function outlive(_work: Promise<void>): void {}
