/** How long something is waited for. Waiting keeps no process alive. */

/** Nothing came in time. */
export class Late extends Error {
  constructor() {
    super('No answer in time.');
  }
}

/** Waits for something as long as there is a sign of it at least every so many milliseconds. */
export class Patience {
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** There was a sign of it. */
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
      // A timer that is renewed would run again.
      this.#timer = undefined;
    }
  }
}

/** Waits no longer than so many milliseconds. */
export function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new Patience(milliseconds).wait(work);
}
