/** Organizations that the Cloud knows: which one a request is for, and who is let into a deployment of one. */

import { beforeAll, describe, expect, test } from 'vitest';

import { CloudApiError, MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud, SignedIn } from '../dist/esm/testing.js';
import { BINARY, request, tokenOf, userOf } from './world.js';

const HEADER = 'x-mastra-organization-id';

describe('platform', () => {
  let cloud: LocalCloud;
  let [owner, viewer]: SignedIn[] = [];
  beforeAll(async () => {
    cloud = await startLocalCloud({ binary: BINARY, dialect: 'platform' });
    [owner, viewer] = await Promise.all([cloud.signIn('owner'), cloud.signIn('viewer')]);
    return () => cloud.close();
  });

  function provider(options: MastraCloudAuthOptions = {}) {
    const events: CloudAuthEvent[] = [];
    const auth = new MastraCloudAuth({ baseUrl: cloud.url, dialect: 'platform', onEvent: event => events.push(event), ...options });
    return { auth, rejected: () => events.splice(0).filter(({ type }) => type === 'credential_rejected') };
  }

  const asked = async () => (await cloud.requests()).counts['any'];
  const thrown = (found: Promise<unknown>) => found.then(() => expect.fail('let in'), (error: CloudApiError) => error);

  async function isForbidden(found: Promise<unknown>) {
    const error = await thrown(found);
    expect(error).toBeInstanceOf(CloudApiError);
    expect(error).toMatchObject({ code: 'organization_forbidden', status: 403, kind: 'credential' });
    const answer = error.getResponse!();
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([403, 'organization_forbidden']);
  }

  test('a bearer is in the organization that it names, without the roles of the other one', async () => {
    const { auth } = provider();
    const as = (organization: string) =>
      auth.authenticateToken(owner!.token, request({ authorization: `Bearer ${owner!.token}`, [HEADER]: organization }));
    const own = (await as(''))!;
    expect(own).toMatchObject({ organizationId: 'org_acme', memberOrgIds: ['org_acme', 'org_globex'], roles: ['admin'], role: 'admin' });
    const before = await asked();
    expect(await as('org_acme')).toBe(own);
    const other = (await as(' org_globex '))!;
    expect(other).toEqual({ ...own, organizationId: 'org_globex', roles: [], role: undefined, scopes: [] });
    expect([other.sessionToken, Object.keys(other).includes('sessionToken'), 'role' in other]).toEqual([own.sessionToken, false, false]);
    expect([await auth.getPermissions(own), await auth.getPermissions(other)]).toEqual([['*'], []]);
    expect(await as('org_globex')).toBe(other);
    const current = new Request('http://localhost:4111/', { headers: { authorization: `bearer ${owner!.token}`, [HEADER]: 'org_globex' } });
    expect(await auth.getCurrentUser(current)).toBe(other);
    expect(await asked()).toBe(before);
    // An admin there is unknown to this process: only the chosen one's role is told.
    expect(await auth.isOrganizationAdmin('org_globex', own.id)).toBe(false);
  });

  test('an organization that is not the user\'s is forbidden, and costs no call', async () => {
    const { auth, rejected } = provider();
    const ask = (organization: string) => auth.authenticateToken(viewer!.token, request({ [HEADER]: organization }));
    expect((await ask('org_acme'))?.id).toBe(viewer!.userId);
    const before = await asked();
    for (const organization of ['org_globex', 'org_acme org_globex', 'ORG_ACME', 'user:usr_victor', '*']) await isForbidden(ask(organization));
    expect([await asked(), rejected().length]).toEqual([before, 5]);
    const checked = await auth.checkRequest(
      new Request('http://localhost:4111/auth/check', { headers: { authorization: `Bearer ${viewer!.token}`, [HEADER]: 'org_globex' } }),
    );
    expect([checked.status, ((await checked.json()) as { error: { code: string } }).error.code]).toEqual([403, 'organization_forbidden']);
  });

  test('a browser chooses at the Cloud, and no header of a page does', async () => {
    const { auth } = provider();
    for (const organization of ['org_globex', 'org_of_nobody']) {
      const given = request({ cookie: owner!.cookie, [HEADER]: organization });
      expect((await auth.authenticateToken('', given))?.organizationId).toBe('org_acme');
      // Nor where another provider's bearer came beside it.
      expect((await auth.authenticateToken('key-of-the-robot', given))?.organizationId).toBe('org_acme');
    }
  });

  test('no header of a page chooses either while the session is renewed', async () => {
    await using rotating = await startLocalCloud({ binary: BINARY, dialect: 'platform', platform: { rotateAfter: 0 } });
    const { auth, rejected } = provider({ baseUrl: rotating.url });
    for (const organization of ['org_globex', 'org_of_nobody']) {
      const { cookie, userId } = await rotating.signIn('owner');
      const { user, set } = await userOf(auth, { cookie, [HEADER]: organization });
      expect([user?.id, user?.organizationId, user?.roles, set !== undefined]).toEqual([userId, 'org_acme', ['admin'], true]);
    }
    expect(rejected().map(({ code }) => code)).not.toContain('organization_forbidden');
    const { token } = await rotating.signIn('owner');
    expect((await auth.authenticateToken(token, request({ [HEADER]: 'org_globex' })))?.organizationId).toBe('org_globex');
  });

  test('an organization that is not the user\'s leaves no current user', async () => {
    const { auth, rejected } = provider();
    for (const person of [owner!, viewer!]) {
      const headers = { authorization: `Bearer ${person.token}`, [HEADER]: 'org_of_nobody' };
      expect(await auth.getCurrentUser(new Request('http://localhost:4111/', { headers }))).toBeNull();
    }
    expect(rejected().map(({ code }) => code)).toEqual(['organization_forbidden', 'organization_forbidden']);
  });

  test('an admin is one as long as one of their sessions counts', async () => {
    const { auth } = provider();
    const is = async () => [
      await auth.isOrganizationAdmin('org_acme', owner!.userId),
      await auth.ensureOrganization(owner!.userId),
      (await auth.getUser(owner!.userId))?.id,
    ];
    expect(await is()).toEqual([false, undefined, undefined]);
    await auth.authenticateToken('', request({ cookie: owner!.cookie }));
    // A bearer's organization is another: the session's still makes an admin, whichever was seen last.
    const other = await cloud.signIn('owner');
    await auth.authenticateToken(other.token, request({}));
    expect(await is()).toEqual([true, 'org_acme', owner!.userId]);
    await auth.destroySession(tokenOf(owner!.cookie));
    auth.endUser(owner!.userId);
    expect(await is()).toEqual([false, undefined, undefined]);
    owner = await cloud.signIn('owner');
  });

  test('a bearer that is signed out is refused here, and may do nothing any more', async () => {
    const { auth } = provider();
    const { token, userId } = await cloud.signIn('owner');
    const user = (await auth.authenticateToken(token, request({})))!;
    expect([user.id, await auth.getPermissions(user)]).toEqual([userId, ['*']]);
    await auth.destroySession(token);
    expect([await auth.authenticateToken(token, request({})), await auth.getPermissions(user), user.scopes]).toEqual([null, [], undefined]);
    expect([await auth.validateSession(token), await auth.refreshSession(token)]).toEqual([null, null]);
  });

  test('a copy that kept its session\'s token has its permissions', async () => {
    const { auth } = provider();
    for (const user of [
      (await auth.authenticateToken('', request({ cookie: owner!.cookie })))!,
      (await auth.authenticateToken(owner!.token, request({})))!,
    ]) {
      expect(await auth.getPermissions({ ...user, sessionToken: user.sessionToken })).toEqual(['*']);
      expect(await auth.getPermissions({ ...user, id: 'usr_victor', sessionToken: user.sessionToken })).toEqual([]);
    }
  });

  test('a deployment of one organization lets its members in alone, and says why not', async () => {
    const { auth, rejected } = provider({ organization: 'org_globex' });
    const members = [
      auth.authenticateToken('', request({ cookie: owner!.cookie })),
      auth.authenticateToken(owner!.token, request({})),
    ];
    // An admin where the session is, and a viewer here.
    const [session, bearer] = await Promise.all(members);
    const here = { id: owner!.userId, organizationId: 'org_globex', memberOrgIds: ['org_globex'] };
    expect(session).toMatchObject({ ...here, roles: [] });
    expect(bearer).toMatchObject({ ...here, roles: ['viewer'] });
    expect([await auth.getPermissions(session!), await auth.isOrganizationAdmin('org_globex', owner!.userId)]).toEqual([[], false]);
    await isForbidden(auth.authenticateToken(owner!.token, request({ [HEADER]: 'org_acme' })));
    expect(rejected().length).toBe(1);
    await isForbidden(auth.authenticateToken('', request({ cookie: viewer!.cookie })));
    await isForbidden(auth.authenticateToken(viewer!.token, request({})));
    expect(rejected().map(({ code }) => code)).toEqual(['organization_forbidden', 'organization_forbidden']);
    const raw = new Request('http://localhost:4111/auth/check', { headers: { cookie: viewer!.cookie } });
    expect([await auth.getCurrentUser(raw), (await auth.checkRequest(raw)).status]).toEqual([null, 403]);
  });
});

test('a deployment that could not check who comes in is not made', () => {
  const made = (options: MastraCloudAuthOptions) => () => new MastraCloudAuth({ dialect: 'platform', ...options });
  const wrong = expect.objectContaining({ code: 'invalid_configuration', kind: 'configuration' });
  expect(made({ verification: 'keys', organization: 'org_acme' })).toThrow(wrong);
  expect(made({ verification: 'keys+session' })).toThrow(wrong);
  expect(made({ verification: 'keys' })).not.toThrow();
});

test('what a proxy answers refuses no session of the platform', async () => {
  for (const [status, body] of [[404, '404 page not found'], [403, 'Forbidden by policy'], [400, '{"error":"Bad Request"}']] as const) {
    const fetch = () => Promise.resolve(new Response(body, { status }));
    const auth = new MastraCloudAuth({ dialect: 'platform', fetch });
    const thrown = (found: Promise<unknown>) => found.then(() => undefined, (error: CloudApiError) => error);
    for (const found of [auth.validateSession('sealed'), auth.authenticateToken('token', request({ authorization: 'Bearer token' }))]) {
      const error = await thrown(found);
      expect([error?.code, error?.status, error?.getResponse?.().status]).toEqual(['invalid_response', 502, 503]);
    }
  }
});

test('where the Cloud knows no organizations the header is none of its business', async () => {
  await using cloud = await startLocalCloud({ binary: BINARY });
  const auth = new MastraCloudAuth({ projectId: cloud.projectId, baseUrl: cloud.url });
  const { token, userId } = await cloud.signIn('viewer');
  const user = await auth.authenticateToken(token, request({ [HEADER]: 'org_acme' }));
  expect([user?.id, user?.organizationId]).toEqual([userId, `user:${userId}`]);
});
