/**
 * `statistics()`: counters since the start and how things stand now, as rows that an exporter of metrics takes as they are.
 */

import type { CloudAuthSource } from './events.js';
import type { RevocationStatus } from './revocations.js';

/** Rows of one kind: what tells them apart, and how many. */
type Rows<Labels> = readonly Readonly<Labels & { count: number }>[];

/** How it stands with the channel to other instances. */
export interface CloudAuthRevocationFigures {
  /** Whether it is there. */
  readonly connected: boolean;
  /** How many revocations wait to be told. */
  readonly pending: number;
  /** How many seconds late what others revoked arrived here the last time; absent before the first. */
  readonly lag?: number;
}

/** What happened in a deployment, and how it stands. Each `count` only grows, but for `cacheEntries`. */
export interface CloudAuthStatistics {
  /** Requests whose sender was looked for. */
  readonly requests: Rows<{
    outcome: 'authenticated' | 'anonymous' | 'rejected' | 'unavailable';
    source: CloudAuthSource;
  }>;
  /** Sign-ins. */
  readonly logins: Rows<{ outcome: 'succeeded' | 'failed' }>;
  /** Sessions that were ended here, by what the Cloud said. */
  readonly signOuts: Rows<{ outcome: 'ended' | 'already_gone' | 'not_confirmed' }>;
  /** Calls to the Cloud, by endpoint and by status or why there was no answer. */
  readonly cloudCalls: Rows<{ operation: string; status: string }>;
  /** Calls to the Cloud that took so many seconds or less. */
  readonly cloudCallTimes: Rows<{ operation: string; le: string }>;
  /** What is remembered now. */
  readonly cacheEntries: Rows<{ kind: 'identities' | 'refusals' }>;
  /** Whether the Cloud is asked now, by the endpoint that is worst off. */
  readonly breaker: 'closed' | 'open' | 'half_open';
  /** How many seconds ago the key set was fetched; absent where signatures are not checked with fetched keys. */
  readonly keysAge?: number;
  /** How it stands with the channel to other instances; absent where revocations are not shared. */
  readonly revocations?: CloudAuthRevocationFigures;
}

/** The channel's status as figures. */
export function figures({ connected, pending, lag }: RevocationStatus): CloudAuthRevocationFigures {
  return { connected, pending, ...(lag !== undefined && { lag: lag / 1000 }) };
}
