/**
 * A deployment at work: the core's authority, what drives it, and what it tells. Client and provider stand on it.
 */

import { randomBytes } from 'node:crypto';

import { Driver } from './driver.js';
import type { Outcome } from './driver.js';
import { fromFailure, unwrap } from './error.js';
import { Events } from './events.js';
import type { CloudAuthLogger } from './events.js';
import { isFailure } from './error.js';
import { native } from './native.js';
import type { NativeAuthority, NativeFailure, NativeFlow } from './native.js';
import { nativeOptions, wrong } from './options.js';
import type { MastraCloudAuthOptions } from './options.js';
import { redisChannel } from './revocation-redis.js';
import { Revocations } from './revocations.js';
import type { RevocationChannel } from './revocations.js';

/** Statuses with which a refusal speaks of the token or of what was asked for. */
const PLAIN_REFUSALS = new Set([401, 403, 404]);

export class Deployment {
  readonly authority: NativeAuthority;
  readonly events: Events;
  readonly withRole: boolean;
  /** Whether permissions come from roles: by a `roleMapping`, or in a dialect that has no endpoint for them. */
  readonly rolesDecide: boolean;
  /** The channel to other instances, where there is one. */
  readonly revocations: Revocations | undefined;
  readonly #driver: Driver;

  constructor(options: MastraCloudAuthOptions, logger: () => CloudAuthLogger | undefined) {
    const given = nativeOptions(options);
    this.withRole = given.dialect === 'pkce';
    this.rolesDecide = given.roleMapping !== undefined || this.withRole;
    this.authority = unwrap(native.open(given, randomBytes(32)));
    this.events = new Events(() => options.logger ?? logger(), options.onEvent);
    const channel = channelOf(options.revocations);
    this.revocations = channel && new Revocations(this.authority, channel, this.events);
    this.#driver = new Driver(options.fetch, call => {
      const { operation, endpoint, status, failed, milliseconds } = call;
      this.authority.called(operation, status, failed, milliseconds);
      this.events.tell({
        type: 'cloud_call',
        outcome: failed ?? 'answered',
        operation,
        endpoint,
        milliseconds,
        ...(status !== undefined && { status }),
        ...(failed !== undefined && { code: failed }),
      });
    });
  }

  /** Drives a flow; an error of the core is in the outcome. */
  async run(flow: NativeFlow): Promise<Outcome> {
    try {
      const outcome = await this.#driver.run(flow);
      const { oddEntries } = outcome;
      if (oddEntries !== undefined) this.events.tell({ type: 'key_set_odd', count: oddEntries });
      const seconds = this.authority.takeClockAhead();
      if (seconds !== null) this.events.tell({ type: 'clock_ahead', code: 'clock_ahead', seconds });
      return outcome;
    } finally {
      // A flow may end more than it was asked to.
      this.revocations?.attend();
    }
  }

  /** Drives a flow that nobody waits for. */
  let(flow: NativeFlow): void {
    this.run(flow).then(
      ({ failure }) => {
        if (failure !== undefined) this.events.failed('background_failed', failure);
      },
      () => this.events.tell({ type: 'background_failed', code: 'internal' }),
    );
  }

  /** Drives a flow; an error of the core is thrown. */
  async done(flow: NativeFlow | NativeFailure, requestId?: string): Promise<Outcome> {
    const outcome = await this.run(unwrap(flow));
    if (outcome.failure !== undefined) throw fromFailure(outcome.failure, requestId, outcome.cause);
    return outcome;
  }

  /** Drives a look-up; none where the Cloud refuses, for that is an answer, or where there is nothing to ask. */
  async found(flow: NativeFlow | NativeFailure | null): Promise<Outcome | null> {
    if (flow === null) return null;
    // A token that cannot be one is refused without a call.
    if (isFailure(flow) && flow.code === 'invalid_argument') return null;
    const outcome = await this.run(unwrap(flow));
    const { failure } = outcome;
    if (failure === undefined) return outcome;
    if (!failure.refused) throw fromFailure(failure, undefined, outcome.cause);
    if (!PLAIN_REFUSALS.has(failure.status)) this.events.failed('refused_oddly', failure);
    return null;
  }
}

function channelOf(given: MastraCloudAuthOptions['revocations']): RevocationChannel | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'object' || given === null) throw wrong('revocations must be { redis: url } or a channel');
  if ('redis' in given) return redisChannel(given.redis);
  if (typeof given.publish !== 'function' || typeof given.subscribe !== 'function') {
    throw wrong('revocations must have publish and subscribe');
  }
  return given;
}
