/**
 * The check that a proxy asks about each request before it forwards it: whether the request may pass, told by the status alone.
 *
 * The request is authenticated, and its session renewed, but nothing else is done. No answer is a page or a redirect.
 */

import type { Session } from '@mastra/core/auth';
import type { ApiRoute } from '@mastra/core/server';
import { registerApiRoute } from '@mastra/core/server';

import type { Authenticator } from './authenticate.js';
import { isCloudApiError } from './error.js';
import { header } from './headers.js';
import type { NativeFailure } from './native.js';
import { allows, allowsAll } from './permissions.js';
import type { CloudUser } from './user.js';

/** Longest query, in characters: any client may send one. */
const MAX_QUERY = 2_048;

/** What of a provider a check needs. */
interface Sessions {
  getSessionIdFromRequest(request: Request): string | null;
  refreshSession(token: string): Promise<Session | null>;
  getSessionHeaders(session: Session): Record<string, string>;
  getPermissions(user: CloudUser): Promise<string[]>;
}

type Headers = Record<string, string>;

const REASONS = {
  invalid_argument: [400, 'The query may hold permission=resource:action only, once or more, in 2,048 bytes.'],
  too_many_cookies: [400, 'The browser sends more cookies to this site than are read. Clear the cookies of this site, then sign in again.'],
  cookie_header_too_large: [400, 'The browser sends more cookies to this site than are read. Clear the cookies of this site, then sign in again.'],
  not_signed_in: [401, 'Sign in to continue.', { 'WWW-Authenticate': 'Bearer' }],
  invalid_token: [
    401,
    'The credential is not accepted, or its session has ended. Sign in again.',
    { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  ],
  account_refused: [403, 'Mastra Cloud does not let this account in. Ask for access, or sign in with another account.'],
  permission_denied: [403, 'You do not have permission to do this.'],
  unavailable: [503, 'Sign-in cannot be checked right now. Try again in a moment.', { 'Retry-After': '5' }],
} as const satisfies Record<string, readonly [status: number, message: string, headers?: Headers]>;

type Reason = keyof typeof REASONS;

/**
 * A route for a Mastra server that tells a proxy whether a request may pass: `/auth/check?permission=resource:action`, by any
 * method, with the request's `Cookie` and `Authorization`.
 *
 * - 200: the user is signed in and has each `permission` of the query. The headers `X-Auth-User` and `X-Auth-Roles` have the
 *   user's id and the roles, each percent-encoded as by `encodeURIComponent`, with commas between the roles.
 * - 401: there is no credential, or it is not accepted; with `WWW-Authenticate`.
 * - 403: the user lacks a permission, or the Cloud does not let the account in.
 * - 503: the Cloud could not be asked; with `Retry-After`.
 * - 400: the query holds anything else or has more than 2,048 characters, or the browser sends more cookies than are read.
 *
 * Each answer may bring a renewed cookie in `Set-Cookie`. An answer other than 200 has the body
 * `{"error": {"code": ..., "message": ...}}`. The server refuses a `path` below its own, `/api`.
 *
 * ```ts
 * const auth = new MastraCloudAuth({ projectId: 'my-project' });
 * export const mastra = new Mastra({ server: { auth, rbac: auth, apiRoutes: [authCheckRoute(auth)] } });
 * ```
 */
export function authCheckRoute(auth: { checkRequest(request: Request): Promise<Response> }, path = '/auth/check'): ApiRoute {
  const handler = ({ req }: { req: { raw: Request } }) => auth.checkRequest(req.raw);
  return registerApiRoute(path, { method: 'ALL', requiresAuth: false, handler });
}

/** Answers the check of one request. */
export async function check(request: Request, auth: Sessions, authenticator: Authenticator): Promise<Response> {
  const required = requiredBy(request.url);
  if (required === undefined) return refuse('invalid_argument');
  const cookies: Headers = {};
  try {
    let refusal: NativeFailure | undefined;
    let user = await authenticator.authenticate('', header(request, 'authorization'), request, failure => (refusal = failure));
    let reason = reasonOf(refusal);
    // As a Mastra server does it: a session is renewed once its token was refused.
    const token = reason === 'invalid_token' ? auth.getSessionIdFromRequest(request) : null;
    const session = token === null ? null : await auth.refreshSession(token);
    if (session !== null) {
      user = await authenticator.authenticate(session.id, undefined, request, failure => (reason = reasonOf(failure)));
      if (user !== null) Object.assign(cookies, auth.getSessionHeaders(session));
    }
    if (user === null) return refuse(reason);
    if (required.length > 0 && !allowsAll(await auth.getPermissions(user), required)) {
      // Its session may have ended meanwhile: then it has no permissions.
      const isSignedIn = (await authenticator.authenticate(user.sessionToken, undefined, request)) !== null;
      return isSignedIn ? refuse('permission_denied', cookies) : refuse('invalid_token');
    }
    const roles = user.roles.map(encodeURIComponent).join(',');
    return answer(200, null, { 'X-Auth-User': encodeURIComponent(user.id), 'X-Auth-Roles': roles, ...cookies });
  } catch (error) {
    if (isCloudApiError(error)) return refuse('unavailable', cookies);
    throw error;
  }
}

/** The permissions that a query requires. `undefined` if it holds anything else: a misspelt parameter would let every user in. */
function requiredBy(url: string): string[] | undefined {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(url) ?? [];
  if (query.length > MAX_QUERY) return undefined;
  const all = [...new URLSearchParams(query)];
  // Everything is granted but what is no permission.
  return all.every(([name, value]) => name === 'permission' && allows(['*'], value)) ? all.map(([, value]) => value) : undefined;
}

/** What a proxy is told of a refused credential, or of none. */
function reasonOf(failure: NativeFailure | undefined): Reason {
  if (failure === undefined) return 'not_signed_in';
  const { code, kind, refused, status } = failure;
  if (refused) return status === 403 ? 'account_refused' : 'invalid_token';
  if (code === 'too_many_cookies' || code === 'cookie_header_too_large') return code;
  return kind === 'credential' ? 'invalid_token' : 'unavailable';
}

function refuse(code: Reason, cookies: Headers = {}): Response {
  const [status, message, headers]: readonly [number, string, Headers?] = REASONS[code];
  return answer(status, { error: { code, message } }, { ...headers, ...cookies });
}

/** An answer that no cache keeps. */
function answer(status: number, body: object | null, headers: Headers): Response {
  const type = body && { 'Content-Type': 'application/json' };
  const all = { ...type, 'Cache-Control': 'no-store', Vary: 'Cookie', ...headers };
  return new Response(body && JSON.stringify(body), { status, headers: all });
}
