/**
 * Finishes sign-ins, and ends sessions.
 *
 * The code of a callback is exchanged once, however often the same browser repeats the callback meanwhile.
 */

import type { Session, SSOCallbackResult } from '@mastra/core/auth';

import type { Authenticator } from './authenticate.js';
import type { Deployment } from './deployment.js';
import type { Begun, Outcome } from './driver.js';
import { fromFailure, isFailure } from './error.js';
import type { CloudApiError } from './error.js';
import { requestId } from './events.js';
import type { NativeFailure, NativePending } from './native.js';
import { monotonic } from './timeout.js';
import type { CloudUser } from './user.js';
import type { Users } from './users.js';

/** A sign-in under way, and the request that began it. */
interface SignIn extends Begun {
  readonly result: Promise<SSOCallbackResult<CloudUser>>;
}

/** What of a provider finds the session that a browser has already. */
interface Sessions {
  validateSession(token: string): Promise<Session | null>;
  refreshSession(token: string): Promise<Session | null>;
  getSessionHeaders(session: Session): Record<string, string>;
}

export class SignIns {
  readonly #cloud: Deployment;
  readonly #users: Users;
  readonly #authenticator: Authenticator;
  /** The sign-ins in flight, by a key that only the browser that began one can produce. */
  readonly #inFlight = new Map<string, SignIn>();

  constructor(cloud: Deployment, users: Users, authenticator: Authenticator) {
    this.#cloud = cloud;
    this.#users = users;
    this.#authenticator = authenticator;
  }

  /**
   * Finishes a sign-in, or returns what the same browser's callback before this one comes to. `isRoute`: sign-ins come back to our
   * own route, so none is without its id.
   */
  async finish(
    code: string,
    state: string,
    cookies: string,
    isRoute: boolean,
    sessions: Sessions,
  ): Promise<SSOCallbackResult<CloudUser>> {
    const { engine, driver, revocations } = this.#cloud;
    const current = revocations?.current();
    if (current !== undefined) await current;
    const key = engine.callbackKey(code, state, cookies, isRoute);
    const running = key === null ? undefined : this.#inFlight.get(key);
    const shared = running && (await driver.shared(running));
    // If the request that began it has ended, the callback counts as used.
    if (shared !== undefined) return shared;
    const job = engine.callback(code, state, cookies, Math.random(), isRoute);
    const signIn = this.#finish(job, cookies, sessions);
    if (key === null || isFailure(job)) return signIn;
    for (const [other, one] of this.#inFlight) if (driver.isGone(one)) this.#inFlight.delete(other);
    const result = signIn.finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, { result, ticket: job.ticket, begun: monotonic() });
    return result;
  }

  /** The error of a sign-in that the Cloud ended without a code. */
  declined(failure: NativeFailure): CloudApiError {
    this.#cloud.engine.loginFailed();
    return this.#failed(failure);
  }

  #failed(failure: NativeFailure, cause?: Error): CloudApiError {
    const id = requestId();
    this.#cloud.events.failed('sign_in_failed', failure, { outcome: 'failed', requestId: id });
    return fromFailure(failure, id, cause);
  }

  /** Ends a session at the Cloud, and emits an event of the outcome. */
  async signOut(job: NativePending): Promise<void> {
    // A session that was verified is denied already. Any other is published once the Cloud has ended it.
    this.#cloud.revocations?.flush();
    const { events, driver, revocations } = this.#cloud;
    const { failure, signOut, userId, sessionId } = await driver.run(job, true);
    revocations?.flush();
    const ids = { ...(userId !== undefined && { userId }), ...(sessionId !== undefined && { sessionId }) };
    if (failure !== undefined) events.failed('sign_out_not_confirmed', failure, { outcome: 'not_confirmed', ...ids });
    else events.emit({ type: 'signed_out', ...(signOut !== undefined && { outcome: signOut }), ...ids });
  }

  async #finish(
    job: NativePending | NativeFailure,
    cookieHeader: string,
    sessions: Sessions,
  ): Promise<SSOCallbackResult<CloudUser>> {
    const { engine, events, driver } = this.#cloud;
    // Publish at once that this callback is used.
    this.#cloud.revocations?.flush();
    const outcome: Outcome = isFailure(job) ? { failure: job } : await driver.run(job);
    // If keys had to be fetched first, the callback was used only now.
    this.#cloud.revocations?.flush();
    const { user: data, cookies, token, session, failure, cause, again, signOuts = [] } = outcome;
    if (failure !== undefined) {
      const already = failure.unusableCallback ? await this.#existingSession(cookieHeader, failure, sessions) : undefined;
      if (already !== undefined) return already;
      if (failure.unusableCallback) engine.loginFailed();
      const error = this.#failed(failure, cause);
      // No browser received its session.
      for (const job of signOuts) this.#signOutLater(job);
      throw error;
    }
    if (data === undefined || cookies === undefined) throw new Error('A sign-in ended without a user.');
    const { user } = this.#users.of(data);
    const result = { user, tokens: tokensOf(token, session && new Date(session.expiresAt)), cookies };
    if (again === true) return result;
    events.emit({ type: 'signed_in', outcome: 'succeeded', userId: user.id, ...(session && { sessionId: session.id }) });
    // Of the sessions that it replaced. They are denied here already, so it does not wait for the Cloud.
    for (const job of signOuts) this.#signOutLater(job);
    return result;
  }

  #signOutLater(job: NativePending): void {
    // The driver emits an event for what fails.
    this.signOut(job).catch(() => undefined);
  }

  /** The session of a browser with an unusable callback, if it is valid or can be renewed. The code is not exchanged. */
  async #existingSession(
    cookieHeader: string,
    { code, status }: NativeFailure,
    sessions: Sessions,
  ): Promise<SSOCallbackResult<CloudUser> | undefined> {
    const brought = this.#cloud.engine.sessionToken(cookieHeader, 0);
    if (brought === null) return undefined;
    try {
      let user = await this.#authenticator.authenticate('', undefined, { headers: { cookie: cookieHeader } });
      let session = user && (await sessions.validateSession(user.sessionToken));
      if (session === null) {
        session = await sessions.refreshSession(brought);
        user = session && (await this.#authenticator.bySession(session.id));
      }
      if (user === null || session === null) return undefined;
      this.#cloud.events.emit({ type: 'already_signed_in', code, status, userId: user.id });
      const cookies = Object.values(sessions.getSessionHeaders(session));
      return { user, tokens: tokensOf(session.id, session.expiresAt), cookies };
    } catch {
      // The session could not be checked, and an event says so: report the callback's own failure.
      return undefined;
    }
  }
}

/** The tokens of a sign-in; the session token is not enumerable. */
function tokensOf(token: string | undefined, expiresAt: Date | undefined): SSOCallbackResult<CloudUser>['tokens'] {
  const tokens = { ...(expiresAt && { expiresAt }) };
  return Object.defineProperty(tokens, 'accessToken', { value: token, enumerable: false }) as SSOCallbackResult<CloudUser>['tokens'];
}
