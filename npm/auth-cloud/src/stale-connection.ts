/**
 * Detects a request on a reused connection that ended without a byte of an answer. The other end then closed the connection
 * as the request was written, so the request may be sent again, even one that spends a code.
 *
 * `fetch` does not expose this; undici, behind it, publishes each request with its socket. Other implementations publish
 * nothing, and other runtimes have no such channel: then no connection counts as reused.
 */

import type { AsyncLocalStorage } from 'node:async_hooks';

import { endsWithRequest } from '#host';

import { builtin } from './runtime.js';

/** The symbols of undici's shared dispatcher and its options. */
const GLOBAL = Symbol.for('undici.globalDispatcher.1');
const OPTIONS = 'options';

/** The part of undici's messages that is used. */
interface Published {
  readonly request: object;
  readonly socket?: { readonly bytesRead: number };
}

const CREATED = 'undici:request:create';
const SENT = 'undici:client:sendHeaders';

const watched = new WeakMap<object, ConnectionWatch>();
let running = 0;
let channels: Channels | undefined;

/** What publishes, and what tells whose `fetch` it is about. */
interface Channels {
  readonly watching: AsyncLocalStorage<ConnectionWatch>;
  readonly diagnostics: typeof import('node:diagnostics_channel');
}

/** Looked up at first use. Workers lack these modules, or have them in part. */
function channelsOfNode(): Channels | undefined {
  if (endsWithRequest) return undefined;
  const diagnostics = builtin('node:diagnostics_channel');
  const hooks = builtin('node:async_hooks');
  if (diagnostics && hooks) channels ??= { diagnostics, watching: new hooks.AsyncLocalStorage() };
  return channels;
}

/** One watched `fetch`. */
export class ConnectionWatch {
  #created = 0;
  #sent = 0;
  #socket: Published['socket'];
  #readBefore = 0;

  async run<T>(work: () => Promise<T>): Promise<T> {
    const found = channelsOfNode();
    if (found === undefined) return work();
    const { watching, diagnostics } = found;
    running += 1;
    if (running === 1) {
      diagnostics.subscribe(CREATED, created);
      diagnostics.subscribe(SENT, sent);
    }
    try {
      return await watching.run(this, work);
    } finally {
      running -= 1;
      if (running === 0) {
        diagnostics.unsubscribe(CREATED, created);
        diagnostics.unsubscribe(SENT, sent);
        // Until then Node calls hooks for every promise of the process, which doubles what an `await` costs.
        watching.disable();
      }
    }
  }

  /** Whether that is certain. It is not if the `fetch` sent more than one request, or one twice. */
  get endedUnanswered(): boolean {
    const isOne = this.#created === 1 && this.#sent === 1;
    return isOne && this.#readBefore > 0 && this.#socket?.bytesRead === this.#readBefore;
  }

  created(request: object): void {
    this.#created += 1;
    watched.set(request, this);
  }

  sent(socket: Published['socket']): void {
    this.#sent += 1;
    this.#socket = socket;
    this.#readBefore = socket?.bytesRead ?? 0;
  }
}

function created(message: unknown): void {
  const { request } = message as Published;
  channels?.watching.getStore()?.created(request);
}

function sent(message: unknown): void {
  const { request, socket } = message as Published;
  watched.get(request)?.sent(socket);
}

/** A dispatcher of `fetch`. */
export interface Dispatcher {
  close(): Promise<void>;
}

/**
 * A dispatcher like the global one but without its connections, for a request that is sent again. `undefined` if `fetch` is
 * not undici's, or the global dispatcher is not a plain `Agent`.
 */
export function freshDispatcher(): Dispatcher | undefined {
  try {
    const shared = (globalThis as Record<symbol, unknown>)[GLOBAL] as Record<symbol, unknown> | undefined;
    const Agent = shared?.constructor as (new (options: unknown) => Dispatcher) | undefined;
    const key = shared && Object.getOwnPropertySymbols(shared).find(({ description }) => description === OPTIONS);
    return shared && Agent?.name === 'Agent' && key ? new Agent(shared[key]) : undefined;
  } catch {
    return undefined;
  }
}
