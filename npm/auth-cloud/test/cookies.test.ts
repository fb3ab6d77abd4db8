/** Names and attributes of cookies: by the address that browsers come to, and apart from other deployments on the same host. */

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { MastraCloudAuth, MastraCloudAuthProvider } from '../dist/esm/index.js';
import type { MastraCloudAuthOptions } from '../dist/esm/index.js';
import { issue, REDIRECT, pair, pick, signIn, startCloud, tokenOf } from './world.js';
import type { Cloud, Person } from './world.js';

const DESK = 'http://localhost:4111';
const APP = 'https://app.example.com';
const PORT = 'https://app.example.com:8443';
const AWAY = 'https://cloud.example.com';

let cloud: Cloud;
let other: Cloud;
beforeAll(async () => {
  [cloud, other] = await Promise.all([startCloud('v1'), startCloud('v1')]);
});
afterAll(() => Promise.all([cloud.stop(), other.stop()]));
afterEach(() => {
  vi.unstubAllEnvs();
});

const provider = (options: MastraCloudAuthOptions = {}) =>
  new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, ...options });

/** The whole way in at an address; answers the two cookie lines that were set. */
async function signInAt(auth: MastraCloudAuth, address: string, person: Person, besides = '') {
  const [redirect, state] = [`${address}/api/auth/sso/callback`, crypto.randomUUID()];
  const login = auth.getLoginCookies(redirect, state)[0] ?? '';
  // The local Cloud leads back to this machine alone; where the browser comes back to is not part of the exchange.
  const url = new URL(auth.getLoginUrl(redirect, state));
  url.searchParams.set('redirect_uri', REDIRECT);
  const back = await pick(url.href.replace(AWAY, cloud.url), person);
  auth.setCallbackCookieHeader([besides, pair(login)].filter(Boolean).join('; '));
  const { user, cookies } = await auth.handleCallback(back.code, back.state);
  return { user, login, set: cookies?.at(-1) ?? '' };
}

/** A request of a browser at an address: straight, or through a proxy that ends TLS. */
function requestAt(address: string, cookie: string, kind: 'straight' | 'forwarded' | 'studio' = 'straight') {
  const { host, protocol } = new URL(address);
  const headers = {
    straight: { host, ...(protocol === 'https:' && { 'x-forwarded-proto': 'https' }) },
    forwarded: { host: 'localhost:4111', 'x-forwarded-host': host },
    studio: { host: 'localhost:4111', 'x-mastra-public-host': host },
  }[kind];
  return new Request('http://localhost:4111/api/agents', { headers: { ...headers, cookie } });
}

const nameOf = (line: string) => line.split('=')[0] ?? '';
const isSecure = (line: string) => line.split('; ').includes('Secure');

describe.each([undefined, 'development', 'production'])('NODE_ENV %s', environment => {
  // A Cloud on this machine is refused in production: there it is another address that leads to it.
  const options = (): MastraCloudAuthOptions =>
    environment === 'production' ? { baseUrl: AWAY, fetch: (url, init) => fetch(url.replace(AWAY, cloud.url), init) } : {};

  test.each([
    [DESK, false, /^mastra_session_[0-9a-f]{8}$/],
    ['http://127.0.0.1:4111', false, /^mastra_session_[0-9a-f]{8}$/],
    [APP, true, /^__Host-mastra_session$/],
    [PORT, true, /^__Host-mastra_session_[0-9a-f]{8}$/],
  ] as const)('a sign-in at %s', async (address, secure, name) => {
    vi.stubEnv('NODE_ENV', environment);
    const auth = provider(options());
    const { user, login: bound, set } = await signInAt(auth, address, 'member');
    for (const line of [bound, set]) {
      expect(isSecure(line)).toBe(secure);
      expect(line.startsWith('__Host-')).toBe(secure);
    }
    expect(nameOf(set)).toMatch(name);
    const kinds = secure ? (['straight', 'forwarded', 'studio'] as const) : (['straight'] as const);
    for (const kind of kinds) {
      const request = requestAt(address, pair(set), kind);
      expect(await auth.getCurrentUser(request)).toBe(user);
      expect(auth.getSessionIdFromRequest(request)).toBe(user.sessionToken);
      // What a server writes without a request at hand: the renewed cookie, and the one that takes it away.
      const expiresAt = new Date(Date.now() + 60_000);
      const kept = auth.getSessionHeaders({ id: user.sessionToken, userId: user.id, expiresAt, createdAt: new Date() });
      const cleared = auth.getClearSessionHeaders()['Set-Cookie'] ?? '';
      for (const line of [kept['Set-Cookie'] ?? '', cleared]) {
        expect([nameOf(line), isSecure(line)]).toEqual([nameOf(set), secure]);
      }
      expect(cleared).toContain('Max-Age=0');
    }
  });

  test('before any address is known', () => {
    vi.stubEnv('NODE_ENV', environment);
    const line = new MastraCloudAuth({ projectId: 'demo' }).getClearSessionHeaders()['Set-Cookie'] ?? '';
    const expected = { production: /^__Host-mastra_session=/, development: /^mastra_session_[0-9a-f]{8}=/ };
    expect(line).toMatch(environment === undefined ? /^__Host-mastra_session_[0-9a-f]{8}=/ : expected[environment as 'production']);
  });
});

test('threat_022_a_cookie_without_prefix_is_nobody_over_https', async () => {
  const auth = provider();
  const { user, set } = await signInAt(auth, DESK, 'owner');
  const token = user.sessionToken;
  for (const name of [nameOf(set), 'mastra_session']) {
    const tossed = `${name}=${token}`;
    expect((await auth.getCurrentUser(requestAt(DESK, tossed)))?.id).toBe(user.id);
    for (const kind of ['straight', 'forwarded', 'studio'] as const) {
      for (const address of [APP, PORT]) {
        const request = requestAt(address, tossed, kind);
        expect(await auth.getCurrentUser(request)).toBeNull();
        expect(await auth.authenticateToken('', { header: name => request.headers.get(name) ?? undefined, raw: request })).toBeNull();
        expect(auth.getSessionIdFromRequest(request)).toBeNull();
        // Beside it the genuine one counts.
        const both = requestAt(address, `${tossed.slice(0, -3)}xyz; __Host-mastra_session=${token}`, kind);
        expect((await auth.getCurrentUser(both))?.id).toBe(user.id);
      }
    }
  }
});

test('a renewed cookie is for the address that its request came to, also while users sign in elsewhere', async () => {
  const auth = provider();
  const token = tokenOf(await issue(cloud, 'member', { age: 21, lifetime: 20 }));
  const request = requestAt(APP, `__Host-mastra_session=${token}`, 'forwarded');
  const renewing = auth.refreshSession(auth.getSessionIdFromRequest(request) ?? '');
  auth.getLoginCookies(REDIRECT, crypto.randomUUID());
  const line = auth.getSessionHeaders((await renewing)!)['Set-Cookie'] ?? '';
  expect([nameOf(line), isSecure(line)]).toEqual(['__Host-mastra_session', true]);
  expect((await auth.getCurrentUser(requestAt(APP, pair(line), 'forwarded')))?.roles).toEqual(['member']);
});

test('what was said of Secure counts, whatever the address', async () => {
  for (const secure of [true, false]) {
    const auth = provider({ secure });
    for (const address of [DESK, APP]) {
      const { user, set } = await signInAt(auth, address, 'viewer');
      expect(isSecure(set)).toBe(secure);
      expect((await auth.getCurrentUser(requestAt(address, pair(set))))?.id).toBe(user.id);
    }
  }
});

test('two deployments on one host do not sign each other out', async () => {
  const [one, two] = [provider(), provider({ baseUrl: other.url })];
  const first = await signInAt(one, DESK, 'owner');
  const second = await signInAt(two, 'http://localhost:4222', 'viewer', pair(first.set));
  expect(nameOf(first.set)).not.toBe(nameOf(second.set));
  const jar = `${pair(first.set)}; ${pair(second.set)}`;
  expect((await one.getCurrentUser(requestAt(DESK, jar)))?.id).toBe(first.user.id);
  expect((await two.getCurrentUser(requestAt('http://localhost:4222', jar)))?.id).toBe(second.user.id);

  // A sign-out at one, as a server does it.
  const request = requestAt('http://localhost:4222', jar);
  await two.destroySession(two.getSessionIdFromRequest(request) ?? '');
  expect(nameOf(two.getClearSessionHeaders()['Set-Cookie'] ?? '')).toBe(nameOf(second.set));
  expect((await one.getCurrentUser(requestAt(DESK, jar)))?.id).toBe(first.user.id);
  expect(await two.getCurrentUser(request)).toBeNull();
});

test('a cookie under the shared name is read, and cleared as it came', async () => {
  const auth = provider();
  const { user, set } = await signInAt(auth, DESK, 'admin');
  const own = nameOf(set);
  const old = requestAt(DESK, `mastra_session=${user.sessionToken}`);
  expect(await auth.getCurrentUser(old)).toBe(user);
  expect(auth.getSessionIdFromRequest(old)).toBe(user.sessionToken);
  expect(nameOf(auth.getClearSessionHeaders()['Set-Cookie'] ?? '')).toBe('mastra_session');
  const session = await auth.validateSession(user.sessionToken);
  expect(nameOf(auth.getSessionHeaders(session!)['Set-Cookie'] ?? '')).toBe(own);
  // Beside the own one it is another deployment's.
  const both = requestAt(DESK, `mastra_session=of-another; ${pair(set)}`);
  expect(await auth.getCurrentUser(both)).toBe(user);
  await auth.getLogoutUrl(DESK, both);
  expect(nameOf(auth.getClearSessionHeaders()['Set-Cookie'] ?? '')).toBe(own);
});

test('a domain that browsers drop is told before the sign-in', () => {
  const auth = provider({ cookieDomain: 'example.com' });
  expect(auth.getLoginCookies(`${APP}/cb`, 'state')[0]).toContain('; Domain=example.com;');
  for (const address of [DESK, 'https://notexample.com']) {
    expect(() => auth.getLoginCookies(`${address}/cb`, 'state')).toThrow('cookie domain must be the host that a sign-in comes back to');
  }
});

test('a name that was given is used as it is', async () => {
  const auth = provider({ cookieName: 'mine' });
  const { user, set } = await signInAt(auth, DESK, 'member');
  expect(nameOf(set)).toBe('mine');
  expect(await auth.getCurrentUser(requestAt(DESK, pair(set)))).toBe(user);
  expect(await auth.getCurrentUser(requestAt(DESK, `mastra_session=${user.sessionToken}`))).toBeNull();
  const overHttps = await signInAt(auth, PORT, 'member');
  expect(nameOf(overHttps.set)).toBe('__Host-mine');
});

test('a user who is signed in with the plugin 1.x stays signed in', async () => {
  const pkce = await startCloud('pkce');
  try {
    const old = new MastraCloudAuthProvider({ projectId: 'demo', cloudBaseUrl: pkce.url });
    const { user, cookies } = await signIn(old, 'owner');
    const set = cookies?.at(-1) ?? '';
    expect([nameOf(set), isSecure(set)]).toEqual(['mastra_cloud_session', false]);
    for (const [address, secure] of [[DESK, false], [APP, true]] as const) {
      const kept = requestAt(address, `mastra_cloud_session=${user.sessionToken}`);
      expect((await old.getCurrentUser(kept))?.id).toBe(user.id);
      expect(old.getSessionIdFromRequest(kept)).toBe(user.sessionToken);
      const cleared = old.getClearSessionHeaders()['Set-Cookie'] ?? '';
      expect([nameOf(cleared), isSecure(cleared)]).toEqual(['mastra_cloud_session', secure]);
      expect(await old.getCurrentUser(requestAt(address, `mastra_session=${user.sessionToken}`))).toBeNull();
    }
    const named = new MastraCloudAuthProvider({ projectId: 'demo', cloudBaseUrl: pkce.url, cookieName: 'mine' } as object);
    named.getLoginCookies(`${APP}/cb`, 'state');
    expect(nameOf(named.getClearSessionHeaders()['Set-Cookie'] ?? '')).toBe('__Host-mine');
  } finally {
    await pkce.stop();
  }
});
