/** `/auth/check`: what a proxy's subrequest is answered. The same table as the axum service's. */

import { expect, test } from 'vitest';

import { MastraCloudAuth, authCheckRoute } from '../dist/esm/index.js';
import type { MastraCloudAuthOptions } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud, LocalCloudOptions } from '../dist/esm/testing.js';
import { BINARY, pair } from './world.js';

const DIALECTS = ['v1', 'pkce'] as const;
const start = (options: LocalCloudOptions = {}): Promise<LocalCloud> => startLocalCloud({ binary: BINARY, ...options });
const appOf = ({ url, projectId }: LocalCloud, options: MastraCloudAuthOptions = {}) =>
  new MastraCloudAuth({ projectId, baseUrl: url, ...options });

/** One that navigates, as a browser behind a proxy does: still no page and no redirect. */
async function check(auth: MastraCloudAuth, credential: Record<string, string>, query = '', app = 'http://localhost:4111') {
  const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', ...credential };
  const answer = await auth.checkRequest(new Request(`${app}/auth/check${query}`, { headers }));
  const { status } = answer;
  const text = await answer.text();
  const [user, roles] = ['x-auth-user', 'x-auth-roles'].map(name => answer.headers.get(name));
  expect([answer.headers.get('cache-control'), answer.headers.get('vary'), answer.headers.get('location')]).toEqual(['no-store', 'Cookie', null]);
  expect([user === null, roles === null]).toEqual([status !== 200, status !== 200]);
  if (status === 200) expect(text).toBe('');
  else expect(answer.headers.get('content-type')).toBe('application/json');
  const { error } = status === 200 ? {} : (JSON.parse(text) as { error?: { code: string; message: string } });
  return { status, code: error?.code, message: error?.message, user, roles, cookies: answer.headers.getSetCookie(), headers: answer.headers };
}

test.each(DIALECTS)('a proxy is told who it is and each refusal apart (%s)', async dialect => {
  await using cloud = await start({ dialect });
  const auth = appOf(cloud, { dialect });
  const [owner, viewer] = await Promise.all([cloud.signIn('owner'), cloud.signIn('viewer')]);
  const none = await check(auth, { cookie: owner.cookie });
  expect([none.status, none.user, none.roles]).toEqual([200, 'usr_olivia', 'owner']);
  for (const [{ cookie }, query, status] of [
    [owner, '?permission=agents:read', 200],
    [owner, '?permission=agents%3Aread&permission=agents:delete', 200],
    [viewer, '?permission=agents:read', 200],
    [viewer, '?permission=agents:delete', 403],
    [viewer, '?permission=agents:read&permission=agents:delete', 403],
    [viewer, '?permission=agents:delete&permission=agents:read', 403],
    [viewer, '?', 200],
  ] as const) {
    const found = await check(auth, { cookie }, query);
    expect([found.status, found.code], query).toEqual([status, status === 403 ? 'permission_denied' : undefined]);
  }
  const anonymous = await check(auth, {}, '?permission=agents:read');
  expect([anonymous.status, anonymous.code, anonymous.headers.get('www-authenticate')]).toEqual([401, 'not_signed_in', 'Bearer']);
  const junk = await check(auth, { cookie: 'mastra_session=junk' });
  expect([junk.status, junk.code, junk.headers.get('www-authenticate')]).toEqual([401, 'invalid_token', 'Bearer error="invalid_token"']);
  expect((await check(auth, { authorization: `Bearer ${viewer.token}` })).user).toBe('usr_victor');
  expect((await check(auth, { authorization: 'Bearer junk' })).code).toBe('invalid_token');
  const five = await check(auth, { cookie: 'mastra_session=a; '.repeat(5) });
  expect([five.status, five.code]).toEqual([400, 'too_many_cookies']);
  const large = await check(auth, { cookie: `a=${'b'.repeat(200_000)}` });
  expect([large.status, large.code]).toEqual([400, 'cookie_header_too_large']);
  const member = await cloud.signIn('member');
  await cloud.faults.set({ kind: 'drop' });
  for (const cookie of [`${owner.cookie}x`, member.cookie]) {
    const away = await check(auth, { cookie });
    expect([away.status, away.code, away.headers.get('retry-after'), away.cookies]).toEqual([503, 'unavailable', '5', []]);
  }
});

test('permissions that cannot be read are 503 to a proxy', async () => {
  await using cloud = await start();
  const auth = appOf(cloud);
  const { cookie } = await cloud.signIn('owner');
  await cloud.faults.set({ kind: 'status', status: 500, endpoint: 'permissions' });
  expect((await check(auth, { cookie })).status).toBe(200);
  expect(await check(auth, { cookie }, '?permission=agents:read')).toMatchObject({ status: 503, code: 'unavailable' });
});

test('an account that the Cloud does not let in is 403 to a proxy', async () => {
  await using cloud = await start();
  const { cookie } = await cloud.signIn('owner');
  await cloud.faults.set({ kind: 'status', status: 403, endpoint: 'verify' });
  expect(await check(appOf(cloud), { cookie })).toMatchObject({ status: 403, code: 'account_refused', cookies: [] });
});

test('threat_095_a_query_that_is_not_understood_lets_no_one_in', async () => {
  await using cloud = await start();
  const auth = appOf(cloud);
  const [owner, viewer] = await Promise.all([cloud.signIn('owner'), cloud.signIn('viewer')]);
  for (const query of [
    '?permission=agents',
    '?permission=',
    '?permission',
    '?permission=agents:read%0d%0aX-Auth-User:%20usr_mei',
    '?permission=agents:read&permission=agents',
    '?permissions=agents:read',
    '?Permission=agents:read',
    '?permission=agents:read&page=2',
    `?permission=agents:read:${'a'.repeat(2_048)}`,
  ]) {
    for (const credential of [{ cookie: owner.cookie }, {}]) {
      expect(await check(auth, credential, query), query).toMatchObject({ status: 400, code: 'invalid_argument' });
    }
  }
  // Well-formed: three parts, of which no grant names the second. A comma joins nothing.
  expect((await check(auth, { cookie: viewer.cookie }, '?permission=agents:read,agents:delete')).status).toBe(403);
});

test.each(DIALECTS)('threat_091_no_id_or_role_adds_a_header_a_role_or_a_line (%s)', async dialect => {
  const [odd, line] = ['owner,admin', 'viewer\r\nX-Auth-User: usr_olivia'];
  const people = [
    { handle: 'odd', id: 'usr, "ö" 100%: a', name: 'Odd', email: 'odd@example.com', role: odd },
    { handle: 'line', name: 'Line', email: 'line@example.com', role: line },
  ];
  await using cloud = await start({ dialect, seed: { people, roles: { [odd]: ['agents:read'], [line]: [] } } });
  const auth = appOf(cloud, { dialect });
  for (const [person, user, roles] of [
    ['odd', 'usr%2C%20%22%C3%B6%22%20100%25%3A%20a', 'owner%2Cadmin'],
    ['line', 'usr_line', 'viewer%0D%0AX-Auth-User%3A%20usr_olivia'],
  ] as const) {
    const { cookie } = await cloud.signIn(person);
    // What the client itself sends as identity counts for nothing.
    expect(await check(auth, { cookie, 'x-auth-user': 'usr_olivia' })).toMatchObject({ status: 200, user, roles });
  }
});

test.each(DIALECTS)('threat_034_a_renewed_session_brings_its_cookie_on_200_403_and_503 (%s)', async dialect => {
  await using cloud = await start({ dialect });
  for (const [query, status, app] of [
    ['', 200, 'https://app.example.com'],
    ['', 200, 'http://localhost:4111'],
    ['?permission=agents:delete', 403, 'http://localhost:4111'],
    ['?permission=agents:read', 503, 'http://localhost:4111'],
  ] as const) {
    if (status === 503 && dialect === 'pkce') continue;
    const auth = appOf(cloud, { dialect });
    const old = await cloud.signIn('viewer', { age: 60, lifetime: 59, app });
    if (status === 503) await cloud.faults.set({ kind: 'status', status: 500, endpoint: 'permissions' });
    const found = await check(auth, { cookie: old.cookie }, query, app);
    await cloud.faults.clear();
    expect([found.status, found.cookies.length], `${query} ${status}`).toEqual([status, 1]);
    const cookie = pair(found.cookies[0] ?? '');
    expect(cookie).not.toBe(old.cookie);
    expect(cookie.startsWith('__Host-')).toBe(app.startsWith('https:'));
    expect(await check(auth, { cookie }, '', app)).toMatchObject({ status: 200, user: 'usr_victor', cookies: [] });
    // A session that a program brings has no cookie to renew.
    expect(await check(appOf(cloud, { dialect }), { authorization: `Bearer ${old.token}` }, '', app)).toMatchObject({ code: 'invalid_token', cookies: [] });
  }
});

test('a session that was signed out is not accepted, and its cookie not renewed', async () => {
  await using cloud = await start();
  const auth = appOf(cloud);
  const { cookie, token } = await cloud.signIn('viewer');
  expect((await check(auth, { cookie })).status).toBe(200);
  await auth.destroySession(token);
  expect(await check(auth, { cookie }, '?permission=agents:read')).toMatchObject({ status: 401, code: 'invalid_token', cookies: [] });
});

test('a session that ends between its look-up and that of its permissions is 401, and not 403', async () => {
  await using cloud = await start();
  const auth = appOf(cloud);
  const { cookie, token } = await cloud.signIn('owner');
  const getPermissions = auth.getPermissions.bind(auth);
  auth.getPermissions = async user => {
    await auth.destroySession(token);
    return getPermissions(user);
  };
  expect(await check(auth, { cookie }, '?permission=agents:read')).toMatchObject({ status: 401, code: 'invalid_token' });
});

test('threat_046_two_people_at_once_are_never_told_to_be_one_another', async () => {
  await using cloud = await start();
  const auth = appOf(cloud, { cache: { fresh: 0 } });
  const [owner, viewer] = await Promise.all([cloud.signIn('owner'), cloud.signIn('viewer')]);
  for (let turn = 0; turn < 25; turn += 1) {
    const [one, other] = await Promise.all([check(auth, { cookie: owner.cookie }), check(auth, { cookie: viewer.cookie })]);
    expect([one.user, one.roles, other.user, other.roles]).toEqual(['usr_olivia', 'owner', 'usr_victor', 'viewer']);
  }
});

test('the route is one that a Mastra server serves without a sign-in of its own', async () => {
  await using cloud = await start();
  const auth = appOf(cloud);
  const route = authCheckRoute(auth);
  expect(route).toMatchObject({ path: '/auth/check', method: 'ALL', requiresAuth: false });
  expect(authCheckRoute(auth, '/who').path).toBe('/who');
});
