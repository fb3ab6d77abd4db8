/**
 * Authenticates requests: one call into the core, and its driver if the Cloud or the thread pool is needed.
 *
 * A cached identity is returned at once. Otherwise the core decides whether to check a signature or ask the Cloud.
 */

import type { Deployment } from './deployment.js';
import { fromFailure, unwrap } from './error.js';
import { requestId } from './events.js';
import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { Authenticate, NativeFailure, NativePending, NativeStep } from './native.js';
import { Sites } from './site.js';
import { isOwn } from './user.js';
import type { CloudUser } from './user.js';
import type { Users } from './users.js';

/** How many numbers the core has for sites. */
const SITES = 7;

/** What a ticket in place of a pending authentication stands for: checks were enqueued. */
const CHECKS: NativeStep = { settled: [], started: [], hasChecks: true, hasRevocations: false };

export class Authenticator {
  readonly #cloud: Deployment;
  readonly #users: Users;
  readonly #authenticate: Authenticate;
  /** The functions for each site, by its number. */
  readonly #bySite: readonly Authenticate[];
  readonly #sites = new Sites();
  /** Whether the address of an earlier request was needed. */
  #needsSite = false;
  readonly #isTraced: boolean;
  /** Why the credential of a request was refused. */
  readonly #refusals = new WeakMap<RequestLike, NativeFailure>();

  /** `isTraced`: emit an event for each request. */
  constructor(cloud: Deployment, users: Users, isTraced: boolean) {
    this.#cloud = cloud;
    this.#users = users;
    this.#authenticate = unwrap(cloud.engine.authenticator());
    this.#bySite = Array.from({ length: SITES }, (_, site) => unwrap(cloud.engine.authenticator(site)));
    this.#isTraced = isTraced;
  }

  /** The user; `null` if there is no credential or it is refused. Throws if it could not be checked. */
  authenticate(token: string, authorization: string | undefined, request: RequestLike): Promise<CloudUser | null> {
    const current = this.#cloud.revocations?.current();
    if (current !== undefined) return current.then(() => this.#known(token, authorization, request));
    return this.#known(token, authorization, request);
  }

  /** Why the credential of this very request object was refused last; `undefined` if none was. */
  refusal(request: RequestLike): NativeFailure | undefined {
    return this.#refusals.get(request);
  }

  #known(token: string, authorization: string | undefined, request: RequestLike): Promise<CloudUser | null> {
    const cookie = header(request, 'cookie');
    const since = this.#isTraced ? performance.now() : undefined;
    const authenticate = this.#needsSite ? (this.#bySite[this.#sites.of(request)] ?? this.#authenticate) : this.#authenticate;
    const isAlone = token === '' && authorization === undefined;
    let found;
    // A number is not enough for an event.
    if (this.#isTraced) found = authenticate(cookie, authorization, token, false);
    else found = isAlone ? authenticate(cookie) : authenticate(cookie, authorization, token);
    if (typeof found === 'number') {
      if (found < 0) return this.#answer({ ticket: -found, step: CHECKS }, request, since);
      const known = this.#users.get(found);
      if (known !== undefined) return known.promised;
      // Evicted here but still cached in the core.
      found = authenticate(cookie, authorization, token, true);
    }
    // Authenticated in this call, and nothing else is to be done.
    if (typeof found === 'string') return this.#users.of(found).promised;
    if (found.needsSite === true) {
      this.#needsSite = true;
      return this.#known(token, authorization, request);
    }
    return this.#answer(found, request, since);
  }

  /** The site of a request. */
  site(request: RequestLike): number {
    return this.#sites.of(request);
  }

  async #answer(found: NativePending, request: RequestLike, since = performance.now()): Promise<CloudUser | null> {
    const { driver, events } = this.#cloud;
    const { verdict, user: data, failure, cause } = await driver.run(found);
    if (verdict === undefined) throw new Error('An authentication ended without an answer.');
    const { kind, source } = verdict;
    const user = data === undefined ? null : this.#users.of(data).user;
    if (failure === undefined && !this.#isTraced) return user;
    const id = requestId(request);
    const details = { outcome: kind, source, durationSeconds: (performance.now() - since) / 1000, requestId: id };
    if (failure === undefined) {
      if (user === null) events.emit({ type: 'request_anonymous', ...details });
      else events.emit({ type: 'request_authenticated', ...details, userId: user.id });
      return user;
    }
    events.failed(kind === 'rejected' ? 'credential_rejected' : 'authentication_unavailable', failure, details);
    if (kind !== 'rejected') throw fromFailure(failure, id, cause);
    // A JavaScript host may pass none.
    if (Object(request) === request) this.#refusals.set(request, failure);
    return null;
  }

  /** The user itself if it was made here; a copy that kept its token is authenticated again. */
  async verified(user: CloudUser): Promise<CloudUser | undefined> {
    const current = this.#cloud.revocations?.current();
    if (current !== undefined) await current;
    if (isOwn(user)) return user;
    const token: unknown = user?.sessionToken;
    if (typeof token !== 'string' || token === '') return undefined;
    const found = await this.#answer(this.#authenticate(undefined, undefined, token, false), {});
    return found?.id === user.id ? found : undefined;
  }
}
