/**
 * Authenticates requests: one look into the core, and further steps if that is not enough.
 *
 * A cached identity is returned at once. Otherwise the core decides whether to check a signature or ask the Cloud.
 */

import type { Deployment } from './deployment.js';
import { SignatureChecks } from './signature-checks.js';
import { fromFailure, isFailure, unwrap } from './error.js';
import { requestId } from './events.js';
import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { Look, NativeAnswer, NativeFailure, NativeFlow, NativeIdentity, NativeSearch, NativeSource } from './native.js';
import { Sites } from './site.js';
import { identify, identityOf } from './user.js';
import type { CloudUser } from './user.js';
import type { Users } from './users.js';

/** How many numbers the core has for sites. */
const SITES = 7;

export class Authenticator {
  readonly #cloud: Deployment;
  readonly #users: Users;
  readonly #look: Look;
  /** The look functions for each site, by its number. */
  readonly #looks: readonly Look[];
  readonly #sites = new Sites();
  /** Whether the address of an earlier request was needed. */
  #looksAtAddress = false;
  readonly #checks: SignatureChecks;
  readonly #isTraced: boolean;

  /** `isTraced`: emit an event for each request. */
  constructor(cloud: Deployment, users: Users, isTraced: boolean) {
    this.#cloud = cloud;
    this.#users = users;
    this.#look = unwrap(cloud.authority.look());
    this.#looks = Array.from({ length: SITES }, (_, site) => unwrap(cloud.authority.look(site)));
    this.#checks = new SignatureChecks(cloud.authority, () => this.#background());
    this.#isTraced = isTraced;
  }

  /** The user; `null` if there is no credential or it is refused. Throws if it could not be checked. */
  authenticate(token: string, authorization: string | undefined, request: RequestLike): Promise<CloudUser | null> {
    const cookie = header(request, 'cookie');
    // A look returns only a number, which is not enough for an event.
    if (this.#isTraced) return this.#search(this.#begin(token, authorization, cookie, false, request), request);
    const isAlone = token === '' && authorization === undefined;
    const look = this.#looksAtAddress ? this.#lookAt(request) : this.#look;
    const serial = isAlone ? look(cookie) : look(cookie, authorization, token);
    if (Number.isNaN(serial)) {
      this.#looksAtAddress = true;
      return this.authenticate(token, authorization, request);
    }
    const known = serial > 0 ? this.#users.get(serial) : undefined;
    return known === undefined ? this.#continue(serial, token, authorization, cookie, request) : known.promised;
  }

  /** The site of a request. */
  site(request: RequestLike): number {
    return this.#sites.of(request);
  }

  #lookAt(request: RequestLike): Look {
    return this.#looks[this.#sites.of(request)] ?? this.#look;
  }

  #begin(
    token: string,
    authorization: string | undefined,
    cookie: string | undefined,
    isCounted: boolean,
    request: RequestLike,
  ): NativeSearch | NativeFailure {
    return this.#cloud.authority.authenticate(token, authorization, cookie, isCounted, this.#sites.of(request));
  }

  #continue(
    serial: number,
    token: string,
    authorization: string | undefined,
    cookie: string | undefined,
    request: RequestLike,
  ): Promise<CloudUser | null> {
    const { authority } = this.#cloud;
    if (serial === 0) return this.#search(authority.begun(), request);
    if (!Number.isInteger(serial)) return this.#check(Math.floor(serial), request);
    if (serial < 0) this.#background();
    const number = Math.abs(serial);
    const found = authority.found(number);
    const known = found === null ? this.#users.get(number) : this.#users.ofData(found);
    // Evicted here but still cached in the core.
    return known?.promised ?? this.#search(this.#begin(token, authorization, cookie, true, request), request);
  }

  async #check(ticket: number, request: RequestLike): Promise<CloudUser | null> {
    const { user, search } = await this.#checks.result(ticket);
    return user === undefined ? this.#search(search, request) : this.#users.ofData(user).user;
  }

  async #search(begun: NativeSearch | NativeFailure | null | undefined, request: RequestLike): Promise<CloudUser | null> {
    const since = performance.now();
    if (begun === null || begun === undefined) throw new Error('A look ended without an answer.');
    if (isFailure(begun)) {
      this.#cloud.events.failed('credential_rejected', begun, detailsOf('rejected', 'none', since, requestId(request)));
      return null;
    }
    let search: NativeSearch | undefined = begun;
    let last: NativeAnswer | undefined;
    let cause: Error | undefined;
    while (search !== undefined) {
      const next: NativeAnswer | NativeFlow | number = search.next(last);
      last = undefined;
      if (typeof next === 'number') {
        ({ search } = await this.#checks.result(next));
      } else if (isFlow(next)) {
        ({ answer: last, cause = cause } = await this.#cloud.check(next));
      } else {
        const background = search.background();
        if (background !== null) this.#cloud.runInBackground(background);
        return this.#answer(next, search.source(), since, request, cause);
      }
    }
    throw new Error('A check ended without an answer.');
  }

  #answer(answer: NativeAnswer, source: NativeSource, since: number, request: RequestLike, cause?: Error): CloudUser | null {
    const { events } = this.#cloud;
    const kind = answer.kind();
    const failure = answer.failure();
    const identity = answer.identity();
    const user = identity === null ? null : this.#users.of(identity);
    if (failure === null) {
      if (this.#isTraced && (kind === 'authenticated' || kind === 'anonymous')) {
        const details = detailsOf(kind, source, since, requestId(request));
        if (user === null) events.emit({ type: 'request_anonymous', ...details });
        else events.emit({ type: 'request_authenticated', ...details, userId: user.id });
      }
      return user;
    }
    const id = requestId(request);
    events.failed(kind === 'rejected' ? 'credential_rejected' : 'authentication_unavailable', failure, detailsOf(kind, source, since, id));
    if (kind === 'rejected') return null;
    throw fromFailure(failure, id, cause);
  }

  #background(): void {
    for (const flow of this.#cloud.authority.background()) this.#cloud.runInBackground(flow);
  }

  /** The core's identity behind a user; a copy that kept its token is authenticated again. */
  async identity(user: CloudUser): Promise<NativeIdentity | undefined> {
    const own = identityOf(user);
    if (own) return own;
    const token: unknown = user?.sessionToken;
    if (typeof token !== 'string' || token === '') return undefined;
    const { authority } = this.#cloud;
    const known = own === null ? authority.identity(token, user.id) : null;
    if (known !== null) {
      identify(user, known);
      return known;
    }
    const search = authority.authenticate(token, undefined, undefined, false, 0);
    const found = await this.#search(search, {});
    return found !== null && found.id === user.id ? this.#identityOf(found) : undefined;
  }

  /** The identity of a user that was just found. */
  #identityOf(found: CloudUser): NativeIdentity | undefined {
    return identityOf(found) ?? this.#cloud.authority.identity(found.sessionToken, found.id) ?? undefined;
  }
}

/** The fields of an event about an authentication. */
function detailsOf(outcome: string, source: NativeSource, since: number, id: string) {
  return { outcome, source, durationSeconds: (performance.now() - since) / 1000, requestId: id };
}

function isFlow(next: NativeAnswer | NativeFlow): next is NativeFlow {
  return 'start' in next;
}
