/** The interface of a revocation channel, for channels of a user's own, and its status. */

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
   * In Workers it is called by a request if the last call is a second old, and the subscription ends with that.
   *
   * Subscribes first and then returns everything stored, so that there is no gap between the two. Calls `onTexts` with each
   * message published from then on, and with an empty list when the other end was just seen to be alive. Calls `onLost` once
   * messages may have been missed: the caller then joins again.
   *
   * Stored entries may come in parts, each but the last through `onTexts`. More than `most` of them are of no use: if there
   * are more, those with the latest expiry count.
   */
  subscribe(
    onTexts: (texts: readonly string[]) => void,
    onLost: () => void,
    realm: string,
    most: number,
  ): Promise<RevocationSubscription>;
}

/** A channel over Redis, where instances share newer sealed sessions too. */
export interface RedisRevocationChannel extends RevocationChannel {
  /** Runs commands in one round trip, in so many milliseconds at most. Resolves with the reply to each, `null` for nil. */
  redis(commands: readonly (readonly string[])[], timeout: number): Promise<(string | null)[]>;
}

/** Status of the revocation channel. */
export interface RevocationStatus {
  /** Whether the channel is connected, and all its stored entries are known here. */
  readonly connected: boolean;
  /** Since when that is so, or since the start. */
  readonly since: Date;
  /** How many seconds before its arrival the last new revocation was made; absent before the first. */
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
