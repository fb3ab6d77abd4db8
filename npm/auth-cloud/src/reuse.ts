/**
 * Whether a request went out on a connection that had answered before, and that ended without a byte of an answer to it: then the other
 * end closed the connection as the request was written, and the request may be sent again whatever it spends.
 *
 * `fetch` does not tell; undici, which is behind it, publishes each request with its socket. Where anything else is behind it nothing is
 * published, and nothing is said to be reused.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** What undici calls the one that all share, and its options. */
const GLOBAL = Symbol.for('undici.globalDispatcher.1');
const OPTIONS = 'options';

/** What is published of undici's. */
interface Published {
  readonly request: object;
  readonly socket?: { readonly bytesRead: number };
}

const CREATED = 'undici:request:create';
const SENT = 'undici:client:sendHeaders';

const watching = new AsyncLocalStorage<Watch>();
const watched = new WeakMap<object, Watch>();
let running = 0;

/** One `fetch` that is watched. */
export class Watch {
  #created = 0;
  #sent = 0;
  #socket: Published['socket'];
  #readBefore = 0;

  async run<T>(work: () => Promise<T>): Promise<T> {
    running += 1;
    if (running === 1) {
      subscribe(CREATED, created);
      subscribe(SENT, sent);
    }
    try {
      return await watching.run(this, work);
    } finally {
      running -= 1;
      if (running === 0) {
        unsubscribe(CREATED, created);
        unsubscribe(SENT, sent);
      }
    }
  }

  /** Whether that is certain. Where the `fetch` sent more than one request, or one twice, it is not. */
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
  watching.getStore()?.created(request);
}

function sent(message: unknown): void {
  const { request, socket } = message as Published;
  watched.get(request)?.sent(socket);
}

/** Something that `fetch` sends with. */
export interface Dispatcher {
  close(): Promise<void>;
}

/**
 * A dispatcher like the global one and without its connections, for what is sent again. None where that cannot be had: `fetch` is not
 * undici's, or the global one is not a plain `Agent`.
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
