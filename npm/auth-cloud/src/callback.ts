/**
 * The callback of a sign-in as a route of its own.
 *
 * A Mastra server's own callback passes on the code and what stands before the `|` of the state. Where the Cloud puts its product's
 * name there, the sign-in that the browser began last is taken for the one that comes back. This route reads the whole query.
 */

import type { SSOCallbackResult } from '@mastra/core/auth';
import type { ApiRoute } from '@mastra/core/server';
import { registerApiRoute } from '@mastra/core/server';

import { NO_PAGE } from './answers.js';
import { configurationError, isCloudApiError } from './error.js';
import { header } from './headers.js';
import type { NativeCallbackQuery } from './native.js';
import type { Sites } from './site.js';
import type { CloudUser } from './user.js';
import { native } from '#host';

/** The headers by which browsers say that they fetch ahead; older ones have their own. */
const PURPOSES = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];
const AHEAD = new Set(['prefetch', 'prerender', 'preview']);

/** So many callbacks are under way at most; the oldest go first. */
const MOST_ARRIVING = 1_000;

/** The address holds a code, or even a session: no page that follows is told of it, and no cache keeps where it led. */
const GUARDED = { 'Cache-Control': 'no-store', ...NO_PAGE };

/** Finishes a sign-in. Throws a `CloudApiError`, or what an overridden method throws. */
type Finish = (query: NativeCallbackQuery, cookieHeader: string) => Promise<SSOCallbackResult<CloudUser>>;

/**
 * A route for a Mastra server that sign-ins come back to, in place of the server's `/api/auth/sso/callback`. From then on
 * `getLoginUrl` and `getLoginCookies` name it, at the origin of the address that the server gives them, and no sign-in is finished
 * without its own id. The dialect `platform` needs it against callbacks of other people's sign-ins.
 *
 * It answers 302 to the page that the user wanted, with all cookies of the sign-in; if that failed, with `error=` and a fixed text in
 * the query. `HEAD` is answered 204 and a prefetch 503; neither spends anything. An error that an overridden `handleCallback` throws
 * becomes the server's 500, unless it is a `CloudApiError`.
 *
 * The server refuses a `path` below its own, `/api`. Throws `invalid_configuration` for a path that browsers would write in another
 * way. Register the address at the Cloud where it lists those of a project.
 *
 * ```ts
 * const auth = new MastraCloudAuth({ dialect: 'platform' });
 * export const mastra = new Mastra({ server: { auth, rbac: auth, apiRoutes: [authCallbackRoute(auth)] } });
 * ```
 */
export function authCallbackRoute(
  auth: { callbackAt(path: string): (request: Request) => Promise<Response> },
  path = '/auth/callback',
): ApiRoute {
  const answer = auth.callbackAt(path);
  const handler = (context: { req: { raw: Request } }) => answer(context.req.raw);
  return registerApiRoute(path, { method: 'GET', requiresAuth: false, handler });
}

/**
 * The cookie headers of callbacks under way, for an override of `handleCallback` that passes none on. Two browsers may bring one
 * callback at once: then neither is known by it, and a callback without cookies is refused.
 */
export class Arriving {
  readonly #cookies = new Map<string, { header: string; count: number }>();

  /** Holds a callback's cookies until the function that it returns is called. */
  enter(code: string, state: string, header: string): () => void {
    const key = keyOf(code, state);
    const found = this.#cookies.get(key);
    const entry = found ?? { header, count: 0 };
    if (entry.header !== header) entry.header = '';
    entry.count += 1;
    this.#cookies.set(key, entry);
    // A Worker may drop a request without a word, and nothing leaves for it.
    if (this.#cookies.size > MOST_ARRIVING) this.#cookies.delete(this.#cookies.keys().next().value as string);
    return () => {
      entry.count -= 1;
      if (entry.count === 0 && this.#cookies.get(key) === entry) this.#cookies.delete(key);
    };
  }

  /** `undefined` if this callback did not come to our own route. */
  cookiesOf(code: string, state: string): string | undefined {
    return this.#cookies.get(keyOf(code, state))?.header;
  }
}

function keyOf(code: string, state: string): string {
  return `${code}\n${state}`;
}

/** The address that sign-ins come back to. */
export class CallbackAddress {
  readonly #fixed: string | undefined;
  #path: string | undefined;

  /** `fixed`: in place of the host's. */
  constructor(fixed: string | undefined) {
    this.#fixed = fixed;
  }

  /** Whether they come back to our own route. */
  get isRoute(): boolean {
    return this.#path !== undefined;
  }

  /** Makes them come back to this path. */
  move(path: string): void {
    const base = 'https://app.example.com';
    if (URL.parse(path, base)?.href !== base + path || /[?#]/.test(path)) {
      throw configurationError('The path of a callback begins with a slash and has no query, such as /auth/callback');
    }
    this.#path = path;
  }

  /** In place of what the host says. */
  of(redirectUri: string): string {
    const known = this.#fixed ?? redirectUri;
    return this.#path === undefined ? known : (URL.parse(this.#path, known)?.href ?? known);
  }
}

/** Answers a callback. */
export async function answerCallback(request: Request, sites: Sites, finish: Finish): Promise<Response> {
  if (PURPOSES.some(name => isAhead(header(request, name)))) return new Response(null, { status: 503, headers: GUARDED });
  if (request.method === 'HEAD') return new Response(null, { status: 204, headers: GUARDED });
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(request.url) ?? [];
  const read = native.readCallback(query, ...sites.addressOf(request));
  try {
    const { cookies = [] } = await finish(read, header(request, 'cookie') ?? '');
    return redirect(read.returnPath, cookies);
  } catch (error) {
    if (!isCloudApiError(error)) throw error;
    // The Cloud's own words stay in the events: anyone may read an address.
    const message = error.kind === 'cloud' ? 'The sign-in failed at Mastra Cloud.' : error.message;
    return redirect(withError(read.returnPath, message), []);
  }
}

function isAhead(purpose = ''): boolean {
  return purpose.split(/[;,]/).some(word => AHEAD.has(word.trim().toLowerCase()));
}

function redirect(location: string, cookies: readonly string[]): Response {
  const headers = new Headers({ ...GUARDED, Location: location });
  for (const cookie of cookies) headers.append('Set-Cookie', cookie);
  return new Response(null, { status: 302, headers });
}

/** The page, with why there is no sign-in in its query. */
function withError(page: string, message: string): string {
  const [, path = '', fragment = ''] = /^([^#]*)(.*)$/.exec(page) ?? [];
  return `${path}${path.includes('?') ? '&' : '?'}error=${encodeURIComponent(message)}${fragment}`;
}
