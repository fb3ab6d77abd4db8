/**
 * `MastraCloudClient`: the Cloud's endpoints, one method each. This module is the entry `@mastra/auth-cloud/client`, and needs no
 * `@mastra/core`.
 *
 * ```ts
 * const client = new MastraCloudClient({ projectId: 'my-project' });
 * const user = await client.verifyToken({ token });
 * ```
 *
 * Holds no token: each call takes its own, so one client serves many users at once. A look-up that the Cloud refuses gives
 * `null`; an outage is an error and never looks like a refusal. No method creates a session: sessions begin at the Cloud's
 * login page.
 */

import type { MastraCloudClientOptions } from './client-options.js';
import { Deployment } from './deployment.js';
import { unwrap } from './error.js';
import { openable } from './runtime.js';
import { makeSession, makeUser } from './user.js';
import type { CloudSession, CloudUser } from './user.js';

export type { Dialect, MastraCloudClientOptions } from './client-options.js';
export type { ErrorCode } from './codes.js';
export { CloudApiError, isCloudApiError } from './error.js';
export type { CloudApiErrorDetails, ErrorKind } from './error.js';
export type { CloudAuthEvent, CloudAuthEventType, CloudAuthSource } from './event-types.js';
export type { CloudAuthLogger } from './events.js';
export type { Fetch } from './transport.js';
export type { CloudSession, CloudUser } from './user.js';

/** The result of an authorization code. */
export interface ExchangedCode {
  /** The session's token. Not enumerable: spreading and `JSON.stringify` omit it. */
  readonly token: string;
  /** The user who signed in; the `pkce` dialect gives only a token. */
  readonly user?: CloudUser;
  /** The new session; the `pkce` dialect gives only a token. */
  readonly session?: CloudSession;
  /** The token's lifetime in seconds, if the Cloud says nothing else of the session. */
  readonly expiresIn?: number;
}

/**
 * The Cloud's endpoints, one method each.
 *
 * A look-up (`verifyToken`, `validateSession`, `getUser`, `getUserPermissions`) answers `null`, or no permissions, where the Cloud
 * refuses, and for text that has not the form of a token or an id. Otherwise methods reject with a {@link CloudApiError}:
 *
 * - `network_error`, `timeout`, `response_too_large`: no usable answer came.
 * - the Cloud's code, or `request_failed`: it reports an outage, or refuses what is no look-up.
 * - `no_data`, `invalid_response`: the answer is not as the contract says.
 * - `invalid_argument`: an argument of a call that is no look-up has a wrong form.
 */
export class MastraCloudClient {
  readonly #opened: () => Deployment;

  /** @throws CloudApiError `invalid_configuration` for a wrong option or variable; the message names it. */
  constructor(options: MastraCloudClientOptions) {
    this.#opened = openable(() => new Deployment(options, () => undefined), () => Deployment.check(options));
  }

  get #cloud(): Deployment {
    return this.#opened();
  }

  /** Asks the Cloud who a token belongs to; `null` if the Cloud refuses the token. */
  async verifyToken({ token }: { token: string }): Promise<CloudUser | null> {
    const { engine } = this.#cloud;
    const outcome = await this.#cloud.lookUp(engine.opVerifyToken(token, Math.random()));
    return outcome?.user ? makeUser(outcome.user, this.#cloud.withRole) : null;
  }

  /** Asks the Cloud for a token's session; `null` if the Cloud refuses the token. */
  async validateSession({ sessionToken }: { sessionToken: string }): Promise<CloudSession | null> {
    const { engine } = this.#cloud;
    const outcome = await this.#cloud.lookUp(engine.opValidateSession(sessionToken, Math.random()));
    return outcome?.session ? makeSession(outcome.session) : null;
  }

  /** Ends a session with its own token. Rejects for every answer but a confirmation: a refusal of the Cloud is an error here too. */
  async destroySession({ sessionId, token }: { sessionId: string; token: string }): Promise<void> {
    await this.#cloud.runOrThrow(this.#cloud.engine.opDestroySession(sessionId, token, Math.random()));
  }

  /** Asks the Cloud for an account; `null` if the Cloud refuses or the dialect has no such endpoint. */
  async getUser({ userId, token }: { userId: string; token: string }): Promise<CloudUser | null> {
    const outcome = await this.#cloud.lookUp(this.#cloud.engine.opUser(userId, token, Math.random()));
    return outcome?.user ? makeUser(outcome.user, this.#cloud.withRole) : null;
  }

  /** Asks the Cloud for a user's permissions; empty if the Cloud refuses or the dialect has no such endpoint. */
  async getUserPermissions({ userId, token }: { userId: string; token: string }): Promise<string[]> {
    const { engine } = this.#cloud;
    const outcome = await this.#cloud.lookUp(engine.opUserPermissions(userId, token, Math.random()));
    return outcome?.grants ?? [];
  }

  /**
   * Exchanges an authorization code, of 1 to 2,048 visible ASCII characters (RFC 6749 section 4.1.3). The `pkce` dialect needs the
   * login's `verifier` (RFC 7636, 43 to 128 characters) and `redirectUri` too. Never retried, since a code is good for one use. A
   * refusal of the Cloud is an error here.
   */
  async exchangeCode(options: { code: string; verifier?: string; redirectUri?: string }): Promise<ExchangedCode> {
    const { code, verifier, redirectUri } = options;
    const flow = this.#cloud.engine.opExchangeCode(code, verifier, redirectUri, Math.random());
    const { token, user, session, expiresIn } = await this.#cloud.runOrThrow(flow);
    const exchanged = {
      ...(user && { user: makeUser(user, this.#cloud.withRole) }),
      ...(session && { session: makeSession(session) }),
      ...(expiresIn !== undefined && { expiresIn }),
    };
    return Object.defineProperty(exchanged, 'token', { value: token, enumerable: false }) as ExchangedCode;
  }

  /**
   * The login page's URL. Holds the state: send it in a `Location` header, do not log it. The `pkce` dialect needs the `challenge`
   * (RFC 7636 section 4.2).
   *
   * @throws CloudApiError `invalid_argument` for a `redirectUri` that is no absolute http(s) address; `state_malformed`.
   */
  getLoginUrl(options: { redirectUri: string; state: string; challenge?: string }): string {
    const { redirectUri, state, challenge } = options;
    const { engine, events } = this.#cloud;
    return events.loginUrl(unwrap(engine.loginPage(redirectUri, state, challenge)));
  }

  /**
   * The logout page's URL. It holds a token only in the `pkce` dialect, which requires it.
   *
   * @throws CloudApiError `invalid_argument` for a `redirectUri` that is no absolute http(s) address.
   */
  getLogoutUrl({ redirectUri, token }: { redirectUri: string; token?: string }): string {
    return unwrap(this.#cloud.engine.logoutPage(redirectUri, token));
  }
}
