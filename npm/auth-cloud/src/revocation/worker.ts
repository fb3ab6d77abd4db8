/**
 * The driver of the core's worker on a revocation channel: it calls the channel, waits as long as the worker says, and emits
 * its events.
 *
 * No request waits for it, and no timer of it keeps a process alive.
 */

import type { Events } from '../events.js';
import type { NativeEngine, NativeChannelEvent, NativeChannelFacts, NativeChannelRetry, NativeChannelWorker } from '../native.js';
import { IdleTimeout, TimedOut, quietTimer, withTimeout } from '../timeout.js';
import type { RevocationChannel, RevocationStatus, RevocationSubscription } from './channel.js';

export class RevocationWorker {
  readonly #worker: NativeChannelWorker;
  readonly #facts: NativeChannelFacts;
  readonly #channel: RevocationChannel;
  readonly #events: Events;
  #subscription: RevocationSubscription | undefined;
  #publishing = false;
  #closed = false;

  constructor(engine: NativeEngine, channel: RevocationChannel, events: Events) {
    this.#worker = engine.channelWorker(clocks());
    this.#facts = this.#worker.facts();
    this.#channel = channel;
    this.#events = events;
    void this.#receive();
  }

  /** Publishes pending revocations in the background. Cheap if there are none. */
  flush(): void {
    if (!this.#publishing) this.#publish().catch(() => this.#broke());
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
    this.#publishing = true;
    const { realm, timeout } = this.#facts;
    try {
      while (!this.#closed) {
        const batch = this.#worker.nextBatch(clocks());
        if (batch.length === 0) break;
        try {
          await withTimeout(timeout, this.#channel.publish(batch, realm));
        } catch (error) {
          await this.#retry(this.#worker.publishFailed(reason(error, 'publishing failed'), Math.random(), clocks()));
          continue;
        }
        this.#emit(this.#worker.published(clocks()));
      }
    } finally {
      this.#publishing = false;
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

/** An error of the channel's own may hold its address. */
function reason(error: unknown, otherwise: string): string {
  return error instanceof TimedOut ? 'no answer in time' : otherwise;
}

/** Closes a subscription. An error of the channel's own only means that it is gone. */
async function closed(subscription: RevocationSubscription | undefined): Promise<void> {
  try {
    await subscription?.close();
  } catch {
    // It is left, as wanted.
  }
}

/** What is no text counts as unreadable. */
function strings(texts: readonly string[]): string[] {
  return texts.map(text => (typeof text === 'string' ? text : ''));
}

function clocks(): { wall: number; monotonic: number } {
  return { wall: Date.now(), monotonic: performance.now() };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    quietTimer(resolve, milliseconds);
  });
}
