/**
 * `MastraCloudAuth`: what a Mastra server holds. Identities, sessions, sign-in, permissions.
 *
 * There are four answers:
 *
 * - a user;
 * - `null` if there is no credential;
 * - `null` and an event if the credential was refused;
 * - a thrown error with the status 503 if it could not be checked.
 *
 * The server keeps no state of a login between its two requests, and the core decides every rule.
 */

import type {
  ISessionProvider,
  ISSOProvider,
  IUserProvider,
  Session,
  SSOCallbackResult,
  SSOLoginConfig,
} from '@mastra/core/auth';
import type { IRBACProvider } from '@mastra/core/auth/ee';
import { MastraAuthProvider } from '@mastra/core/server';

import { Arriving, CallbackAddress, answerCallback } from './callback.js';
import { check } from './check.js';
import type { CheckServer } from './check.js';
import { Deployment } from './deployment.js';
import { CloudApiError, isFailure, unwrap } from './error.js';
import { allows, allowsAll, allowsAny, permissionsOf } from './permissions.js';
import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { Authenticator } from './authenticate.js';
import { CALLBACK_URL, SETTINGS, flag } from './options.js';
import type { MastraCloudAuthOptions } from './options.js';
import { opened } from './opened.js';
import type { Opened } from './opened.js';
import { openable } from './runtime.js';
import type { RevocationStatus } from './revocation/channel.js';
import type { Sessions } from './sessions.js';
import type { SignIns } from './sign-ins.js';
import { Sites, publicOrigin } from './site.js';
import type { AuthInit } from './site.js';
import { figures } from './statistics.js';
import type { CloudAuthStatistics } from './statistics.js';
import { administers, ownOrganization, rolesOf } from './user.js';
import type { CloudUser } from './user.js';

/**
 * Sign-in with Mastra Cloud for one deployment: the provider for `server.auth` and `server.rbac` of a Mastra server.
 *
 * A method that looks something up answers `null`, or nothing, where the credential is refused. Where the Cloud cannot be asked it
 * throws a {@link CloudApiError} of kind `network` or `cloud`: that signs no user out.
 *
 * ```ts
 * const auth = new MastraCloudAuth({ projectId: 'my-project' });
 * export const mastra = new Mastra({ server: { auth, rbac: auth } });
 * ```
 */
export class MastraCloudAuth
  extends MastraAuthProvider<CloudUser>
  implements IUserProvider<CloudUser>, ISessionProvider, ISSOProvider<CloudUser>, IRBACProvider<CloudUser>
{
  /** Identifies this plugin to a server as the one for the real Cloud. */
  readonly isMastraCloudAuth = true;

  readonly #opened: () => Opened;
  readonly #callback: CallbackAddress;
  /** The cookie header of the next callback: set and taken back to back, with nothing in between. */
  #callbackCookies: string | null = null;
  /** The cookie headers of the callbacks at our own route that are under way. */
  readonly #arriving = new Arriving();
  /** The addresses of requests. The host may say one of all before anything is open. */
  readonly #sites = new Sites();

  /**
   * Takes each option, else its environment variable, else its default. Makes no call.
   *
   * @throws CloudApiError `invalid_configuration` for a wrong value; the message names the option or the variable.
   */
  constructor(options: MastraCloudAuthOptions = {}) {
    super({ name: options.name ?? 'mastra-cloud' });
    this.#callback = new CallbackAddress((options as { readonly [CALLBACK_URL]?: string })[CALLBACK_URL]);
    const isTraced = flag('traceRequests', options.traceRequests);
    const open = () => opened(new Deployment(options, () => this.logger), this.#sites, isTraced);
    this.#opened = openable(open, () => Deployment.check(options));
    // The host's class assigns `undefined` here, which would shadow the method, also a subclass's.
    delete (this as Partial<MastraAuthProvider<CloudUser>>).mapUserToResourceId;
    Object.defineProperty(this, SETTINGS, { value: () => this.#cloud.settings });
    this.registerOptions(options);
  }

  get #cloud(): Deployment {
    return this.#opened().cloud;
  }

  get #authenticator(): Authenticator {
    return this.#opened().authenticator;
  }

  get #sessions(): Sessions {
    return this.#opened().sessions;
  }

  get #signIns(): SignIns {
    return this.#opened().signIns;
  }

  // Authentication of requests

  /**
   * Authenticates a request: by the token first, then by the session cookie; `null` if there is no credential or it is refused. A
   * host reads the bearer token itself (RFC 6750 section 2.1), and passes an empty one if there is none. A token has at most 8,192
   * bytes.
   *
   * @throws CloudApiError `organization_forbidden` (403) for a user who is not a member. One of kind `network` or `cloud` if the
   *   Cloud was asked and gave no usable answer.
   */
  authenticateToken(token: string, request: RequestLike): Promise<CloudUser | null> {
    return this.#authenticator.authenticate(text(token), undefined, request, true);
  }

  /** Whether a user may come in at all: every user of this provider, or a copy of one. */
  authorizeUser(user: CloudUser, _request?: RequestLike): Promise<boolean> | boolean {
    return typeof user?.id === 'string' && user.id !== '';
  }

  /**
   * The resource that belongs to a user: the user's id. The option of this name takes precedence; a subclass may override
   * the method.
   */
  override mapUserToResourceId(user: CloudUser): string | null | undefined {
    return user.id;
  }

  /**
   * The user of a request, by its bearer token first, then by its session cookie; `null` if there is no credential or it is refused.
   *
   * @throws CloudApiError of kind `network` or `cloud` if the Cloud was asked and gave no usable answer.
   */
  getCurrentUser(request: Request): Promise<CloudUser | null> {
    return this.#authenticator.authenticate('', header(request, 'authorization'), request);
  }

  /**
   * What {@link authCheckRoute} answers to a request, for a server of another kind. `server` names who decides beside this
   * provider: `{ rbac }` for roles and permissions. Rejects with what an overridden method throws, or `rbac`.
   */
  checkRequest(request: Request, server?: CheckServer): Promise<Response> {
    return check(request, this, this.#authenticator, server);
  }

  /**
   * A user by id. With a token the Cloud is asked, with that token: `null` if it refuses, or its dialect has no such call. Without one
   * it is a user who was seen here lately and whose session still counts, else `null`.
   *
   * @throws CloudApiError of kind `network` or `cloud` if the Cloud was asked and gave no usable answer.
   */
  async getUser(id: string, token?: string): Promise<CloudUser | null> {
    if (token === undefined) return (await this.#opened().seen(text(id)))[0] ?? null;
    const { engine, revocations } = this.#cloud;
    const current = revocations?.current();
    if (current !== undefined) await current;
    const outcome = await this.#cloud.lookUp(engine.opUser(id, token, Math.random()));
    return outcome?.user ? this.#opened().users.of(outcome.user).user : null;
  }

  /** Users by their ids, in the same order: those who were seen here lately and whose session still counts, else `null`. */
  getUsers(ids: string[]): Promise<(CloudUser | null)[]> {
    return Promise.all(ids.map(id => this.getUser(id)));
  }

  /** The URL of a user's page at the Cloud: `/users/` and the id, percent-encoded, below its address. */
  getUserProfileUrl(user: { id: string }): string {
    return this.#cloud.engine.profileUrl(user.id);
  }

  // Sessions: the host's id of a session is its token

  /**
   * Always fails: the Cloud has no such operation. Sessions begin with a sign-in.
   *
   * @throws CloudApiError `not_implemented` (501).
   */
  createSession(_userId: string, _metadata?: Record<string, unknown>): Promise<Session> {
    return Promise.reject(
      new CloudApiError('Mastra Cloud does not create sessions. Use the SSO flow: send the browser to getLoginUrl().', 501, {
        code: 'not_implemented',
        kind: 'caller',
      }),
    );
  }

  /**
   * The session of a token, as `{ id, userId, expiresAt, createdAt }`; `null` if it has ended or is refused.
   *
   * The session's `id` is the token, as hosts expect it. It is not enumerable: spreading, `Object.keys` and `JSON.stringify`
   * omit it, so that no log holds it. Pass the object itself on, or copy the `id` by name.
   *
   * @throws CloudApiError of kind `network` or `cloud` if the Cloud was asked and gave no usable answer.
   */
  validateSession(token: string): Promise<Session | null> {
    return this.#sessions.validate(text(token));
  }

  /**
   * Ends a session here at once, and at the Cloud. If the Cloud does not confirm, an event says so and nothing is thrown. A
   * server that catches an error here would leave the cookie in the browser, although the session is over here.
   */
  async destroySession(token: string): Promise<void> {
    const job = this.#cloud.engine.signOut(text(token), Math.random());
    if (!isFailure(job)) await this.#signIns.signOut(job);
  }

  /**
   * The session as the Cloud has it now, with a newer token as its id if the Cloud issues one; `null` if it has ended.
   * Calls with one token share one call to the Cloud, also for a while after it was renewed. As in {@link validateSession}, the
   * `id` is not enumerable.
   *
   * @throws CloudApiError of kind `network` or `cloud` if the Cloud gave no usable answer.
   */
  refreshSession(token: string): Promise<Session | null> {
    return this.#sessions.refresh(text(token));
  }

  /** The session token in a request's cookie, unverified; `null` without one that has the form of a token. */
  getSessionIdFromRequest(request: Request): string | null {
    return this.#sessions.tokenOf(request);
  }

  /**
   * The header that stores a session in a browser, `{ 'Set-Cookie': ... }`. The session is one of {@link validateSession} or
   * {@link refreshSession}: its `id` is the token.
   *
   * @throws CloudApiError `cookie_too_large` where name and value take more than 4,096 bytes, which browsers do not keep.
   */
  getSessionHeaders(session: Session): Record<string, string> {
    return this.#sessions.headers(session, text(session.id));
  }

  /** The header that clears the session cookie, `{ 'Set-Cookie': ... }`. */
  getClearSessionHeaders(): Record<string, string> {
    return { 'Set-Cookie': this.#cloud.engine.clearSessionCookie() };
  }

  /**
   * The headers to set with the answer to a request, `{ 'Set-Cookie': ... }`, if its session was renewed; else `undefined`. Once for
   * each request object: the `Request`, or the object of a host that has it as `raw`.
   *
   * A host calls this after each request that it has let in. From the first call on, sessions are renewed before their tokens end.
   * With a host that never calls it a session is renewed once its token is refused, by {@link refreshSession}.
   */
  consumePendingResponseHeaders(request: RequestLike): Record<string, string> | undefined {
    return this.#authenticator.consume(request);
  }

  // Organizations

  /**
   * The organization of a user: the one that the user has chosen, or the user's own in a dialect without organizations.
   * `undefined` if the user has none, or has no session that was seen here lately and still counts.
   */
  async ensureOrganization(userId: string): Promise<string | undefined> {
    const { cloud, seen } = this.#opened();
    const id = text(userId);
    if (!cloud.hasOrganizations) return id === '' ? undefined : ownOrganization(id);
    return (await seen(id))[0]?.organizationId;
  }

  /**
   * Whether a user administers an organization: the one that the user has chosen, with the role `admin` or `owner` there, or the
   * user's own. Any of the user's sessions counts that was seen here lately and still counts; false without one. Never rejects.
   */
  async isOrganizationAdmin(organizationId: string, userId: string): Promise<boolean> {
    const users = await this.#opened().seen(text(userId));
    return users.some(user => administers(user, organizationId));
  }

  /**
   * Takes what a host knows before it serves: with a `publicUrl` cookies follow that address, whatever the headers of requests say.
   * `database` and `allowedOrigins` are not needed. Rejects with `invalid_configuration` if `publicUrl` is no web address.
   */
  async init({ publicUrl }: AuthInit = {}): Promise<void> {
    if (publicUrl !== undefined) this.#sites.know(publicOrigin(publicUrl));
  }

  // Statistics

  /** Counters since the start, and current gauges. Cheap enough for every scrape; holds no id and no value of a request. */
  statistics(): CloudAuthStatistics {
    const { revocations } = this.#cloud;
    return { ...this.#cloud.engine.statistics(), ...(revocations && { revocations: figures(revocations.status()) }) };
  }

  // Operator actions

  /**
   * Revokes a session by the Cloud's id: here at once, and on all other instances if there are `revocations`. In the dialect
   * `platform` it is an id of this package's events, which an instance no longer knows after a restart: use `endUser` then.
   *
   * @throws CloudApiError `invalid_argument` unless the id has 1 to 256 bytes and no control character.
   */
  endSession(sessionId: string): void {
    unwrap(this.#cloud.engine.endSession(text(sessionId)));
    this.#cloud.events.emit({ type: 'session_revoked', sessionId });
    this.#cloud.revocations?.flush();
  }

  /**
   * Revokes every session of a user that began before now: here at once, and on all other instances if there are
   * `revocations`. A later sign-in is accepted. Neither this nor `endSession` tells the Cloud.
   *
   * @throws CloudApiError `invalid_argument` unless the id has 1 to 256 bytes and no control character.
   */
  endUser(userId: string): void {
    unwrap(this.#cloud.engine.endUser(text(userId)));
    this.#cloud.events.emit({ type: 'user_revoked', userId });
    this.#cloud.revocations?.flush();
  }

  /** The status of the revocation channel; `null` if there is none. */
  revocationStatus(): RevocationStatus | null {
    return this.#cloud.revocations?.status() ?? null;
  }

  /** Publishes the pending revocations, for two seconds at most, and leaves the channel. Everything else keeps working. */
  async close(): Promise<void> {
    await this.#cloud.revocations?.close();
  }

  // Signing in

  /**
   * The URL of the Cloud's login page, to which to send the browser. `redirectUri` is the absolute address of the callback, at most
   * 2,048 bytes; `state` is `id` or `id|` and the encoded path to return to. Holds the state: send it in a `Location` header, do not log it. If the state's
   * return path takes more than 6,144 bytes of the URL, its fragment is cut, then its query, and last its path. The event
   * `return_path_truncated` says so.
   *
   * @throws CloudApiError `invalid_argument` for another `redirectUri`, `state_malformed` for another `state`.
   */
  getLoginUrl(redirectUri: string, state: string): string {
    const { engine, events } = this.#cloud;
    return events.loginUrl(unwrap(engine.loginUrl(this.#callback.of(text(redirectUri)), text(state), this.#callback.isRoute)));
  }

  /**
   * The cookie that binds this sign-in to the browser, for five minutes: one `Set-Cookie` value. Takes the arguments of
   * {@link getLoginUrl}.
   *
   * @throws CloudApiError as {@link getLoginUrl} does, and `cookie_too_large`.
   */
  getLoginCookies(redirectUri: string, state: string): string[] {
    const { engine } = this.#cloud;
    return [unwrap(engine.loginCookie(this.#callback.of(text(redirectUri)), text(state)))];
  }

  /** Sets the `Cookie` header of the next {@link handleCallback}. A server calls it right before that, and waits for nothing between. */
  setCallbackCookieHeader(cookieHeader: string | null): void {
    this.#callbackCookies = cookieHeader;
  }

  /**
   * Finishes a sign-in (RFC 6749 section 4.1.2): exchanges the code, and answers the user, the tokens and the `cookies` to set. The
   * code is exchanged once, however often the same browser repeats its callback during the exchange and for 10 seconds after; all
   * get the same answer.
   *
   * A callback may be used already, belong to another browser or come too late. If the cookies then hold a valid session,
   * the answer is that session, unchanged. `cookieHeader` takes the place of what {@link setCallbackCookieHeader} set.
   *
   * @throws CloudApiError `code_malformed`, `state_malformed`, `login_cookie_missing`, `state_mismatch`, `project_mismatch`,
   *   `cloud_mismatch`, `login_expired`, `callback_replayed` or `code_replayed` for a callback that cannot be used;
   *   `organization_forbidden` and `cookie_too_large` for a session that cannot be kept; else the error of the exchange.
   */
  async handleCallback(code: string, state: string, cookieHeader?: string): Promise<SSOCallbackResult<CloudUser>> {
    // An override may leave the third argument out, and may have waited for something before it came here.
    const cookies = text(cookieHeader ?? this.#arriving.cookiesOf(code, state) ?? this.#callbackCookies);
    this.#callbackCookies = null;
    return this.#signIns.finish(text(code), text(state), cookies, this.#callback.isRoute, this);
  }

  /**
   * What {@link authCallbackRoute} answers with, for a server of another kind that has a callback at this path. From now on sign-ins
   * come back there.
   *
   * ```ts
   * const callback = auth.callbackAt('/auth/callback');
   * app.get('/auth/callback', context => callback(context.req.raw));
   * ```
   */
  callbackAt(path: string): (request: Request) => Promise<Response> {
    this.#callback.move(text(path));
    return request =>
      answerCallback(request, this.#sites, async ({ code, state, declined }, cookieHeader) => {
        if (declined !== undefined) throw this.#signIns.declined(declined);
        const leave = this.#arriving.enter(code, state, cookieHeader);
        try {
          return await this.handleCallback(code, state, cookieHeader);
        } finally {
          leave();
        }
      });
  }

  /**
   * The URL to which to send the browser to sign out at the Cloud too; `null` if the Cloud could not send it back from
   * there. A server that catches an error here would leave the cookie in the browser.
   */
  getLogoutUrl(redirectUri: string, request?: Request): string | null | Promise<string | null> {
    const token = request === undefined ? null : this.getSessionIdFromRequest(request);
    const url = this.#cloud.engine.logoutPage(text(redirectUri), token);
    return isFailure(url) ? null : url;
  }

  /** The labels of the login button. */
  getLoginButtonConfig(): SSOLoginConfig {
    return { provider: 'mastra', text: 'Sign in with Mastra Cloud' };
  }

  // Permissions

  /** The user's roles. */
  getRoles(user: CloudUser): Promise<string[]> {
    return Promise.resolve(rolesOf(user));
  }

  /** Whether the user has a role. */
  async hasRole(user: CloudUser, role: string): Promise<boolean> {
    return (await this.getRoles(user)).includes(role);
  }

  /**
   * All permissions of a user, each as `resource:action`, and `*` in place of a part for any; none if the user's session ended here or
   * is expired. By the option `roleMapping`, else by the Cloud.
   *
   * A copy of a user names no session. Where permissions come from roles, its own roles decide, also after a sign-out.
   * Otherwise it has none, and the event `permissions_without_session` says so.
   *
   * @throws CloudApiError of kind `network` or `cloud` if the Cloud was asked and gave no usable answer.
   */
  getPermissions(user: CloudUser): Promise<string[]> {
    return permissionsOf(user, this.#cloud, this.#authenticator);
  }

  /** Whether the user has a permission, such as `agents:read` or `agents:read:ID`. Throws as {@link getPermissions} does. */
  async hasPermission(user: CloudUser, permission: string): Promise<boolean> {
    return allows(await this.getPermissions(user), permission);
  }

  /** Whether the user has all of these permissions; true for none. Throws as {@link getPermissions} does. */
  async hasAllPermissions(user: CloudUser, permissions: string[]): Promise<boolean> {
    return allowsAll(await this.getPermissions(user), permissions);
  }

  /** Whether the user has at least one of these permissions; false for none. Throws as {@link getPermissions} does. */
  async hasAnyPermission(user: CloudUser, permissions: string[]): Promise<boolean> {
    return allowsAny(await this.getPermissions(user), permissions);
  }

  /** The roles of the option `roleMapping`, else the dialect's own: `owner`, `admin`, `member` and `viewer`. */
  getAvailableRoles(): Promise<{ id: string; name: string }[]> {
    return Promise.resolve(this.#cloud.engine.roles().map(role => ({ id: role, name: role })));
  }

  /** A role's permissions by the option `roleMapping`, else by the dialect's own roles; none for a role that is not there. */
  getPermissionsForRole(role: string): Promise<string[]> {
    return Promise.resolve(this.#cloud.engine.grantsOfRoles([role]));
  }
}

/** A JavaScript host may pass anything; a value that is not a string counts as an empty one, and is refused. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
