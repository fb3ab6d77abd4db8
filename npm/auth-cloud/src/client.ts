/**
 * `MastraCloudClient`: the Cloud's endpoints, one method each.
 *
 * Holds no token: each call takes the one it is for, so one client serves many users at once. A refusal of a look-up is `null`; an
 * outage is an error and never looks like one. There is no way to create a session: sessions begin at the Cloud's login page.
 */

import { Deployment } from './deployment.js';
import { unwrap } from './error.js';
import type { MastraCloudClientOptions } from './options.js';
import { makeSession, userOf } from './user.js';
import type { CloudSession, CloudUser } from './user.js';

/** What an authorization code was worth. */
export interface ExchangedCode {
  /** The session's token. */
  readonly token: string;
  /** Who signed in; the `pkce` dialect gives only a token. */
  readonly user?: CloudUser;
  /** The new session; the `pkce` dialect gives only a token. */
  readonly session?: CloudSession;
  /** How many seconds the token lasts, where that is all that is known of its session. */
  readonly expiresIn?: number;
}

export class MastraCloudClient {
  readonly #cloud: Deployment;

  constructor(options: MastraCloudClientOptions) {
    this.#cloud = new Deployment(options, () => undefined);
  }

  /** Asks who a token belongs to; `null` where the Cloud refuses it. */
  async verifyToken({ token }: { token: string }): Promise<CloudUser | null> {
    const { authority } = this.#cloud;
    const outcome = await this.#cloud.found(authority.opVerifyToken(token, Math.random()));
    return outcome?.identity ? userOf(outcome.identity, this.#cloud.withRole) : null;
  }

  /** Asks for a token's session; `null` where the Cloud refuses it. */
  async validateSession({ sessionToken }: { sessionToken: string }): Promise<CloudSession | null> {
    const { authority } = this.#cloud;
    const outcome = await this.#cloud.found(authority.opValidateSession(sessionToken, Math.random()));
    return outcome?.session ? makeSession(outcome.session) : null;
  }

  /** Ends a session with its token. Throws for every answer but a confirmation. */
  async destroySession({ sessionId, token }: { sessionId: string; token: string }): Promise<void> {
    await this.#cloud.done(this.#cloud.authority.opDestroySession(sessionId, token, Math.random()));
  }

  /** Asks for an account; `null` where the Cloud refuses it or the dialect has no such endpoint. */
  async getUser({ userId, token }: { userId: string; token: string }): Promise<CloudUser | null> {
    const outcome = await this.#cloud.found(this.#cloud.authority.opUser(userId, token, Math.random()));
    return outcome?.identity ? userOf(outcome.identity, this.#cloud.withRole) : null;
  }

  /** Asks for a user's permissions; none where the Cloud refuses or the dialect has no such endpoint. */
  async getUserPermissions({ userId, token }: { userId: string; token: string }): Promise<string[]> {
    const { authority } = this.#cloud;
    const outcome = await this.#cloud.found(authority.opUserPermissions(userId, token, Math.random()));
    return outcome?.grants ?? [];
  }

  /** Spends an authorization code. The `pkce` dialect needs what the login was begun with. Never made twice. */
  async exchangeCode(options: { code: string; verifier?: string; redirectUri?: string }): Promise<ExchangedCode> {
    const { code, verifier, redirectUri } = options;
    const flow = this.#cloud.authority.opExchangeCode(code, verifier, redirectUri, Math.random());
    const { token, identity, session, expiresIn } = await this.#cloud.done(flow);
    const exchanged = {
      ...(identity && { user: userOf(identity, this.#cloud.withRole) }),
      ...(session && { session: makeSession(session) }),
      ...(expiresIn !== undefined && { expiresIn }),
    };
    return Object.defineProperty(exchanged, 'token', { value: token, enumerable: false }) as ExchangedCode;
  }

  /** The login page's URL. Holds the state: for a `Location` header, not for a log. */
  getLoginUrl(options: { redirectUri: string; state: string; challenge?: string }): string {
    const { redirectUri, state, challenge } = options;
    const { authority, events } = this.#cloud;
    return events.loginUrl(unwrap(authority.loginPage(redirectUri, state, challenge)));
  }

  /** The logout page's URL; a token goes into it only in the `pkce` dialect, which asks for it. */
  getLogoutUrl({ redirectUri, token }: { redirectUri: string; token?: string }): string {
    return unwrap(this.#cloud.authority.logoutPage(redirectUri, token));
  }
}
