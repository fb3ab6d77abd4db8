/**
 * Authenticates requests: one call into the core, and its driver if the Cloud or the thread pool is needed.
 *
 * A cached identity is returned at once. Otherwise the core decides whether to check a signature or ask the Cloud.
 *
 * A session near the end of its token is renewed on the way only if the new cookie reaches the browser: in a check, which answers
 * itself, and with a host that calls {@link Authenticator.consume} after each request that it lets in: as long as cookies are taken.
 * Any other host is left to renew a session once its token is refused, so the browser never misses a cookie.
 */

import type { Deployment } from './deployment.js';
import { fromFailure, isFailure, unwrap } from './error.js';
import { requestId } from './events.js';
import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { Authenticate, NativeFailure, NativePending, NativeStep } from './native.js';
import { Sites } from './site.js';
import { isOwn, isSealed } from './user.js';
import type { CloudUser } from './user.js';
import type { Users } from './users.js';

/** How many numbers the core has for sites. */
const SITES = 7;

/** What a ticket in place of a pending authentication stands for: checks were enqueued. */
const CHECKS: NativeStep = { settled: [], started: [], hasChecks: true, hasRevocations: false };

/** A user who is not a member of the organization that a request names. */
const FORBIDDEN: NativeFailure = {
  failure: 'The user is not a member of the organization.',
  code: 'organization_forbidden',
  kind: 'credential',
  status: 403,
  refused: true,
  unusableCallback: false,
};

/** Functions of the core. */
interface Ways {
  readonly anywhere: Authenticate;
  /** For each site, by its number. */
  readonly bySite: readonly Authenticate[];
}

/** How many cookies in a row a host may leave before it counts as one that takes none: no more requests than that are under way. */
const MOST_UNTAKEN = 100;
/** How many calls make a host count as one that takes cookies again: each time more, up to the second number. */
const [MORE_CALLS, MOST_CALLS] = [8, 1_024];

/** A cookie to set with the answer to a request; `false` if none is known yet, `true` if one was taken. */
type Due = string | boolean;

export class Authenticator {
  readonly #cloud: Deployment;
  readonly #users: Users;
  readonly #sites: Sites;
  readonly #plain: Ways;
  /** Those for a host that renews a session after a refusal. */
  readonly #leaving: Ways;
  /** Those that renew sessions. */
  #renewing: Ways | undefined;
  /** Whether the host sets the cookies of all requests. One route of an app may be all that calls. */
  #isConsumed = false;
  /** Of the cookies for the host, how many were left since the last one that it took. */
  #untaken = 0;
  /** Calls since the host counts as one that takes none, and how many it takes to count as another. */
  #calls = 0;
  #neededCalls = 1;
  /** What is to be set with the answers of requests, by their objects. */
  readonly #due = new WeakMap<object, Due>();
  /** Whether the address of an earlier request was needed. */
  #needsSite = false;
  readonly #isTraced: boolean;
  /** Why the credential of a request was refused. */
  readonly #refusals = new WeakMap<RequestLike, NativeFailure>();

  /** `isTraced`: emit an event for each request. */
  constructor(cloud: Deployment, users: Users, sites: Sites, isTraced: boolean) {
    this.#cloud = cloud;
    this.#users = users;
    this.#sites = sites;
    this.#plain = this.#ways();
    this.#leaving = this.#ways('host');
    this.#isTraced = isTraced;
  }

  #ways(renewal?: 'here' | 'host'): Ways {
    const { engine } = this.#cloud;
    const bySite = Array.from({ length: SITES }, (_, site) => unwrap(engine.authenticator(site, renewal)));
    return { anywhere: unwrap(engine.authenticator(undefined, renewal)), bySite };
  }

  /** Promises to take the cookie that is due with the answer to this request. */
  expect(request: RequestLike): void {
    this.#renewing ??= this.#ways('here');
    this.#due.set(objectOf(request), false);
  }

  /** The headers that are due with the answer to a request, once for each request object. */
  take(request: RequestLike): Record<string, string> | undefined {
    const key = objectOf(request);
    const due = this.#due.get(key);
    if (typeof due !== 'string') return undefined;
    this.#due.set(key, true);
    return { 'Set-Cookie': due };
  }

  /** As {@link take}, for a host: it will ask about every request, so sessions are renewed from now on. */
  consume(request: RequestLike): Record<string, string> | undefined {
    this.#renewing ??= this.#ways('here');
    const headers = this.take(request);
    if (headers !== undefined) this.#untaken = 0;
    if (this.#isConsumed || ++this.#calls < this.#neededCalls) return headers;
    this.#isConsumed = true;
    this.#untaken = 0;
    return headers;
  }

  #put(key: object, cookie: string): void {
    const due = this.#due.get(key);
    if (due === true) return;
    this.#due.set(key, cookie);
    // A check takes its own.
    if (due !== undefined || !this.#isConsumed || ++this.#untaken < MOST_UNTAKEN) return;
    this.#isConsumed = false;
    this.#calls = 0;
    this.#neededCalls = Math.min(this.#neededCalls * MORE_CALLS, MOST_CALLS);
  }

  /**
   * The user; `null` if there is no credential or it is refused. Throws if it could not be checked. `isGate`: for a host that lets the
   * request in or not. After a `null` it calls `refreshSession` and repeats the request, so a session that the Cloud has replaced is
   * refused if there is no other way for its cookie. It can answer that a user is not of the organization, which is thrown.
   */
  authenticate(
    token: string,
    authorization: string | undefined,
    request: RequestLike,
    isGate = false,
  ): Promise<CloudUser | null> {
    const current = this.#cloud.revocations?.current();
    if (current !== undefined) return current.then(() => this.#found(token, authorization, request, isGate));
    return this.#found(token, authorization, request, isGate);
  }

  #found(token: string, authorization: string | undefined, request: RequestLike, isGate: boolean): Promise<CloudUser | null> {
    const isAlone = token === '' && authorization === undefined;
    const found = this.#known(token, authorization, request, isAlone, isGate, this.#needsSite);
    if (isAlone || !this.#cloud.hasOrganizations) return found;
    return this.#chosen(found, request, isGate);
  }

  /** The user of a bearer in the organization that the request names. Throws at a gate if the user is not a member of it; else `null`. */
  async #chosen(found: Promise<CloudUser | null>, request: RequestLike, isGate: boolean): Promise<CloudUser | null> {
    const user = await found;
    const organization = header(request, 'x-mastra-organization-id')?.trim() ?? '';
    // A host passes the cookie of a session that it has refreshed as the token.
    if (user === null || organization === '' || isSealed(user) || user.organizationId === organization) return user;
    if (user.memberOrgIds?.includes(organization)) return this.#users.within(organization, user);
    const id = requestId(request);
    this.#cloud.events.failed('credential_rejected', FORBIDDEN, { outcome: 'rejected', requestId: id });
    if (isGate) throw fromFailure(FORBIDDEN, id);
    return null;
  }

  /** Why the credential of this very request object was refused last; `undefined` if none was. */
  refusal(request: RequestLike): NativeFailure | undefined {
    return this.#refusals.get(request);
  }

  #known(
    token: string,
    authorization: string | undefined,
    request: RequestLike,
    isAlone: boolean,
    isGate: boolean,
    needsSite: boolean,
  ): Promise<CloudUser | null> {
    const cookie = header(request, 'cookie');
    const since = this.#isTraced ? performance.now() : undefined;
    let ways = isGate ? this.#leaving : this.#plain;
    if (this.#renewing !== undefined && this.#isTaken(request)) ways = this.#renewing;
    const authenticate = needsSite ? (ways.bySite[this.#sites.of(request)] ?? ways.anywhere) : ways.anywhere;
    let found;
    // A number is not enough for an event.
    if (this.#isTraced) found = authenticate(cookie, authorization, token, false);
    else found = isAlone ? authenticate(cookie) : authenticate(cookie, authorization, token);
    if (typeof found === 'number') {
      if (found < 0) return this.#answer({ ticket: -found, step: CHECKS }, request, isGate, since);
      const known = this.#users.get(found);
      if (known !== undefined) return known.promised;
      // Evicted here but still cached in the core.
      found = authenticate(cookie, authorization, token, true);
    }
    // Authenticated in this call, and nothing else is to be done.
    if (typeof found === 'string') return this.#users.of(found).promised;
    if (found.needsSite !== undefined) {
      this.#needsSite ||= found.needsSite === 'always';
      return this.#known(token, authorization, request, isAlone, isGate, true);
    }
    return this.#answer(found, request, isGate, since);
  }

  /** Whether the cookie that is due with the answer to this request will be taken. */
  #isTaken(request: RequestLike): boolean {
    return this.#isConsumed || this.#due.has(objectOf(request));
  }

  async #answer(found: NativePending, request: RequestLike, isGate: boolean, since = performance.now()): Promise<CloudUser | null> {
    const { driver, events } = this.#cloud;
    const { verdict, user: data, failure, cause, cookies, sessionId } = await driver.run(found);
    if (verdict === undefined) throw new Error('An authentication ended without an answer.');
    const { kind, source } = verdict;
    const isNew = data !== undefined && !this.#users.has(data);
    const user = data === undefined ? null : this.#users.of(data).user;
    const [cookie] = cookies ?? [];
    if (cookie !== undefined && user !== null) {
      this.#put(objectOf(request), cookie);
      // Of all requests that bring the renewed session, the first.
      if (isNew) events.emit({ type: 'session_refreshed', userId: user.id, ...(sessionId !== undefined && { sessionId }) });
    }
    if (failure === undefined && !this.#isTraced) return user;
    const id = requestId(request);
    const details = { outcome: kind, source, durationSeconds: (performance.now() - since) / 1000, requestId: id };
    if (failure === undefined) {
      if (user === null) events.emit({ type: 'request_anonymous', ...details });
      else events.emit({ type: 'request_authenticated', ...details, userId: user.id });
      return user;
    }
    events.failed(kind === 'rejected' ? 'credential_rejected' : 'authentication_unavailable', failure, details);
    if (kind !== 'rejected' || (isGate && failure.code === FORBIDDEN.code)) throw fromFailure(failure, id, cause);
    // A JavaScript host may pass none.
    if (Object(request) === request) this.#refusals.set(request, failure);
    return null;
  }

  /** The user of a session, by its token in whichever form that has. No request brings it. */
  async bySession(token: string): Promise<CloudUser | null> {
    const found = this.#cloud.engine.authenticateSession(token, Math.random());
    // A malformed one belongs to no session.
    return isFailure(found) ? null : this.#answer(found, {}, false);
  }

  /** The user itself if it was made here; a copy that kept its token is authenticated again. */
  async verified(user: CloudUser): Promise<CloudUser | undefined> {
    const current = this.#cloud.revocations?.current();
    if (current !== undefined) await current;
    if (isOwn(user)) return user;
    const token: unknown = user?.sessionToken;
    if (typeof token !== 'string' || token === '') return undefined;
    const found = await this.bySession(token);
    return found?.id === user.id ? found : undefined;
  }
}

/** The object by which a host names a request again: the `Request` in it, or itself. A JavaScript host may pass none. */
function objectOf(request: RequestLike): object {
  const raw = request?.raw;
  if (typeof raw === 'object' && raw !== null) return raw;
  return typeof request === 'object' && request !== null ? request : {};
}
