/**
 * The worker on a revocation channel: publishes what is revoked here, applies what is revoked elsewhere.
 *
 * A revocation stays queued until the channel took it. After each join, the worker publishes again what the channel lacks.
 * No request waits for it, and no timer of it keeps a process alive. The core reads the texts.
 */

import type { Events } from '../events.js';
import type { NativeAuthority, NativeHeard, NativeJoining, NativeRevocation } from '../native.js';
import { IdleTimeout, TimedOut, withTimeout } from '../timeout.js';
import type { RevocationChannel, RevocationStatus, RevocationSubscription } from './channel.js';

const BATCH = 256;
const TIMEOUT = 5000;
/** Least time in milliseconds between two warnings of unreadable entries: any publisher decides how often such arrive. */
const MINUTE = 60_000;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1000;

export class RevocationWorker {
  readonly #authority: NativeAuthority;
  readonly #channel: RevocationChannel;
  readonly #events: Events;
  readonly #realm: string;
  #subscription: RevocationSubscription | undefined;
  #closed = false;
  #unsent: NativeRevocation[] = [];
  #republish: NativeRevocation[] = [];
  #wanted = false;
  #sending = false;
  #receives = false;
  #publishes = true;
  #connected = false;
  /** Whether the channel was reached or missed at least once. */
  #wasTried = false;
  #since = new Date();
  /** The back-off before the next join. Doubles each time, until a connection lasted longer than the longest back-off. */
  #joinPause = FIRST_PAUSE;
  #joinedAt = 0;
  #lag: number | undefined;
  #count = { sent: 0, received: 0, unreadable: 0, leftOut: 0, lost: 0 };
  /** The stored entries of the join in progress: how many came, and how many of them were new here. */
  #snapshot = { stored: 0, new: 0 };
  /** Unreadable entries that no warning has counted yet, and when the last one was logged. */
  #unwarned = 0;
  #warnedAt = -Infinity;
  readonly #random: () => number;

  /** `random` is the source of the jitter: from 0 up to 1. */
  constructor(authority: NativeAuthority, channel: RevocationChannel, events: Events, random = Math.random) {
    this.#authority = authority;
    this.#channel = channel;
    this.#events = events;
    this.#random = random;
    this.#realm = authority.publishRevocations();
    void this.#join();
  }

  /** Publishes pending revocations in the background. */
  flush(): void {
    this.#wanted = true;
    if (!this.#sending) void this.#sendAll();
  }

  /** Publishes what the core revoked by itself, in what it received or was asked. Cheap if there is nothing. */
  flushIfPending(): void {
    if (this.#authority.waiting() > 0) this.flush();
  }

  status(): RevocationStatus {
    return {
      connected: this.#connected,
      since: this.#since,
      ...(this.#lag !== undefined && { lag: this.#lag }),
      pending: kept(this.#unsent) + this.#republish.length + this.#authority.waiting(),
      ...this.#count,
    };
  }

  /** Publishes pending revocations (up to 2 s) and leaves the channel. */
  async close(): Promise<void> {
    if (this.#closed) return;
    // This timer alone keeps the process alive meanwhile.
    const deadline = { over: false };
    const awake = setTimeout(() => (deadline.over = true), 2000);
    while (!deadline.over && this.status().pending > 0) {
      this.flush();
      await pause(10);
    }
    clearTimeout(awake);
    this.#closed = true;
    this.#receives = false;
    this.#updateLink();
    await attempt(() => this.#subscription?.close());
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    // Catches a request that arrives while the last batch is sent.
    while (this.#wanted) {
      this.#wanted = false;
      await this.#send();
    }
    this.#sending = false;
  }

  async #send(): Promise<void> {
    let wait = FIRST_PAUSE;
    while (!this.#closed) {
      const now = Date.now();
      this.#unsent = this.#unsent.filter(({ until }) => until > now);
      if (this.#unsent.length === 0) this.#unsent = this.#authority.takeRevocations(BATCH);
      if (this.#unsent.length === 0) this.#unsent = this.#republish.splice(0, BATCH);
      if (this.#unsent.length === 0) return;
      try {
        await withTimeout(TIMEOUT, this.#channel.publish(this.#unsent, this.#realm));
        const count = kept(this.#unsent);
        this.#count.sent += count;
        if (count > 0) this.#events.emit({ type: 'revocations_published', count });
        this.#unsent = [];
        this.#publishes = true;
        // Until the first join ends, the state of the other direction is unknown.
        if (this.#receives && this.#updateLink()) this.#events.emit({ type: 'revocations_connected' });
        wait = FIRST_PAUSE;
      } catch (error) {
        this.#publishes = false;
        this.#failed(error, 'publishing failed');
        await pause(spread(wait, this.#random));
        wait = Math.min(wait * 2, LONGEST_PAUSE);
      }
    }
  }

  async #join(): Promise<void> {
    while (!this.#closed) {
      // Ignore callbacks of an earlier attempt.
      const turn = { over: false };
      const joining = this.#authority.joining();
      this.#snapshot = { stored: 0, new: 0 };
      // An idle time-out: it restarts with each part.
      const timeout = new IdleTimeout(TIMEOUT);
      const onTexts = (texts: readonly string[]) => {
        if (turn.over) return;
        timeout.restart();
        this.#receive(texts, joining);
      };
      const onLost = () => {
        if (turn.over) return;
        turn.over = true;
        this.#onLost();
      };
      const subscribing = attempt(() => this.#channel.subscribe(onTexts, onLost, this.#realm, joining.most()));
      try {
        const joined = await timeout.wait(subscribing.then(present));
        if (turn.over || this.#closed) {
          await attempt(() => joined.close());
          await this.#pauseBeforeJoin();
          continue;
        }
        this.#subscription = joined;
        this.#onJoined(joined, joining);
        return;
      } catch (error) {
        turn.over = true;
        // Close a subscription that arrives late.
        subscribing.then(late => late?.close()).catch(() => undefined);
        this.#receives = false;
        this.#failed(error, 'joining failed');
        await this.#pauseBeforeJoin();
      }
    }
  }

  #pauseBeforeJoin(): Promise<void> {
    const wait = this.#joinPause;
    this.#joinPause = Math.min(wait * 2, LONGEST_PAUSE);
    return pause(spread(wait, this.#random));
  }

  #onJoined({ standing, leftOut = 0 }: RevocationSubscription, joining: NativeJoining): void {
    this.#joinedAt = performance.now();
    this.#receive(standing, joining);
    this.#republish = joining.joined();
    this.#count.leftOut = leftOut;
    if (leftOut > 0) this.#events.emit({ type: 'revocations_truncated', count: leftOut });
    this.#receives = true;
    this.#publishes = true;
    if (this.#updateLink()) {
      this.#events.emit({ type: 'revocations_connected', ...this.#snapshot, republished: this.#republish.length });
    }
    this.flush();
  }

  #onLost(): void {
    const gone = this.#subscription;
    this.#subscription = undefined;
    this.#receives = false;
    this.#failed(undefined, 'the connection was lost');
    void attempt(() => gone?.close());
    if (gone === undefined) return;
    if (performance.now() - this.#joinedAt > LONGEST_PAUSE) this.#joinPause = FIRST_PAUSE;
    void this.#pauseBeforeJoin().then(() => this.#join());
  }

  #receive(texts: readonly string[], joining: NativeJoining): void {
    const heard = joining.hear(texts.map(text => (typeof text === 'string' ? text : '')));
    this.#count.received += heard.new;
    this.#count.unreadable += heard.unreadable;
    if (this.#receives) this.#news(heard);
    else this.#snapshot = { stored: this.#snapshot.stored + texts.length, new: this.#snapshot.new + heard.new };
    this.#unwarned += heard.unreadable;
    if (this.#unwarned > 0 && performance.now() - this.#warnedAt >= MINUTE) {
      this.#events.emit({ type: 'revocations_unreadable', count: this.#unwarned });
      this.#unwarned = 0;
      this.#warnedAt = performance.now();
    }
    this.flushIfPending();
  }

  #news({ new: count, lag }: NativeHeard): void {
    if (count === 0 || lag === undefined) return;
    this.#lag = lag / 1000;
    this.#events.emit({ type: 'revocations_received', new: count, lagSeconds: this.#lag });
  }

  /** An attempt failed. Warns once per loss, and once if the channel could not be reached at the start, which is no loss. */
  #failed(cause: unknown, otherwise: string): void {
    const isFirst = !this.#wasTried;
    const isChanged = this.#updateLink();
    if (this.#closed) return;
    // An error of the channel's own may hold its address.
    const error = cause instanceof TimedOut ? 'no answer in time' : otherwise;
    this.#events.emit({ type: isChanged || isFirst ? 'revocations_disconnected' : 'revocations_reconnect_failed', error });
  }

  /** Recomputes the link. Returns whether it changed; leaving is no change. */
  #updateLink(): boolean {
    const connected = this.#receives && this.#publishes;
    this.#wasTried = true;
    if (connected === this.#connected) return false;
    this.#since = new Date();
    this.#connected = connected;
    if (this.#closed) return false;
    if (!connected) this.#count.lost += 1;
    return true;
  }
}

/** The number of revocations among these. */
function kept(messages: readonly NativeRevocation[]): number {
  return messages.filter(message => message.kept).length;
}

/** Runs a channel's own code; an error only means that it failed. */
async function attempt<T>(work: () => Promise<T> | T): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The channel was not joined.');
  return value;
}

/** A jitter of half: instances that lost the channel together must not rejoin and republish together. */
export function spread(milliseconds: number, random = Math.random): number {
  return milliseconds * (0.5 + random());
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, milliseconds).unref();
  });
}
