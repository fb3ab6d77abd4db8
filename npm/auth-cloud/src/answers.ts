/** Answers that say why a request does not pass: a status and a fixed text, and nothing of the request. */

export type Headers = Record<string, string>;

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
  organization_forbidden: [403, 'This account does not belong to the organization. Ask for access, or choose another organization.'],
  permission_denied: [403, 'You do not have permission to do this.'],
  unavailable: [503, 'Sign-in cannot be checked right now. Try again in a moment.', { 'Retry-After': '5' }],
} as const satisfies Record<string, readonly [status: number, message: string, headers?: Headers]>;

export type Reason = keyof typeof REASONS;

export function refuse(code: Reason, cookies: Headers = {}): Response {
  const [status, message, headers]: readonly [number, string, Headers?] = REASONS[code];
  return answer(status, { error: { code, message } }, { ...headers, ...cookies });
}

/** For a browser that shows an answer as a page, or is led on by it. */
export const NO_PAGE = {
  'Content-Security-Policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** An answer that no cache keeps. */
export function answer(status: number, body: object | null, headers: Headers): Response {
  const type = body && { 'Content-Type': 'application/json' };
  const all = { ...type, 'Cache-Control': 'no-store', Vary: 'Cookie', ...NO_PAGE, ...headers };
  return new Response(body && JSON.stringify(body), { status, headers: all });
}
