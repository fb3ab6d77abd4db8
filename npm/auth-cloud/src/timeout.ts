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
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late: () => void = () => undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Reports progress. */
  restart(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = quietTimer(this.#late, this.#milliseconds);
  }

  async wait<T>(work: Promise<T>): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      this.#late = () => reject(new TimedOut());
      this.#timer = quietTimer(this.#late, this.#milliseconds);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }
}

/** A timer that keeps no process alive, where that is a question. */
export function quietTimer(run: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
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
