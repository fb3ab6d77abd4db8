/** Time-outs. Their timers keep no process alive. */

/** The time-out passed. */
export class TimedOut extends Error {
  constructor() {
    super('No answer in time.');
  }
}

/** An idle time-out that restarts on progress. */
export class IdleTimeout {
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Reports progress. */
  restart(): void {
    this.#timer?.refresh();
  }

  async wait<T>(work: Promise<T>): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      this.#timer = setTimeout(() => reject(new TimedOut()), this.#milliseconds).unref();
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(this.#timer);
      // A timer that is refreshed would run again.
      this.#timer = undefined;
    }
  }
}

/** Waits at most this many milliseconds. */
export function withTimeout<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new IdleTimeout(milliseconds).wait(work);
}
