/**
 * The check that a proxy asks about each request before it forwards it: whether the request may pass, told by the status alone.
 *
 * The request is authenticated, and its session renewed, but nothing else is done. No answer is a page or a redirect.
 */

import type { Session } from '@mastra/core/auth';
import type { IRBACProvider } from '@mastra/core/auth/ee';
import type { ApiRoute } from '@mastra/core/server';
import { registerApiRoute } from '@mastra/core/server';

import { answer, refuse } from './answers.js';
import type { Headers, Reason } from './answers.js';
import type { Authenticator } from './authenticate.js';
import { configurationError, isCloudApiError } from './error.js';
import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { NativeFailure } from './native.js';
import { allows, allowsAll } from './permissions.js';
import { ownOrganization } from './user.js';
import type { CloudUser } from './user.js';

/** Longest query, in characters: any client may send one. */
const MAX_QUERY = 2_048;
const FORBIDDEN = 'organization_forbidden';

/** Who lets a request in. */
interface Gate {
  authenticateToken(token: string, request: RequestLike): Promise<CloudUser | null>;
  authorizeUser(user: CloudUser, request: RequestLike): Promise<boolean> | boolean;
}

/** Who decides what a user may do. */
type Rbac = Pick<IRBACProvider<CloudUser>, 'getPermissions' | 'getRoles'>;

/** What of a provider a check needs. */
interface Provider extends Gate, Rbac {
  mapUserToResourceId?(user: CloudUser): string | null | undefined;
  getSessionIdFromRequest(request: Request): string | null;
  refreshSession(token: string): Promise<Session | null>;
  getSessionHeaders(session: Session): Record<string, string>;
}

/** What else decides on a server. */
export interface CheckServer {
  /** The server's `auth`, default: the provider that checks. Another one has to let the request in as well. */
  readonly auth?: unknown;
  /** The server's `rbac`, default: the provider that checks. Its permissions decide, and `X-Auth-Roles` has its roles. */
  readonly rbac?: Rbac | undefined;
}

/** The part of a `Mastra` that says who decides. */
interface Host {
  getServer(): CheckServer | undefined;
  getStudio?(): CheckServer | undefined;
}

/**
 * A route for a Mastra server that tells a proxy whether a request may pass: `/auth/check?permission=resource:action`, by any
 * method, with the request's `Cookie` and `Authorization`.
 *
 * - 200: the user is signed in and has each `permission` of the query. The headers `X-Auth-User` and `X-Auth-Roles` have the
 *   user's id and the roles, each percent-encoded as by `encodeURIComponent`, with commas between the roles. In the dialect
 *   `platform` `X-Auth-Organization` has the id of the user's organization, if any.
 * - 401: there is no credential, or it is not accepted; with `WWW-Authenticate`.
 * - 403: the user lacks a permission, `authorizeUser` refuses, the Cloud does not let the account in, or the user is not a member of
 *   the organization.
 * - 503: the Cloud could not be asked; with `Retry-After`.
 * - 400: the query holds anything else or has more than 2,048 characters, or the browser sends more cookies than are read.
 *
 * Each answer may bring a renewed cookie in `Set-Cookie`. An answer other than 200 has the body
 * `{"error": {"code": ..., "message": ...}}`. The server refuses a `path` below its own, `/api`.
 *
 * The server's `rbac` decides about permissions and roles; without one, `auth` does. Where the server's `auth` is another
 * provider, such as a `CompositeAuth`, it has to let the request in too. An error that a provider of yours throws becomes the
 * server's 500.
 *
 * ```ts
 * const auth = new MastraCloudAuth({ projectId: 'my-project' });
 * export const mastra = new Mastra({ server: { auth, rbac: auth, apiRoutes: [authCheckRoute(auth)] } });
 * ```
 */
export function authCheckRoute(
  auth: { checkRequest(request: Request, server?: CheckServer): Promise<Response> },
  path = '/auth/check',
): ApiRoute {
  const handler = (context: { req: { raw: Request }; get(name: 'mastra'): Host }) => {
    const mastra = context.get('mastra');
    const [server, studio] = [mastra.getServer(), mastra.getStudio?.()];
    const isOfStudio = studio?.auth === auth && server?.auth !== auth;
    const deciding = isOfStudio ? { auth, rbac: studio.rbac ?? server?.rbac } : server;
    return auth.checkRequest(context.req.raw, deciding);
  };
  return registerApiRoute(path, { method: 'ALL', requiresAuth: false, handler });
}

/** Answers the check of one request. Throws what an overridden method or another provider throws. */
export async function check(
  request: Request,
  auth: Provider,
  authenticator: Authenticator,
  server: CheckServer = {},
): Promise<Response> {
  const gate = gateOf(server.auth ?? auth);
  const rbac = server.rbac ?? auth;
  const required = requiredBy(request.url);
  if (required === undefined) return refuse('invalid_argument');
  const cookies: Headers = {};
  try {
    let token = bearerOf(request);
    let seen = asHostsPass(request);
    authenticator.expect(seen);
    let user = await auth.authenticateToken(token, seen);
    Object.assign(cookies, authenticator.take(seen));
    let reason = reasonOf(authenticator.refusal(seen));
    // As a Mastra server does it: a session is renewed once its token was refused.
    const old = user || !(reason === undefined || reason === 'invalid_token') ? null : auth.getSessionIdFromRequest(request);
    // An overridden method refuses without a reason.
    reason ??= token === '' && old === null ? 'not_signed_in' : 'invalid_token';
    const session = old === null ? null : await auth.refreshSession(old);
    if (session !== null) {
      const renewed = auth.getSessionHeaders(session);
      // The old token may be spent: a Cloud that is away from here on must not cost the session.
      Object.assign(cookies, renewed);
      token = session.id;
      seen = asHostsPass(withCookies(request, renewed));
      user = await auth.authenticateToken(token, seen);
      reason = reasonOf(authenticator.refusal(seen)) ?? reason;
    }
    if (!user) return refuse(reason, reason === 'unavailable' ? cookies : {});
    identify(user, auth);
    if (!(await auth.authorizeUser(user, seen))) return refuse('permission_denied', cookies);
    if (gate !== auth) {
      const other = await gate.authenticateToken(token, seen);
      if (!other || !(await gate.authorizeUser(other, seen))) return refuse('permission_denied', cookies);
    }
    if (required.length > 0 && !allowsAll(await rbac.getPermissions(user), required)) {
      // Its session may have ended meanwhile: then it has no permissions.
      const isSignedIn = await auth.authenticateToken(token, seen);
      return isSignedIn ? refuse('permission_denied', cookies) : refuse('invalid_token');
    }
    const roles = (await rbac.getRoles(user)).map(encodeURIComponent).join(',');
    return answer(200, null, { 'X-Auth-User': encodeURIComponent(user.id), 'X-Auth-Roles': roles, ...organizationOf(user), ...cookies });
  } catch (error) {
    if (isCloudApiError(error)) return refuse(error.code === FORBIDDEN ? FORBIDDEN : 'unavailable', cookies);
    throw error;
  }
}

/** Nothing where the dialect has no organizations. */
function organizationOf({ id, organizationId }: CloudUser): Headers {
  const isNone = organizationId === undefined || organizationId === ownOrganization(id);
  return isNone ? {} : { 'X-Auth-Organization': encodeURIComponent(organizationId) };
}

/** The server's own `auth`, which may be anything. */
function gateOf(auth: unknown): Gate {
  const gate = auth as Partial<Gate> | null;
  if (typeof gate?.authenticateToken === 'function' && typeof gate.authorizeUser === 'function') return gate as Gate;
  throw configurationError('The check cannot ask the server’s auth: it has no authenticateToken and authorizeUser.');
}

/** Throws where a Mastra server answers 500: a user needs an id, and a resource. */
function identify(user: CloudUser, auth: Provider): void {
  const resource: unknown = auth.mapUserToResourceId?.(user);
  for (const id of [user.id, resource]) {
    if (typeof id !== 'string' || id.trim() === '') throw new Error('A user has no id, or mapUserToResourceId gave none.');
  }
}

/** A request in the shape in which a Mastra server passes it to a provider. */
function asHostsPass(request: Request): RequestLike {
  return { raw: request, headers: request.headers, header: name => request.headers.get(name) ?? undefined };
}

/** The token that a server reads from `Authorization`; empty if there is none. */
function bearerOf(request: Request): string {
  return /^bearer (.*)$/i.exec(header(request, 'authorization') ?? '')?.[1]?.trim() ?? '';
}

/** The request with the cookies that an answer is to set. */
function withCookies({ url, method, headers: sent }: Request, set: Headers): Request {
  const headers = new globalThis.Headers(sent);
  headers.set('cookie', Object.values(set).map(cookie => cookie.split(';', 1)[0]).join('; '));
  return new Request(url, { method, headers });
}

/** The permissions that a query requires. `undefined` if it holds anything else: a misspelt parameter would let every user in. */
function requiredBy(url: string): string[] | undefined {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(url) ?? [];
  if (query.length > MAX_QUERY) return undefined;
  const all = [...new URLSearchParams(query)];
  // Everything is granted but what is no permission.
  return all.every(([name, value]) => name === 'permission' && allows(['*'], value)) ? all.map(([, value]) => value) : undefined;
}

/** What a proxy is told of a refused credential. `undefined` if none was refused. */
function reasonOf(failure: NativeFailure | undefined): Reason | undefined {
  if (failure === undefined) return undefined;
  const { code, kind, refused, status } = failure;
  if (code === FORBIDDEN) return FORBIDDEN;
  if (refused) return status === 403 ? 'account_refused' : 'invalid_token';
  if (code === 'too_many_cookies' || code === 'cookie_header_too_large') return code;
  return kind === 'credential' ? 'invalid_token' : 'unavailable';
}
