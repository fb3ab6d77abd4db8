/** Time-outs, and the clock that they are measured by. Their timers keep no process alive. Workers and browsers have neither `unref` nor `refresh`. */

/** The time-out passed. */
export class TimedOut extends Error {
  constructor() {
    super('No answer in time.');
  }
}

/** An idle time-out that restarts on progress. */
export class IdleTimeout {
  readonly #milliseconds: number;
  #cancel: (() => void) | undefined;
  #late: () => void = () => undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Reports progress. */
  restart(): void {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = deadline(this.#late, this.#milliseconds);
  }

  async wait<T>(work: Promise<T>): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      this.#late = () => reject(new TimedOut());
      this.#cancel = deadline(this.#late, this.#milliseconds);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      this.#cancel?.();
      this.#cancel = undefined;
    }
  }
}

/**
 * Calls a function once the time is over and what arrived until then is read. Returns a function that cancels it. An event loop that
 * stood still comes to its timers before its sockets, so a plain timer would give up an answer that is there.
 */
export function deadline(run: () => void, milliseconds: number, start: (over: () => void, milliseconds: number) => Timer = quietTimer): () => void {
  let isCancelled = false;
  const end = () => {
    if (!isCancelled) run();
  };
  const timer = start(() => (typeof setImmediate === 'function' ? setImmediate(end) : setTimeout(end, 0)), milliseconds);
  return () => {
    isCancelled = true;
    clearTimeout(timer);
  };
}

type Timer = ReturnType<typeof setTimeout>;

/** A timer that keeps no process alive, where that is a question. */
export function quietTimer(run: () => void, milliseconds: number): Timer {
  const timer = setTimeout(run, milliseconds);
  if (typeof timer === 'object') timer.unref();
  return timer;
}

/** Waits at most this many milliseconds. */
export function withTimeout<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new IdleTimeout(milliseconds).wait(work);
}

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

/** The package's own. */
export const monotonic: () => number = forward(() => performance.now());
