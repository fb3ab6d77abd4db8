/** `/auth/check`: what a proxy's subrequest is answered. The same table as the axum service's. */

import { Mastra } from '@mastra/core';
import { CompositeAuth, SimpleAuth } from '@mastra/core/server';
import { expect, test } from 'vitest';

import { CloudApiError, MastraCloudAuth, MastraCloudAuthProvider, MastraRBACCloud, authCheckRoute } from '../dist/esm/index.js';
import type { CloudUser, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud, LocalCloudOptions } from '../dist/esm/testing.js';
import { BINARY, pair } from './world.js';

const DIALECTS = ['v1', 'pkce'] as const;
const start = (options: LocalCloudOptions = {}): Promise<LocalCloud> => startLocalCloud({ binary: BINARY, ...options });
const appOf = ({ url, projectId }: LocalCloud, options: MastraCloudAuthOptions = {}) =>
  new MastraCloudAuth({ projectId, baseUrl: url, ...options });

/** One that navigates, as a browser behind a proxy does: still no page and no redirect. */
async function check(auth: Pick<MastraCloudAuth, 'checkRequest'>, credential: Record<string, string>, query = '', app = 'http://localhost:4111') {
  const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', ...credential };
  const answer = await auth.checkRequest(new Request(`${app}/auth/check${query}`, { headers }));
  const { status } = answer;
  const text = await answer.text();
  const [user, roles] = ['x-auth-user', 'x-auth-roles'].map(name => answer.headers.get(name));
  expect([answer.headers.get('cache-control'), answer.headers.get('vary'), answer.headers.get('location')]).toEqual(['no-store', 'Cookie', null]);
  expect(['content-security-policy', 'referrer-policy', 'x-content-type-options'].map(name => answer.headers.get(name))).toEqual([
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    'no-referrer',
    'nosniff',
  ]);
  expect([user === null, roles === null]).toEqual([status !== 200, status !== 200]);
  if (status === 200) expect(text).toBe('');
  else expect(answer.headers.get('content-type')).toBe('application/json');
  const { error } = status === 200 ? {} : (JSON.parse(text) as { error?: { code: string; message: string } });
  return { status, code: error?.code, message: error?.message, user, roles, cookies: answer.headers.getSetCookie(), headers: answer.headers };
}

/** The cookies of a request as a host passes it. */
const cookieOf = (request: unknown) => (request as { header(name: string): string | undefined }).header('cookie');

type Config = NonNullable<ConstructorParameters<typeof Mastra>[0]>;

/** The route as a server with this configuration serves it. */
function served(auth: MastraCloudAuth, config: Pick<Config, 'server' | 'studio'>) {
  const mastra = new Mastra({ ...config, logger: false });
  const { handler } = authCheckRoute(auth) as unknown as { handler: (context: object) => Promise<Response> };
  return { checkRequest: (raw: Request) => handler({ req: { raw }, get: (name: string) => (name === 'mastra' ? mastra : undefined) }) };
}

const bearer = async (cloud: LocalCloud, person: string) => ({ authorization: `Bearer ${(await cloud.signIn(person)).token}` });

test.each([...DIALECTS, 'platform'] as const)('a proxy is told the organization where the dialect has any (%s)', async dialect => {
  await using cloud = await start({ dialect });
  const auth = appOf(cloud, { dialect });
  const isPlatform = dialect === 'platform';
  for (const [person, organization] of [['member', 'org_acme'], ...(isPlatform ? [['newcomer', null] as const] : [])] as const) {
    const { status, headers } = await check(auth, { cookie: (await cloud.signIn(person)).cookie });
    expect([status, headers.get('x-auth-organization')], person).toEqual([200, isPlatform ? organization : null]);
  }
});

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

test('threat_034_a_cloud_that_is_away_after_the_renewal_costs_no_session', async () => {
  await using cloud = await start();
  class Away extends MastraCloudAuth {
    override async authenticateToken(...[token, request]: Parameters<MastraCloudAuth['authenticateToken']>) {
      // Leaves the renewal to its caller.
      if (cookieOf(request) === old.cookie) return null;
      expect(await super.authenticateToken(token, request)).not.toBeNull();
      throw new CloudApiError('away', 503, 'network_error');
    }
  }
  const old = await cloud.signIn('viewer', { age: 60, lifetime: 59 });
  const away = new Away({ projectId: cloud.projectId, baseUrl: cloud.url });
  const found = await check(away, { cookie: old.cookie });
  expect([found.status, found.cookies.length]).toEqual([503, 1]);
  const cookie = pair(found.cookies[0] ?? '');
  expect(await check(appOf(cloud), { cookie })).toMatchObject({ status: 200, user: 'usr_victor', cookies: [] });
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

test.each(DIALECTS)('threat_113_whom_authorize_user_or_an_own_authentication_refuses_the_check_refuses (%s)', async dialect => {
  await using cloud = await start({ dialect });
  const { cookie, token } = await cloud.signIn('owner');
  const old = () => cloud.signIn('owner', { age: 60, lifetime: 59 });
  const seen: unknown[] = [];
  const only = (id: string) => (user: CloudUser, request: unknown) => {
    seen.push((request as { raw?: unknown }).raw instanceof Request);
    return Promise.resolve(user.id === id);
  };
  expect((await check(appOf(cloud, { dialect, authorizeUser: only('usr_olivia') }), { cookie })).status).toBe(200);
  const closed = appOf(cloud, { dialect, authorizeUser: only('usr_mei') });
  for (const credential of [{ cookie }, { authorization: `Bearer ${token}` }]) {
    for (const query of ['', '?permission=agents:read']) {
      expect(await check(closed, credential, query)).toMatchObject({ status: 403, code: 'permission_denied', cookies: [] });
    }
  }
  const renewed = await check(closed, { cookie: (await old()).cookie });
  expect([renewed.status, renewed.cookies.length]).toEqual([403, 1]);
  // The arguments are those of a server.
  expect(new Set(seen)).toEqual(new Set([true]));
  const broken = appOf(cloud, { dialect, authorizeUser: () => Promise.reject(new Error('broken')) });
  await expect(check(broken, { cookie })).rejects.toThrow('broken');

  const tokens: string[] = [];
  class Own extends MastraCloudAuth {
    override async authenticateToken(token: string, request: Parameters<MastraCloudAuth['authenticateToken']>[1]) {
      tokens.push(token);
      const user = await super.authenticateToken(token, request);
      return user?.id === 'usr_olivia' ? null : user;
    }
  }
  const own = new Own({ projectId: cloud.projectId, baseUrl: cloud.url, dialect });
  const member = await cloud.signIn('member');
  expect((await check(own, { cookie: member.cookie })).user).toBe('usr_mei');
  for (const credential of [{ cookie }, { authorization: `bearer  ${token} ` }, { cookie: (await old()).cookie }]) {
    expect(await check(own, credential)).toMatchObject({ status: 401, code: 'invalid_token', cookies: [] });
  }
  expect(tokens).toContain(token);
  expect((await check(own, {})).code).toBe('not_signed_in');
  expect((await check(own, { authorization: `Basic ${token}` })).code).toBe('not_signed_in');
  expect((await check(own, { cookie: 'mastra_session=a; '.repeat(5) })).code).toBe('too_many_cookies');
  await cloud.faults.set({ kind: 'drop' });
  expect((await check(own, { cookie: (await cloud.signIn('viewer')).cookie })).code).toBe('unavailable');
});

test('threat_113_without_an_id_or_a_resource_no_one_passes', async () => {
  await using cloud = await start();
  const { cookie } = await cloud.signIn('owner');
  const nowhere = appOf(cloud, { mapUserToResourceId: () => ' ' });
  await expect(check(nowhere, { cookie })).rejects.toThrow('mapUserToResourceId');
  const anyone = appOf(cloud, { authorizeUser: () => true, mapUserToResourceId: () => 'all' });
  anyone.authenticateToken = () => Promise.resolve({ email: 'a@example.com', roles: [] } as unknown as CloudUser);
  await expect(check(anyone, { cookie })).rejects.toThrow('no id');
});

test('threat_113_the_rbac_of_the_server_decides_about_permissions_and_roles', async () => {
  await using cloud = await start({ dialect: 'pkce' });
  const auth = new MastraCloudAuthProvider({ projectId: cloud.projectId, cloudBaseUrl: cloud.url });
  const rbac = new MastraRBACCloud({ roleMapping: { owner: ['*'], viewer: [], _default: [] } });
  const [owner, viewer] = await Promise.all([bearer(cloud, 'owner'), bearer(cloud, 'viewer')]);
  const query = '?permission=agents:read';
  const explicit = { checkRequest: (request: Request) => auth.checkRequest(request, { rbac }) };
  for (const one of [explicit, served(auth, { server: { auth, rbac } }), served(auth, { server: {}, studio: { auth, rbac } })]) {
    expect(await check(one, viewer, query)).toMatchObject({ status: 403, code: 'permission_denied' });
    expect(await check(one, owner, query)).toMatchObject({ status: 200, roles: 'owner' });
    expect(await check(one, viewer)).toMatchObject({ status: 200, roles: 'viewer' });
  }
  // Studio's own rbac decides about Studio's people alone.
  const open = new MastraRBACCloud({ roleMapping: { viewer: ['*'] } });
  expect((await check(served(auth, { server: { auth, rbac }, studio: { auth, rbac: open } }), viewer, query)).status).toBe(403);
  expect((await check(served(auth, { server: { auth } }), viewer, query)).status).toBe(200);
  const other = {
    getRoles: () => Promise.resolve(['guest', 'a,b']),
    hasRole: () => Promise.resolve(true),
    getPermissions: () => Promise.reject(new Error('away')),
    hasPermission: () => Promise.resolve(true),
    hasAllPermissions: () => Promise.resolve(true),
    hasAnyPermission: () => Promise.resolve(true),
  };
  const elsewhere = served(auth, { server: { auth, rbac: other } });
  expect(await check(elsewhere, viewer)).toMatchObject({ status: 200, roles: 'guest,a%2Cb' });
  await expect(check(elsewhere, viewer, query)).rejects.toThrow('away');
});

test('threat_113_where_the_server_has_another_auth_it_lets_the_request_in_too', async () => {
  await using cloud = await start();
  const auth = appOf(cloud);
  const { cookie } = await cloud.signIn('owner');
  const keys = new SimpleAuth({ tokens: { key: { id: 'robot' } }, mapUserToResourceId: user => user.id });
  const both = new CompositeAuth([auth, keys]);
  expect(await check(served(auth, { server: { auth: both } }), { cookie })).toMatchObject({ status: 200, user: 'usr_olivia' });
  class Closed extends CompositeAuth {
    override authorizeUser() {
      return Promise.resolve(false);
    }
  }
  for (const closed of [new Closed([auth]), keys]) {
    const found = await check(served(auth, { server: { auth: closed } }), { cookie });
    expect(found).toMatchObject({ status: 403, code: 'permission_denied' });
  }
  // What a server reads of a plain object are rules for paths, and none is for this one.
  const plain = { authenticateToken: () => Promise.resolve({ id: 'any' }), rules: [{ path: '/api/*', allow: true }] };
  await expect(check(served(auth, { server: { auth: plain } }), { cookie })).rejects.toMatchObject({ status: 500, code: 'invalid_configuration' });
});
