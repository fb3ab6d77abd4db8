/** Sessions as a host knows them: by the token, which is also what the cookie holds. */

import type { Session } from '@mastra/core/auth';

import type { Deployment } from './deployment.js';
import type { Outcome } from './driver.js';
import { fromFailure, isFailure, unwrap } from './error.js';
import { header } from './headers.js';
import type { Sites } from './site.js';

export class Sessions {
  readonly #cloud: Deployment;
  readonly #sites: Sites;
  /** The session token that was read last, and the site of its request. */
  #read = { token: '', site: 0 };
  /** The sites to which renewed sessions return: other requests may be served during a renewal. */
  readonly #returnTo = new WeakMap<Session, number>();

  constructor(cloud: Deployment, sites: Sites) {
    this.#cloud = cloud;
    this.#sites = sites;
  }

  /** Throws if the Cloud was asked and is unavailable. */
  async validate(token: string): Promise<Session | null> {
    const current = this.#cloud.revocations?.current();
    if (current !== undefined) await current;
    const job = this.#cloud.engine.session(token, Math.random());
    // A malformed token belongs to no session.
    return isFailure(job) ? null : sessionOf(token, await this.#cloud.runOrThrow(job));
  }

  /** Throws if the Cloud was asked and is unavailable. */
  async refresh(token: string): Promise<Session | null> {
    const read = this.#read;
    const current = this.#cloud.revocations?.current();
    if (current !== undefined) await current;
    const job = this.#cloud.engine.renew(token, Math.random());
    if (isFailure(job)) return null;
    const outcome = await this.#cloud.driver.run(job);
    // A call that joined another has no flow, and the other one emits the event.
    if (job.outcome !== undefined || job.step?.started[0] !== undefined) this.#refreshed(outcome);
    if (outcome.failure !== undefined) throw fromFailure(outcome.failure, undefined, outcome.cause);
    const session = sessionOf(token, outcome);
    if (session !== null && read.token === token) this.#returnTo.set(session, read.site);
    return session;
  }

  /** The token in a request's cookie, unverified. */
  tokenOf(request: Request): string | null {
    const cookie = header(request, 'cookie');
    if (cookie === undefined) return null;
    const site = this.#sites.of(request);
    const token = this.#cloud.engine.sessionToken(cookie, site);
    if (token !== null) this.#read = { token, site };
    return token;
  }

  /** The header that stores a session with this token in a browser. */
  headers(session: Session, token: string): Record<string, string> {
    const expiresAt = new Date(session.expiresAt).getTime();
    return { 'Set-Cookie': unwrap(this.#cloud.engine.sessionCookie(token, expiresAt, this.#returnTo.get(session) ?? 0)) };
  }

  #refreshed({ session, token, failure }: Outcome): void {
    const { events } = this.#cloud;
    if (failure !== undefined) events.failed('session_refresh_failed', failure);
    else if (session === undefined) events.emit({ type: 'session_refresh_rejected' });
    else {
      const { id: sessionId, userId } = session;
      events.emit({ type: token === undefined ? 'session_token_unchanged' : 'session_refreshed', sessionId, userId });
    }
  }
}

/** The session that a look-up returns, under its newest token. */
function sessionOf(token: string, { session, token: newer }: Outcome): Session | null {
  if (session === undefined) return null;
  const { userId, expiresAt, createdAt } = session;
  const found = { userId, expiresAt: new Date(expiresAt), createdAt: new Date(createdAt) };
  return Object.defineProperty(found, 'id', { value: newer ?? token, enumerable: false }) as Session;
}
