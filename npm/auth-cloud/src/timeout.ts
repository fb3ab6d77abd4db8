/** Time-outs. Their timers keep no process alive. */

/** The time-out passed. */
export class Late extends Error {
  constructor() {
    super('No answer in time.');
  }
}

/** An idle time-out that restarts on progress. */
export class Patience {
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Reports progress. */
  renew(): void {
    this.#timer?.refresh();
  }

  async wait<T>(work: Promise<T>): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      this.#timer = setTimeout(() => reject(new Late()), this.#milliseconds).unref();
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
export function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new Patience(milliseconds).wait(work);
}
