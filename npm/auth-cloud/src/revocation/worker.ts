/**
 * The driver of the core's worker on a revocation channel: it calls the channel, waits as long as the worker says, and emits
 * its events.
 *
 * No request waits for it, and no timer of it keeps a process alive. Where a subscription would end with the request that made it,
 * requests look for themselves ({@link Looks}).
 */

import { endsWithRequest, outlive } from '#host';

import type { Events } from '../events.js';
import type { NativeEngine, NativeChannelEvent, NativeChannelFacts, NativeChannelRetry, NativeChannelWorker } from '../native.js';
import { IdleTimeout, monotonic, quietTimer, withTimeout } from '../timeout.js';
import type { RevocationChannel, RevocationStatus, RevocationSubscription } from './channel.js';
import { Looks, clocks, closed, reason, strings } from './looks.js';

/** How many milliseconds after its time-out a publication counts as lost, with the request that made it. */
const GRACE = 500;

export class RevocationWorker {
  readonly #worker: NativeChannelWorker;
  readonly #facts: NativeChannelFacts;
  readonly #channel: RevocationChannel;
  readonly #events: Events;
  #subscription: RevocationSubscription | undefined;
  /** Until when the publication under way goes on, or else its request has ended; 0 if there is none. */
  #publishing = 0;
  /** Which publication that is: a later request may take it over. */
  #publication = 0;
  readonly #looks: Looks;
  #closed = false;

  constructor(engine: NativeEngine, channel: RevocationChannel, events: Events) {
    this.#worker = engine.channelWorker(clocks());
    this.#facts = this.#worker.facts();
    this.#channel = channel;
    this.#events = events;
    this.#looks = new Looks(this.#worker, channel, events, () => this.flush());
    if (!endsWithRequest) void this.#receive();
  }

  /** What a request waits for before it relies on what is known here; mostly nothing. */
  current(): Promise<void> | undefined {
    return endsWithRequest && !this.#closed ? this.#looks.current() : undefined;
  }

  /** Publishes pending revocations in the background. Cheap if there are none. */
  flush(): void {
    if (monotonic() >= this.#publishing) outlive(this.#publish().catch(() => this.#broke()));
  }

  status(): RevocationStatus {
    const { since, ...status } = this.#worker.status();
    return { ...status, since: new Date(since) };
  }

  /** Publishes pending revocations (up to 2 s) and leaves the channel. */
  async close(): Promise<void> {
    if (this.#closed) return;
    // This timer alone keeps the process alive meanwhile.
    const deadline = { over: false };
    const awake = setTimeout(() => (deadline.over = true), this.#facts.flushTimeout);
    while (!deadline.over && this.status().pending > 0) {
      this.flush();
      await pause(10);
    }
    clearTimeout(awake);
    this.#closed = true;
    this.#worker.leave(clocks());
    await closed(this.#subscription);
  }

  async #publish(): Promise<void> {
    const publication = (this.#publication += 1);
    const { realm, timeout } = this.#facts;
    try {
      while (!this.#closed && this.#publication === publication) {
        const batch = this.#worker.nextBatch(clocks());
        if (batch.length === 0) break;
        this.#publishing = monotonic() + timeout + GRACE;
        try {
          await withTimeout(timeout, this.#channel.publish(batch, realm));
        } catch (error) {
          if (this.#publication !== publication) break;
          const retry = this.#worker.publishFailed(reason(error, 'publishing failed'), Math.random(), clocks());
          this.#publishing = monotonic() + retry.wait + GRACE;
          await this.#retry(retry);
          continue;
        }
        // Another publication has the batch now.
        if (this.#publication !== publication) break;
        this.#emit(this.#worker.published(clocks()));
      }
    } finally {
      if (this.#publication === publication) this.#publishing = 0;
    }
  }

  async #receive(): Promise<void> {
    while (!this.#closed) {
      try {
        const turn = this.#worker.join();
        const why = await this.#turn(turn);
        await this.#retry(this.#worker.lost(turn, why, Math.random(), clocks()));
      } catch {
        this.#broke();
        await pause(this.#facts.timeout);
      }
    }
  }

  /** A call into the addon failed: the next one goes on. */
  #broke(): void {
    this.#events.emit({ type: 'background_failed', code: 'internal' });
  }

  /** From the join to the loss of a connection; resolves with the reason. */
  async #turn(turn: number): Promise<string> {
    const { realm, most, timeout } = this.#facts;
    const lost = Promise.withResolvers<void>();
    // It restarts with each part.
    const idle = new IdleTimeout(timeout);
    // The worker ignores the texts of an earlier turn.
    const onTexts = (texts: readonly string[]) => {
      idle.restart();
      try {
        this.#emit(this.#worker.received(turn, strings(texts), clocks()));
      } catch {
        // They count as missed: joining again reads what the channel stores.
        this.#broke();
        lost.resolve();
      }
      this.flush();
    };
    const subscribing = (async () => this.#channel.subscribe(onTexts, lost.resolve, realm, most))();
    try {
      const subscription = await idle.wait(Promise.race([subscribing, lost.promise]));
      if (subscription !== undefined && !this.#closed) {
        this.#subscription = subscription;
        const { standing, leftOut = 0 } = subscription;
        this.#emit(this.#worker.joined(turn, strings(standing), leftOut, clocks()));
        this.flush();
        await lost.promise;
      }
      return 'the connection was lost';
    } catch (error) {
      return reason(error, 'joining failed');
    } finally {
      this.#subscription = undefined;
      // It may also arrive late.
      void subscribing.then(closed, () => undefined);
    }
  }

  #retry({ event, wait }: NativeChannelRetry): Promise<void> {
    if (event !== undefined) this.#events.emit(event);
    return pause(wait);
  }

  #emit(events: readonly NativeChannelEvent[]): void {
    for (const event of events) this.#events.emit(event);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    quietTimer(resolve, milliseconds);
  });
}
