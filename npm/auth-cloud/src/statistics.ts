/** `statistics()`: counters since the start and current gauges, as rows that a metrics exporter can take as they are. */

import type { CloudAuthSource } from './event-types.js';
import type { RevocationStatus } from './revocation/channel.js';

/** Rows of one kind: labels and a count. */
type Rows<Labels> = readonly Readonly<Labels & { count: number }>[];

/** Status of the revocation channel. */
export interface CloudAuthRevocationFigures {
  /** Whether the channel is connected. */
  readonly connected: boolean;
  /** Revocations that wait to be published. */
  readonly pending: number;
  /** As {@link RevocationStatus.lag}, in seconds; absent before the first. */
  readonly lag?: number;
}

/** Statistics of a deployment. Each `count` only grows, except in `cacheEntries`. */
export interface CloudAuthStatistics {
  /** Requests that were authenticated, or were not. */
  readonly requests: Rows<{
    outcome: 'authenticated' | 'anonymous' | 'rejected' | 'unavailable';
    source: CloudAuthSource;
  }>;
  /** Sign-ins. */
  readonly logins: Rows<{ outcome: 'succeeded' | 'failed' }>;
  /** Sessions that were signed out here, by the Cloud's answer; not the session of a sign-in that failed here. */
  readonly signOuts: Rows<{ outcome: 'ended' | 'already_gone' | 'not_confirmed' }>;
  /** Calls to the Cloud, by endpoint and by status or reason for no answer. */
  readonly cloudCalls: Rows<{ operation: string; status: string }>;
  /** Calls to the Cloud that took up to `le` seconds. */
  readonly cloudCallTimes: Rows<{ operation: string; le: string }>;
  /** Entries in the cache now. */
  readonly cacheEntries: Rows<{ kind: 'identities' | 'refusals' }>;
  /** The state of the circuit breaker, of the endpoint in the worst state. */
  readonly breaker: 'closed' | 'open' | 'half_open';
  /** Seconds since the key set was fetched; absent if signatures are not checked with fetched keys. */
  readonly keysAge?: number;
  /** Status of the revocation channel; absent if revocations are not shared. */
  readonly revocations?: CloudAuthRevocationFigures;
}

/** The channel's status as statistics. */
export function figures({ connected, pending, lag }: RevocationStatus): CloudAuthRevocationFigures {
  return { connected, pending, ...(lag !== undefined && { lag }) };
}
