/** The classes of the plugin 1.x: they work unchanged, over this one. */

import { afterAll, beforeAll, expect, test } from 'vitest';

import { AuthError, CloudApiError, MastraCloudAuthProvider, MastraRBACCloud } from '../dist/esm/index.js';
import type { CloudUser } from '../dist/esm/index.js';
import { REDIRECT, comeBack, goAndPick, signIn, startCloud } from './world.js';
import type { Cloud } from './world.js';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud('pkce');
});
afterAll(() => cloud.stop());

const provider = (options: object = {}) =>
  new MastraCloudAuthProvider({ projectId: 'demo', cloudBaseUrl: cloud.url, callbackUrl: REDIRECT, ...options });

test('a sign-in with the old options, and the role where it was', async () => {
  const { user } = await signIn(provider(), 'member');
  expect(user.role).toBe('member');
  const rbac = new MastraRBACCloud({ roleMapping: { member: ['agents:*'], _default: ['agents:read'] } });
  expect(rbac.roleMapping).toEqual({ member: ['agents:*'], _default: ['agents:read'] });
  expect(await rbac.getRoles(user)).toEqual(['member']);
  expect(await rbac.getPermissions(user)).toEqual(['agents:*']);
  expect(await rbac.hasPermission(user, 'agents:write')).toBe(true);
  expect(await rbac.hasAllPermissions(user, ['agents:read', 'tools:read'])).toBe(false);
  expect(await rbac.hasAllPermissions(user, ['agents:read', 'agents:write'])).toBe(true);
  expect(await rbac.hasAnyPermission(user, ['tools:read', 'agents:read'])).toBe(true);
  expect(await rbac.hasAnyPermission(user, ['tools:read', 7 as unknown as string])).toBe(false);
  // The old server spread its users.
  expect(await rbac.hasPermission({ ...user }, 'tools:read')).toBe(false);
  const nobody = { id: 'u', email: '', roles: [] } as unknown as CloudUser;
  expect(await rbac.getPermissions(nobody)).toEqual(['agents:read']);
});

test('the Cloud sends the browser back to callbackUrl, whatever the server says', () => {
  const url = new URL(provider().getLoginUrl('https://elsewhere.example/cb', 's'));
  expect(url.searchParams.get('redirect_uri')).toBe(REDIRECT);
  expect(url.searchParams.get('code_challenge_method')).toBe('S256');
});

test('errors have the old codes, and today’s behind them', async () => {
  const auth = provider();
  const back = await goAndPick(auth, crypto.randomUUID(), 'owner');
  const thrown = (work: Promise<unknown>) => work.then(() => undefined, (error: AuthError) => error);
  const foreign = await thrown(comeBack(auth, { ...back, cookies: '' }));
  expect(foreign).toBeInstanceOf(AuthError);
  expect(foreign).toBeInstanceOf(CloudApiError);
  expect([foreign?.code, (foreign?.cause as CloudApiError | undefined)?.code]).toEqual(['state_mismatch', 'login_cookie_missing']);
  expect((await thrown(comeBack(auth, { ...back, state: '' })))?.code).toBe('invalid_state');
  expect((await thrown(comeBack(auth, { ...back, code: 'another' })))?.code).toBe('token_exchange_failed');
  expect(new CloudApiError('x', 1)).not.toBeInstanceOf(AuthError);
});

test('without a session there is nothing to sign out of', async () => {
  const auth = provider();
  expect(auth.getLogoutUrl(REDIRECT, new Request(REDIRECT))).toBeNull();
  const { cookie } = await signIn(auth, 'viewer');
  expect(auth.getLogoutUrl(REDIRECT, new Request(REDIRECT, { headers: { cookie } }))).toContain('/auth/logout?');
});

test('names that only documents knew are taken with a warning', async () => {
  const warned = new Promise<Error>(resolve => process.once('warning', resolve));
  const auth = new MastraCloudAuthProvider({ endpoint: 'https://cloud.example.com', projectId: 'demo' } as object);
  expect(auth.getLoginUrl(REDIRECT, 's')).toMatch(/^https:\/\/cloud\.example\.com\//);
  expect((await warned).message).toBe('The option endpoint of MastraCloudAuthProvider is called baseUrl.');
});
