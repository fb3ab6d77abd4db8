/**
 * Revocations that instances exchange: the channel, and the worker on it.
 *
 * A revocation stays queued until the channel took it. After each join, the worker publishes again what the channel lacks.
 * No request waits for it, and no timer of it keeps a process alive. The core reads the texts.
 */

import type { Events } from '../events.js';
import type { NativeAuthority, NativeJoining, NativeRevocation } from '../native.js';
import { Patience, within } from '../timeout.js';

/** One revocation, or one used sign-in callback, as it is sent. Holds ids and digests, and no token. */
export interface RevocationMessage {
  /** Visible ASCII and spaces, up to 1,024 characters. Equal texts are one revocation. */
  readonly text: string;
  /** When it expires, in milliseconds since the Unix epoch. */
  readonly until: number;
  /**
   * Whether the channel stores it for disconnected instances. A used callback is not stored: there is one for every
   * sign-in, and an instance that missed it asks the Cloud. Storing it does no harm.
   */
  readonly kept: boolean;
}

/** A subscription to the channel. */
export interface RevocationSubscription {
  /** All stored entries that have not expired, or the last part of them. */
  readonly standing: readonly string[];
  /** The number of stored entries beyond the limit, which were left out. */
  readonly leftOut?: number;
  /** Leaves the channel and releases its resources. */
  close(): Promise<void> | void;
}

/**
 * A medium that all instances of a deployment reach, and that stores each revocation until it expires. `realm` identifies
 * the deployment: 32 hexadecimal digits, for the name of a table or a channel.
 */
export interface RevocationChannel {
  /**
   * Stores these messages for disconnected instances, and sends them to connected ones. A message may be published more
   * than once. One that is not `kept` is only sent.
   */
  publish(messages: readonly RevocationMessage[], realm: string): Promise<void>;
  /**
   * Subscribes first and then returns everything stored, so that there is no gap between the two. Calls `told` with each
   * message published from then on, and with an empty list when the other end was just seen to be alive. Calls `lost` once
   * messages may have been missed: the caller then joins again.
   *
   * Stored entries may come in parts, each but the last through `told`. More than `most` of them are of no use: if there
   * are more, those with the latest expiry count.
   */
  subscribe(
    told: (texts: readonly string[]) => void,
    lost: () => void,
    realm: string,
    most: number,
  ): Promise<RevocationSubscription>;
}

/** Status of the revocation channel. */
export interface RevocationStatus {
  /** Whether the channel is connected, and all its stored entries are known here. */
  readonly connected: boolean;
  /** Since when that is so, or since the start. */
  readonly since: Date;
  /** How many milliseconds before its arrival the new revocations of the last message were made. */
  readonly lag?: number;
  /** Revocations that wait to be published. */
  readonly pending: number;
  /** Revocations published. */
  readonly sent: number;
  /** Revocations received since the start that said something new here, including those stored when joining. */
  readonly received: number;
  /** Entries that could not be read or were not applied: another version, a foreign publisher, or a time in the future. */
  readonly unreadable: number;
  /** Entries beyond the limit at the last join, which were not read. This instance does not know what they revoke. */
  readonly leftOut: number;
  /** How often the channel was lost. */
  readonly lost: number;
}

const BATCH = 256;
const PATIENCE = 5000;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1000;

export class Revocations {
  readonly #authority: NativeAuthority;
  readonly #channel: RevocationChannel;
  readonly #events: Events;
  readonly #realm: string;
  #joined: RevocationSubscription | undefined;
  #closed = false;
  #unsent: NativeRevocation[] = [];
  #again: NativeRevocation[] = [];
  #wanted = false;
  #sending = false;
  #receives = false;
  #publishes = true;
  #connected = false;
  /** Whether the channel was reached or missed at least once. */
  #tried = false;
  #since = new Date();
  /** The back-off before the next join. Doubles each time, until a connection lasted longer than the longest back-off. */
  #wait = FIRST_PAUSE;
  #joinedAt = 0;
  #lag: number | undefined;
  #count = { sent: 0, received: 0, unreadable: 0, leftOut: 0, lost: 0 };

  constructor(authority: NativeAuthority, channel: RevocationChannel, events: Events) {
    this.#authority = authority;
    this.#channel = channel;
    this.#events = events;
    this.#realm = authority.publishRevocations();
    void this.#join();
  }

  /** Publishes pending revocations in the background. */
  flush(): void {
    this.#wanted = true;
    if (!this.#sending) void this.#work();
  }

  /** Publishes what the core revoked by itself, in what it received or was asked. Cheap if there is nothing. */
  attend(): void {
    if (this.#authority.waiting() > 0) this.flush();
  }

  status(): RevocationStatus {
    return {
      connected: this.#connected,
      since: this.#since,
      ...(this.#lag !== undefined && { lag: this.#lag }),
      pending: kept(this.#unsent) + this.#again.length + this.#authority.waiting(),
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
    this.#relink();
    await attempt(() => this.#joined?.close());
  }

  async #work(): Promise<void> {
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
      if (this.#unsent.length === 0) this.#unsent = this.#again.splice(0, BATCH);
      if (this.#unsent.length === 0) return;
      try {
        await within(PATIENCE, this.#channel.publish(this.#unsent, this.#realm));
        this.#count.sent += kept(this.#unsent);
        this.#unsent = [];
        this.#publishes = true;
        // Until the first join ends, the state of the other direction is unknown.
        if (this.#receives) this.#relink();
        wait = FIRST_PAUSE;
      } catch {
        this.#publishes = false;
        this.#relink();
        await pause(wait);
        wait = Math.min(wait * 2, LONGEST_PAUSE);
      }
    }
  }

  async #join(): Promise<void> {
    while (!this.#closed) {
      // Ignore callbacks of an earlier attempt.
      const turn = { over: false };
      const joining = this.#authority.joining();
      // An idle time-out: it restarts with each part.
      const patience = new Patience(PATIENCE);
      const told = (texts: readonly string[]) => {
        if (turn.over) return;
        patience.renew();
        this.#hear(texts, joining);
      };
      const lost = () => {
        if (turn.over) return;
        turn.over = true;
        this.#left();
      };
      const subscribing = attempt(() => this.#channel.subscribe(told, lost, this.#realm, joining.most()));
      try {
        const joined = await patience.wait(subscribing.then(some));
        if (turn.over || this.#closed) {
          await attempt(() => joined.close());
          await this.#beforeNext();
          continue;
        }
        this.#joined = joined;
        this.#arrived(joined, joining);
        return;
      } catch {
        turn.over = true;
        // Close a subscription that arrives late.
        subscribing.then(late => late?.close()).catch(() => undefined);
        this.#receives = false;
        this.#relink();
        await this.#beforeNext();
      }
    }
  }

  #beforeNext(): Promise<void> {
    const wait = this.#wait;
    this.#wait = Math.min(wait * 2, LONGEST_PAUSE);
    return pause(spread(wait));
  }

  #arrived({ standing, leftOut = 0 }: RevocationSubscription, joining: NativeJoining): void {
    this.#joinedAt = performance.now();
    this.#hear(standing, joining);
    this.#again = joining.joined();
    this.#count.leftOut = leftOut;
    if (leftOut > 0) this.#events.tell({ type: 'revocations_left_out' });
    this.#receives = true;
    this.#publishes = true;
    this.#relink();
    this.flush();
  }

  #left(): void {
    const gone = this.#joined;
    this.#joined = undefined;
    this.#receives = false;
    this.#relink();
    void attempt(() => gone?.close());
    if (gone === undefined) return;
    if (performance.now() - this.#joinedAt > LONGEST_PAUSE) this.#wait = FIRST_PAUSE;
    void this.#beforeNext().then(() => this.#join());
  }

  #hear(texts: readonly string[], joining: NativeJoining): void {
    const heard = joining.hear(texts.map(text => (typeof text === 'string' ? text : '')));
    this.#count.received += heard.new;
    this.#count.unreadable += heard.unreadable;
    if (this.#receives && heard.lag !== undefined) this.#lag = heard.lag;
    this.attend();
  }

  /** Emits each change once. A channel that is missing at the start is reported once too, but does not count as lost. */
  #relink(): void {
    const connected = this.#receives && this.#publishes;
    const isMissing = !this.#tried && !connected;
    this.#tried = true;
    if (connected === this.#connected && !isMissing) return;
    if (!isMissing) this.#since = new Date();
    this.#connected = connected;
    // Leaving is not a loss.
    if (this.#closed) return;
    if (!connected && !isMissing) this.#count.lost += 1;
    this.#events.tell({ type: connected ? 'revocations_connected' : 'revocations_lost' });
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

function some<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The channel was not joined.');
  return value;
}

/** A jitter of half: instances that lost the channel together must not rejoin and republish together. */
export function spread(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random());
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, milliseconds).unref();
  });
}
