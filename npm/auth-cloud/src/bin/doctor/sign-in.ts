/** One sign-in at a Cloud that is a function in this process, to see what the provider's callback answers. */

import { REDIRECT, STATE } from './app.js';
import { call, inTime, members, named } from './members.js';
import type { Members } from './members.js';
import { green, notTested, wrong } from './rule.js';
import type { Verdict } from './rule.js';

const USER = { id: 'usr_doctor', email: 'doctor@example.com', created_at: '2026-01-01T00:00:00Z', roles: ['doctor'] };
const HOUR = 3_600_000;
/** In milliseconds. Less than a rule has, for then the others would meet this Cloud. */
const PATIENCE = 30_000;

/** Signs in through the provider. Where it asks with a `fetch` of its own, the Cloud refuses the code, and nothing is known. */
export async function trySignIn(auth: Members): Promise<Verdict> {
  const real = globalThis.fetch;
  globalThis.fetch = (input, init) => Promise.resolve(answer(new URL(input instanceof Request ? input.url : input), init));
  try {
    const lines = call(auth, 'getLoginCookies', REDIRECT, STATE) as string[];
    call(auth, 'setCallbackCookieHeader', lines.map(line => line.split(';')[0]).join('; '));
    const result = members(await inTime(Promise.resolve(call(auth, 'handleCallback', 'doctor', STATE.split('|')[0])), PATIENCE));
    const cookies = result?.['cookies'];
    if (!Array.isArray(cookies) || cookies.length === 0) return wrong('handleCallback answers without cookies');
    return green();
  } catch (error) {
    return notTested(`the sign-in ended with ${named(error)}`);
  } finally {
    globalThis.fetch = real;
  }
}

/** As the contract says, in the dialect of the path. */
function answer({ pathname }: URL, init?: RequestInit): Response {
  const now = Date.now();
  const [createdAt, expiresAt] = [now, now + HOUR].map(time => new Date(time).toISOString());
  const session = { id: 'ses_doctor', user_id: USER.id, created_at: createdAt, expires_at: expiresAt };
  const isV1 = pathname.includes('/api/v1/') || (typeof init?.body === 'string' && init.body.includes('"token"'));
  if (pathname.endsWith('/auth/callback')) {
    const pkce = { access_token: 'doctor', token_type: 'Bearer', expires_in: HOUR / 1_000 };
    return Response.json(isV1 ? { ok: true, data: { user: USER, session, jwt: 'doctor' } } : pkce);
  }
  if (pathname.endsWith('/auth/verify')) {
    return Response.json(isV1 ? { ok: true, data: { user: USER } } : { sub: USER.id, email: USER.email, role: 'doctor' });
  }
  if (pathname.endsWith('/session/validate')) {
    return Response.json(isV1 ? { ok: true, data: { session } } : { userId: USER.id, createdAt, expiresAt });
  }
  return Response.json({ ok: false, error: { message: 'not here', status: 404 } }, { status: 404 });
}
