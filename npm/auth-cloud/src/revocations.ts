/**
 * What ended before its time, told from instance to instance: the channel, and the work on it.
 *
 * What goes out is kept until the channel took it; whenever the channel was joined anew, what it lacks of all that stands here is told
 * again. No request waits for any of it, and no timer of it keeps a process alive. What a text says is the core's to read.
 */

import type { Events } from './events.js';
import type { NativeAuthority, NativeJoining, NativeRevocation } from './native.js';
import { Patience, within } from './patience.js';

/** One revocation as it travels, or a sign-in's callback that was used. Holds ids and digests, and no token. */
export interface RevocationMessage {
  /** Visible ASCII and spaces, up to 1,024 characters. Equal texts are one revocation. */
  readonly text: string;
  /** Until when it is kept, or is of use, in milliseconds since the Unix epoch. */
  readonly until: number;
  /**
   * Whether it is kept for instances that are away. A used callback is not: one comes with every sign-in, and who was not told asks the
   * Cloud. To keep it all the same does no harm.
   */
  readonly kept: boolean;
}

/** A channel that was joined. */
export interface RevocationSubscription {
  /** All that is kept and not over, or the last part of it. */
  readonly standing: readonly string[];
  /** How many more are kept, which were too many to be given. */
  readonly leftOut?: number;
  /** Leaves the channel, and lets go of everything. */
  close(): Promise<void> | void;
}

/**
 * Something that all instances of a deployment reach, and that keeps what it was told until it is over. `realm` stands for the
 * deployment: 32 hexadecimal digits, for the name of a table or a channel.
 */
export interface RevocationChannel {
  /**
   * Keeps these for instances that are away, and tells them to those that are there. The same message may come again. One that is not
   * `kept` is told only.
   */
  publish(messages: readonly RevocationMessage[], realm: string): Promise<void>;
  /**
   * Listens first, then gives all that is kept, so that nothing falls between the two. `told` is called with what is told from then on,
   * and with nothing where the other end was just seen to be there; `lost` once something may have been missed: then it is joined anew.
   *
   * What is kept may come in parts, each but the last through `told`. More than `most` of it is of no use: of more, those that end last
   * count.
   */
  subscribe(
    told: (texts: readonly string[]) => void,
    lost: () => void,
    realm: string,
    most: number,
  ): Promise<RevocationSubscription>;
}

/** How it stands with the channel. */
export interface RevocationStatus {
  /** Whether it is there, and all that it keeps is known here. */
  readonly connected: boolean;
  /** Since when it is so, or since the start. */
  readonly since: Date;
  /** How many milliseconds ago what was new in the last message had ended when it arrived here. */
  readonly lag?: number;
  /** How many revocations wait to be told. */
  readonly pending: number;
  /** How many were told. */
  readonly sent: number;
  /** How many came that said something new here, since the start: also of what was kept when the channel was joined. */
  readonly received: number;
  /** How many came that could not be read or were not taken: of another version, by a stranger, or of a time to come. */
  readonly unreadable: number;
  /** How many entries were too many to be read when the channel was joined the last time: what they say is not known here. */
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
  /** Whether the channel was reached or missed once since the start. */
  #tried = false;
  #since = new Date();
  /** The next pause before the channel is joined again: longer each time, until it held for longer than the longest. */
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

  /** Tells others what ended here. Does not wait for it. */
  flush(): void {
    this.#wanted = true;
    if (!this.#sending) void this.#work();
  }

  /** The same for what the core ended by itself, in what it heard or was asked. Cheap where there is none. */
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

  /** Tells what is left, for two seconds at most, and leaves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    // Nothing else of it keeps the process alive until it is told.
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
    // What is wanted while the last of it goes out is not overlooked.
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
        // While it is being joined for the first time nothing is known of the other direction.
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
      // What an earlier try still says counts no more.
      const turn = { over: false };
      const joining = this.#authority.joining();
      // As long as parts of it come, it goes on.
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
        // One that arrives after all is let go.
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

  /** Tells each change once; a channel that is missed at the start is told once too, and does not count as lost. */
  #relink(): void {
    const connected = this.#receives && this.#publishes;
    const isMissing = !this.#tried && !connected;
    this.#tried = true;
    if (connected === this.#connected && !isMissing) return;
    if (!isMissing) this.#since = new Date();
    this.#connected = connected;
    // To leave it is not to lose it.
    if (this.#closed) return;
    if (!connected && !isMissing) this.#count.lost += 1;
    this.#events.tell({ type: connected ? 'revocations_connected' : 'revocations_lost' });
  }
}

/** How many of these are revocations. */
function kept(messages: readonly NativeRevocation[]): number {
  return messages.filter(message => message.kept).length;
}

/** Runs what somebody else wrote: that it throws is no more than that it did not work. */
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

/** Give or take a half: what all instances lost at once they do not join at once, and tell anew. */
export function spread(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random());
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, milliseconds).unref();
  });
}
