/**
 * How a runtime whose requests take along what they began, as Workers do, learns of revocations: a request subscribes anew if the
 * last look is a second old, and waits for what is stored. A subscription ends with its look.
 */

import { outlive } from '#host';

import type { Events } from '../events.js';
import type { NativeChannelEvent, NativeChannelFacts, NativeChannelWorker } from '../native.js';
import { TimedOut, monotonic, withTimeout } from '../timeout.js';
import type { RevocationChannel, RevocationSubscription } from './channel.js';

/** How many milliseconds old the last look may be. */
const PERIOD = 1_000;
/** Time-out of a look, in milliseconds. No request waits for more than two. */
const PATIENCE = 2_000;

/** A look at what the channel stores, and the requests that wait for it. */
interface Look {
  readonly begun: number;
  readonly waiting: (() => void)[];
}

export class Looks {
  readonly #worker: NativeChannelWorker;
  readonly #facts: NativeChannelFacts;
  readonly #channel: RevocationChannel;
  readonly #events: Events;
  readonly #flush: () => void;
  #look: Look | undefined;
  #due = 0;
  /** Whether the last look was answered: only a change of that is told. */
  #isJoined = false;

  /** Calls `flush` after each look: revocations may wait that a lost request left. */
  constructor(worker: NativeChannelWorker, channel: RevocationChannel, events: Events, flush: () => void) {
    this.#worker = worker;
    this.#facts = worker.facts();
    this.#channel = channel;
    this.#events = events;
    this.#flush = flush;
  }

  /**
   * Resolves once what is known here is current, or cannot be had; `undefined` if it is current. If the look that it waits for
   * ended with its request, it looks once more with `mayRepeat`.
   */
  current(mayRepeat = true): Promise<void> | undefined {
    const now = monotonic();
    if (now < this.#due) return undefined;
    // One that has gone on for longer has ended with its request.
    if (this.#look === undefined || now - this.#look.begun >= PATIENCE) {
      this.#look = { begun: now, waiting: [] };
      outlive(this.#take(this.#look));
    }
    const { waiting } = this.#look;
    return new Promise(resolve => {
      const late = setTimeout(() => resolve(mayRepeat ? this.current(false) : undefined), PATIENCE);
      waiting.push(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  async #take(look: Look): Promise<void> {
    try {
      await this.#stored(look.begun);
      this.#flush();
    } catch {
      this.#events.emit({ type: 'background_failed', code: 'internal' });
    }
    if (this.#look === look) this.#look = undefined;
    for (const goOn of look.waiting) goOn();
  }

  async #stored(begun: number): Promise<void> {
    const { realm, most } = this.#facts;
    const turn = this.#worker.join();
    const onTexts = (texts: readonly string[]) => this.#emit(this.#worker.received(turn, strings(texts), clocks()));
    const subscribing = (async () => this.#channel.subscribe(onTexts, () => undefined, realm, most))();
    try {
      const { standing, leftOut = 0 } = await withTimeout(PATIENCE, subscribing);
      const events = this.#worker.joined(turn, strings(standing), leftOut, clocks());
      this.#emit(events.filter(({ type, new: added, republished }) => type !== 'revocations_connected' || !this.#isJoined || added || republished));
      this.#isJoined = true;
      this.#due = begun + PERIOD;
    } catch (error) {
      const { event, wait } = this.#worker.lost(turn, reason(error, 'joining failed'), Math.random(), clocks());
      this.#emit(event === undefined ? [] : [event]);
      this.#isJoined = false;
      this.#due = monotonic() + wait;
    } finally {
      // It may also arrive late.
      void subscribing.then(closed, () => undefined);
    }
  }

  #emit(events: readonly NativeChannelEvent[]): void {
    for (const event of events) this.#events.emit(event);
  }
}

/** An error of the channel's own may hold its address. */
export function reason(error: unknown, otherwise: string): string {
  return error instanceof TimedOut ? 'no answer in time' : otherwise;
}

/** Closes a subscription. An error of the channel's own only means that it is gone. */
export async function closed(subscription: RevocationSubscription | undefined): Promise<void> {
  try {
    await subscription?.close();
  } catch {
    // It is left, as wanted.
  }
}

/** What is no text counts as unreadable. */
export function strings(texts: readonly string[]): string[] {
  return texts.map(text => (typeof text === 'string' ? text : ''));
}

export function clocks(): { wall: number; monotonic: number } {
  return { wall: Date.now(), monotonic: monotonic() };
}
