/**
 * Authentications that wait for a signature check on another thread.
 *
 * Checks that are enqueued in one turn of the event loop go there together. Each result resolves the promise of its ticket.
 */

import type { NativeAuthority, NativeBatch, NativeSettled } from './native.js';

interface Waiting {
  resolve(settled: NativeSettled): void;
  reject(cause: unknown): void;
}

export class SignatureChecks {
  readonly #authority: NativeAuthority;
  readonly #due: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #isCalled = false;

  /** Calls `due` when there is background work. */
  constructor(authority: NativeAuthority, due: () => void) {
    this.#authority = authority;
    this.#due = due;
  }

  /** The result of a check that was just enqueued, by its ticket. */
  result(ticket: number): Promise<NativeSettled> {
    this.#call();
    return new Promise((resolve, reject) => this.#waiting.set(ticket, { resolve, reject }));
  }

  #call(): void {
    if (this.#isCalled) return;
    this.#isCalled = true;
    // After all requests of this turn.
    setImmediate(() => {
      this.#isCalled = false;
      try {
        for (const batch of this.#authority.checks()) batch.then(done => this.#take(done)).catch(this.#fail);
      } catch (cause) {
        this.#fail(cause);
      }
    });
  }

  #take({ settled, isMore, isDue }: NativeBatch): void {
    for (const one of settled) this.#settle(one);
    if (isMore) this.#call();
    if (isDue) this.#due();
  }

  /** A batch failed, and which tickets it held is unknown: reject all, so that none waits for ever. */
  readonly #fail = (cause: unknown): void => {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(cause);
  };

  #settle(settled: NativeSettled): void {
    const waiting = this.#waiting.get(settled.ticket);
    this.#waiting.delete(settled.ticket);
    const { internal } = settled;
    if (internal === undefined) waiting?.resolve(settled);
    else waiting?.reject(Object.assign(new Error(internal), { code: 'internal' }));
  }
}
