/**
 * The driver: runs the flows of the core over `fetch` and the clocks, and its signature checks on Node's thread pool.
 *
 * Each job that cannot end at once has a ticket; its result resolves the promise of that ticket.
 */

import { endsWithRequest, outlive } from '#host';

import type { Cause } from './cause.js';
import type { Events } from './events.js';
import { HostChecks } from './host-checks.js';
import type {
  NativeEngine,
  NativeFlow,
  NativeOutcome,
  NativePending,
  NativeRequest,
  NativeStep,
  NativeTransportError,
  NativeUser,
} from './native.js';
import type { RedisRevocationChannel } from './revocation/channel.js';
import { monotonic } from './timeout.js';
import { send } from './transport.js';
import type { Delivery, Fetch } from './transport.js';

/** The result of a job, and the cause if its last call got no answer. */
export interface Outcome extends NativeOutcome {
  readonly cause?: Cause | undefined;
}

interface Waiting {
  resolve(outcome: Outcome): void;
  reject(cause: unknown): void;
  /** Whether the Cloud must hear of it, also after its request. */
  readonly isSignOut: boolean;
  /** When the request was last known to go on. Only where it may end before it gets the outcome. */
  seen: number;
}

/** What a request began, and when. */
export interface Begun {
  readonly ticket: number | undefined;
  readonly begun: number;
}

/** A flow under way. */
interface Flight {
  readonly flow: NativeFlow;
  /** Whether it fetches the key set, which every request may need. */
  readonly isKeySet: boolean;
  /** What it waits for. */
  next: NativeStep['next'];
  /** Until when that comes, or else the request that drives it has ended. */
  due: number;
  /** Who drives it: another request may take it over. */
  turn: number;
}

/** How long in milliseconds an answer may be late, and how often a waiting request looks. */
const GRACE = 500;
/** After how many milliseconds without such a look a request has ended. */
const GONE = 5_000;
/** After how many milliseconds a sign-out is abandoned whose request has ended. */
const FORGOTTEN = 60_000;

/** How many checks go to the host together: fewer wake its threads too often, more leave them idle. */
const AT_ONCE = 8;
/** The verdict that a user in place of a step stands for. */
const BY_KEYS = { kind: 'authenticated', source: 'keys' } as const;

/** What the event of a failed call says, where that is not the reason itself. */
const OUTCOMES: { readonly [reason in NativeTransportError]?: string } = { stale: 'closed', cancelled: 'other' };

export class Driver {
  readonly #engine: NativeEngine;
  readonly #fetch: Fetch | undefined;
  readonly #events: Events;
  readonly #publish: () => void;
  readonly #redis: RedisRevocationChannel | undefined;
  readonly #redisTimeout: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #flights = new Set<Flight>();
  readonly #hostChecks: HostChecks | undefined;
  /** Whether checks are about to be started. */
  #isChecking = false;
  /** How many calls enqueued checks that were not started yet. */
  #enqueued = 0;
  /** What is to be done when those have ended. */
  #afterChecks: (() => void)[] = [];
  /** When flows were last looked through for those whose request has ended. */
  #swept = 0;

  /** Calls `publish` when revocations wait to be published. With `redis` the engine shares sessions. */
  constructor(engine: NativeEngine, fetch: Fetch | undefined, events: Events, publish: () => void, redis?: RedisRevocationChannel) {
    this.#engine = engine;
    // The WebAssembly has no threads.
    this.#hostChecks = 'checks' in engine ? undefined : new HostChecks(engine);
    this.#fetch = fetch;
    this.#events = events;
    this.#publish = publish;
    this.#redis = redis;
    this.#redisTimeout = redis === undefined ? 0 : engine.shareSessions();
  }

  /** Does what a job that was just begun needs, and returns its result. Other requests go on with a sign-out if its own ends. */
  run({ ticket, outcome, step }: NativePending, isSignOut = false): Promise<Outcome> {
    let waiting: Waiting | undefined;
    const result = new Promise<Outcome>((resolve, reject) => {
      if (outcome !== undefined) return resolve(outcome);
      if (ticket === undefined) return reject(new Error('A job was begun without a ticket.'));
      waiting = { resolve, reject, isSignOut, seen: monotonic() };
      this.#waiting.set(ticket, waiting);
    });
    const checks = step?.hasChecks ? this.#afterChecks : undefined;
    if (step !== undefined) this.perform(step);
    return endsWithRequest && ticket !== undefined && waiting !== undefined ? this.#patient(result, ticket, waiting, checks) : result;
  }

  /** The result of what another request began; `undefined` if that request has ended before. */
  async shared<T>(begun: Begun & { readonly result: Promise<T> }): Promise<T | undefined> {
    if (!endsWithRequest) return begun.result;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const gone = new Promise<undefined>(resolve => {
      const look = () => {
        if (this.isGone(begun)) resolve(undefined);
        else timer = setTimeout(look, GRACE);
      };
      look();
    });
    try {
      return await Promise.race([begun.result, gone]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether a request has ended before it got what it waits for. What has its outcome goes on soon, if at all. */
  isGone({ ticket, begun }: Begun): boolean {
    const seen = ticket === undefined ? undefined : this.#waiting.get(ticket)?.seen;
    return endsWithRequest && monotonic() - (seen ?? begun) > GONE;
  }

  /** Does what is to be done after a call into the core. `cause` is why the last call got no answer. */
  perform({ settled, started, hasChecks, hasRevocations, clockAhead, keySet, sessionsNotShared }: NativeStep, cause?: Cause): void {
    if (keySet?.oddEntries !== undefined) this.#events.emit({ type: 'key_set_invalid_entries', count: keySet.oddEntries });
    if (keySet?.failure !== undefined) this.#events.failed('key_set_fetch_failed', keySet.failure);
    if (clockAhead !== undefined) this.#events.emit({ type: 'clock_ahead', code: 'clock_ahead', aheadSeconds: clockAhead });
    if (sessionsNotShared !== undefined) this.#events.emit({ type: 'sessions_not_shared', count: sessionsNotShared });
    if (hasRevocations) this.#publish();
    if (hasChecks) this.#check();
    for (const { flow, next } of started) {
      const isKeySet = typeof next === 'object' && 'operation' in next && next.operation === 'key_set';
      const flight = { flow, isKeySet, next, due: Infinity, turn: 0 };
      // Elsewhere no set may keep a flow alive: one whose `fetch` is lost is given up when it is collected.
      if (endsWithRequest) this.#flights.add(flight);
      outlive(this.#drive(flight));
    }
    for (const { tickets, result } of settled) {
      if (typeof result === 'string') this.#reject(tickets, Object.assign(new Error(result), { code: 'internal' }));
      else for (const ticket of tickets) this.#take(ticket)?.resolve({ ...result, cause });
    }
  }

  /** Never throws: what waited for a flow that fails is rejected. With `isOverdue` it was cancelled with the request that drove it. */
  async #drive(flight: Flight, isOverdue = false): Promise<void> {
    const { flow } = flight;
    const turn = (flight.turn += 1);
    let delivery: Delivery | undefined;
    try {
      while (flight.next !== undefined) {
        const { next } = flight;
        const begun = monotonic();
        let step: NativeStep;
        if (typeof next === 'number') {
          flight.due = begun + next + GRACE;
          if (!isOverdue) await new Promise(resolve => setTimeout(resolve, next));
          if (flight.turn !== turn) return;
          step = flow.woken();
        } else if (Array.isArray(next)) {
          flight.due = begun + this.#redisTimeout + GRACE;
          const replies = await this.#redis?.redis(next, this.#redisTimeout).catch(() => undefined);
          if (flight.turn !== turn) return;
          step = flow.replied(replies);
        } else {
          flight.due = begun + next.timeout + GRACE;
          delivery = isOverdue ? { failed: 'cancelled' } : await send(next, this.#fetch, delivery?.failed === 'stale');
          if (flight.turn !== turn) return;
          const milliseconds = isOverdue ? next.timeout : monotonic() - begun;
          this.#called(next, delivery, milliseconds / 1000);
          const { failed, status, body, cookies } = delivery;
          if (failed === undefined) step = flow.answered(status, body, milliseconds, cookies);
          else step = flow.failed(failed, milliseconds, status, cookies);
        }
        isOverdue = false;
        this.perform(step, delivery?.cause);
        flight.next = step.next;
      }
    } catch (error) {
      if (flight.turn !== turn) return;
      const tickets = this.#abandoned(() => flow.abandon());
      this.#reject(tickets, error);
      // It may have revoked something before.
      this.#publish();
      if (tickets.length === 0) this.#events.emit({ type: 'background_failed', code: 'internal' });
    }
    this.#flights.delete(flight);
  }

  /**
   * Waits on a timer of its own request, and goes on with its flow if the request that drove that has ended. One that waits for `checks`
   * needs the timer only if these did not bring its result.
   */
  async #patient(result: Promise<Outcome>, ticket: number, waiting: Waiting, checks?: (() => void)[]): Promise<Outcome> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      waiting.seen = monotonic();
      this.#sweep(waiting.seen, ticket);
      timer = setTimeout(look, GRACE);
    };
    if (waiting.seen - this.#swept > GRACE) this.#sweep(waiting.seen, ticket);
    if (checks === undefined) timer = setTimeout(look, GRACE);
    else checks.push(() => void (this.#waiting.has(ticket) && look()));
    try {
      return await result;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Goes on with an overdue flow that waits for the caller's own ticket, and with one sign-out or fetch of the key set. Abandons
   * what no request waits for. Any other flow is left to those who wait for it, so that no request makes a stranger's calls.
   */
  #sweep(now: number, own: number): void {
    this.#swept = now;
    let mayTakeAnother = true;
    for (const flight of this.#flights) {
      if (flight.due >= now) continue;
      const tickets = flight.flow.tickets();
      const awaited = tickets.flatMap(ticket => this.#waiting.get(ticket) ?? []);
      const left = awaited.filter(({ isSignOut, seen }) => now - seen < (isSignOut ? FORGOTTEN : GONE));
      const isForAll = flight.isKeySet || left.some(({ isSignOut }) => isSignOut);
      if (tickets.includes(own) || (isForAll && mayTakeAnother)) {
        mayTakeAnother &&= !isForAll;
        outlive(this.#drive(flight, true));
      } else if (left.length === 0 && !isForAll) {
        flight.turn += 1;
        this.#flights.delete(flight);
        this.#reject(this.#abandoned(() => flight.flow.abandon()), Object.assign(new Error('The request has ended.'), { code: 'internal' }));
      }
    }
  }

  /** If the addon cannot say what waited, everything that waits is rejected, so that nothing waits for ever. */
  #abandoned(abandon: () => number[]): number[] {
    try {
      return abandon();
    } catch {
      return [...this.#waiting.keys()];
    }
  }

  #called({ operation, endpoint }: NativeRequest, { failed, status }: Delivery, durationSeconds: number): void {
    const details = { operation, endpoint, durationSeconds };
    if (failed === undefined) this.#events.emit({ type: 'cloud_call', outcome: 'answered', status, ...details });
    else this.#events.emit({ type: 'cloud_call_failed', outcome: OUTCOMES[failed] ?? failed, ...details });
  }

  /** Has the checks started after all requests of this turn; at the host some at once, if so many wait that its threads are idle. */
  #check(): void {
    this.#enqueued += 1;
    if (this.#hostChecks !== undefined && this.#enqueued >= AT_ONCE) return this.#startChecks();
    if (this.#isChecking) return;
    const start = () => {
      this.#isChecking = false;
      if (this.#enqueued > 0) this.#startChecks();
    };
    this.#isChecking = true;
    // Not in a later turn, which may be another request's. Together they wake the host's threads once.
    if (this.#hostChecks === undefined) setImmediate(start);
    // `queueMicrotask` costs more than a job of a promise.
    else void Promise.resolve().then(start);
  }

  #startChecks(): void {
    const fail = (cause: unknown) => this.#reject(this.#abandoned(() => this.#engine.abandonChecks()), cause);
    const after = this.#afterChecks;
    [this.#enqueued, this.#afterChecks] = [0, []];
    try {
      const checks = this.#hostChecks?.start(this.#reported) ?? this.#engine.checks().map(this.#batched);
      outlive(Promise.all(checks).catch(fail).then(() => after.forEach(run => run())));
    } catch (cause) {
      fail(cause);
    }
  }

  readonly #batched = async (batch: Promise<NativeStep>): Promise<void> => this.perform(await batch);

  readonly #reported = (check: number, found: NativeStep | NativeUser): void => {
    if (typeof found === 'string') this.#take(check)?.resolve({ verdict: BY_KEYS, user: found });
    else this.perform(found);
  };

  #reject(tickets: readonly number[], cause: unknown): void {
    for (const ticket of tickets) {
      const waiting = this.#take(ticket);
      if (waiting?.isSignOut) this.#events.emit({ type: 'sign_out_not_confirmed', code: 'internal' });
      waiting?.reject(cause);
    }
  }

  #take(ticket: number): Waiting | undefined {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    return waiting;
  }
}
