/**
 * Looks that wait for a signature to be checked on another thread.
 *
 * Checks that are laid down in one turn of the event loop go there together. What comes back is told to whoever holds its ticket.
 */

import type { NativeAuthority, NativeBatch, NativeSettled } from './native.js';

interface Waiting {
  resolve(settled: NativeSettled): void;
  reject(cause: unknown): void;
}

export class Checks {
  readonly #authority: NativeAuthority;
  readonly #due: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #isCalled = false;

  /** `due` is called where there is something in the background to do. */
  constructor(authority: NativeAuthority, due: () => void) {
    this.#authority = authority;
    this.#due = due;
  }

  /** What comes of the check of this ticket, which was laid down just now. */
  of(ticket: number): Promise<NativeSettled> {
    this.#call();
    return new Promise((resolve, reject) => this.#waiting.set(ticket, { resolve, reject }));
  }

  #call(): void {
    if (this.#isCalled) return;
    this.#isCalled = true;
    // After all that this turn brought: other requests come in the same one.
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

  /** What came of a batch is lost, and whose it was: nobody is left to wait for ever. */
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
