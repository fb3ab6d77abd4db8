/** A running deployment: the core's engine, its driver and its events. Client and provider build on it. */

import { Driver } from './driver.js';
import type { Outcome } from './driver.js';
import { configurationError, fromFailure, isFailure, unwrap } from './error.js';
import { Events } from './events.js';
import type { CloudAuthLogger } from './events.js';
import { canOutlive, native, redisChannel } from '#host';
import type { NativeEngine, NativeFailure, NativePending } from './native.js';
import { nativeOptions, settingsOf } from './options.js';
import type { MastraCloudAuthOptions, Settings } from './options.js';
import type { RedisRevocationChannel, RevocationChannel } from './revocation/channel.js';
import { RevocationWorker } from './revocation/worker.js';
import { warn } from './runtime.js';

/** Statuses of a refusal that concerns the token or the requested object. */
const PLAIN_REFUSALS = new Set([401, 403, 404]);

export class Deployment {
  readonly engine: NativeEngine;
  readonly events: Events;
  readonly withRole: boolean;
  /** Whether permissions come from roles: by a `roleMapping`, or in a dialect without an endpoint for them. */
  readonly rolesDecide: boolean;
  /** Whether the Cloud knows organizations. Elsewhere each user has one alone. */
  readonly hasOrganizations: boolean;
  /** The revocation channel, if there is one. */
  readonly revocations: RevocationWorker | undefined;
  readonly driver: Driver;
  readonly settings: Settings;

  constructor(options: MastraCloudAuthOptions, logger: () => CloudAuthLogger | undefined) {
    const given = nativeOptions(options);
    if (given.localCloudForTests === true) {
      warn('MastraCloudAuth allows a local Cloud, which checks no password: for tests alone.', 'MASTRA_AUTH_CLOUD_LOCAL_CLOUD');
    }
    this.settings = settingsOf(given, options.fetch);
    this.hasOrganizations = given.dialect === 'platform';
    this.withRole = given.dialect === 'pkce' || this.hasOrganizations;
    this.rolesDecide = given.roleMapping !== undefined || this.withRole;
    // Otherwise an early refresh ends with the request that began it, and those that need its answer wait for nothing.
    if (!canOutlive()) given.refreshEarly = 0;
    this.engine = unwrap(native.open(given, crypto.getRandomValues(new Uint8Array(32))));
    this.events = new Events(() => options.logger ?? logger(), options.onEvent);
    const channel = channelOf(options.revocations);
    this.revocations = channel && new RevocationWorker(this.engine, channel, this.events);
    const redis = channel !== undefined && 'redis' in channel ? channel : undefined;
    this.driver = new Driver(this.engine, options.fetch, this.events, () => this.revocations?.flush(), redis);
  }

  /** Throws what the constructor would throw for these options, and begins nothing. */
  static check(options: MastraCloudAuthOptions): void {
    // The engine is dropped at once: no request ever meets these bytes.
    unwrap(native.open(nativeOptions(options), new Uint8Array(32)));
    channelOf(options.revocations);
  }

  /** Runs a job; throws an error of the core. */
  async runOrThrow(job: NativePending | NativeFailure): Promise<Outcome> {
    const outcome = await this.driver.run(unwrap(job));
    if (outcome.failure !== undefined) throw fromFailure(outcome.failure, undefined, outcome.cause);
    return outcome;
  }

  /** Runs a look-up; `null` if the Cloud refuses, which is an answer, or if there is nothing to ask. */
  async lookUp(job: NativePending | NativeFailure | null): Promise<Outcome | null> {
    if (job === null) return null;
    // A malformed token is refused without a call.
    if (isFailure(job) && job.code === 'invalid_argument') return null;
    const outcome = await this.driver.run(unwrap(job));
    const { failure } = outcome;
    if (failure === undefined) return outcome;
    if (!failure.refused) throw fromFailure(failure, undefined, outcome.cause);
    if (!PLAIN_REFUSALS.has(failure.status)) this.events.failed('unexpected_rejection', failure);
    return null;
  }
}

function channelOf(given: MastraCloudAuthOptions['revocations']): RevocationChannel | RedisRevocationChannel | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'object' || given === null) throw configurationError('revocations must be { redis: url } or a channel');
  if ('redis' in given) return redisChannel(given.redis);
  if (typeof given.publish !== 'function' || typeof given.subscribe !== 'function') {
    throw configurationError('revocations must have publish and subscribe');
  }
  return given;
}
