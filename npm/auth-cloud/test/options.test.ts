/** Options and environment: what is taken, what is refused, and in which words. */

import { afterEach, expect, test, vi } from 'vitest';

import { MastraCloudAuth, MastraCloudAuthProvider, isCloudApiError } from '../dist/esm/index.js';
import type { CloudUser, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { REDIRECT } from './world.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the constructor says of these options. */
function refusal(options: object): string {
  try {
    void new MastraCloudAuth(options as MastraCloudAuthOptions);
  } catch (error) {
    if (isCloudApiError(error) && error.code === 'invalid_configuration') return error.message;
    throw error;
  }
  return 'taken';
}

test('a wrong value is refused in words that name the option', () => {
  const given = { projectId: 'demo' };
  for (const [options, words] of [
    [{}, 'projectId is required. Provide it in the options or set the MASTRA_PROJECT_ID environment variable.'],
    [{ projectId: 7 }, 'projectId must be a string'],
    [{ projectId: 'two words' }, 'projectId: '],
    [{ ...given, baseUrl: 'http://cloud.example.com' }, 'baseUrl: '],
    [{ ...given, apiPrefix: '/a/../b' }, 'apiPrefix: '],
    [{ ...given, authPath: '/a?b' }, 'authPath: '],
    [{ ...given, dialect: 'v2' }, 'dialect must be v1, pkce or platform'],
    [{ ...given, sameSite: 'sometimes' }, 'sameSite must be Lax, Strict or None'],
    [{ ...given, sameSite: 'None', secure: false }, 'cookie sameSite must not be None'],
    [{ ...given, secure: 'yes' }, 'secure must be true or false'],
    [{ ...given, cookieName: 'a b' }, 'cookie name must be'],
    [{ ...given, cookieDomain: '127.0.0.1' }, 'cookie domain must not be an IP address'],
    [{ ...given, cookieDomain: 'com' }, 'cookie domain must have at least two labels'],
    [{ ...given, sessionMaxAge: -1 }, 'sessionMaxAge must be'],
    [{ ...given, sessionMaxAge: '1' }, 'sessionMaxAge must be'],
    [{ ...given, roleMapping: { a: 'b' } }, 'role'],
    [{ ...given, roleMapping: 'a' }, 'roleMapping must be'],
    [{ ...given, cache: { fresh: Number.NaN } }, 'cache.fresh must be'],
    [{ ...given, cache: { maxEntries: 0 } }, 'cache.maxEntries must be'],
    [given, 'taken'],
  ] as const) {
    expect(refusal(options)).toContain(words);
  }
});

test('the environment stands in for what was left out, and empty is unset', () => {
  vi.stubEnv('MASTRA_PROJECT_ID', 'from-env');
  vi.stubEnv('MASTRA_CLOUD_URL', 'https://cloud.example.com');
  vi.stubEnv('MASTRA_CLOUD_AUTH_PATH', '');
  const said = (options: MastraCloudAuthOptions) => new MastraCloudAuth(options).getLoginUrl(REDIRECT, 's');
  expect(said({})).toMatch(/^https:\/\/cloud\.example\.com\/auth\/oss\?project_id=from-env&/);
  expect(said({ projectId: 'given', authPath: '/in' })).toMatch(/^https:\/\/cloud\.example\.com\/in\?project_id=given&/);
});

test('a wait for the Cloud is a whole number of seconds', () => {
  for (const [given, words] of [
    ['0', 'MASTRA_CALL_TIMEOUT must be'],
    ['-1', 'MASTRA_CALL_TIMEOUT must be'],
    ['1.5', 'MASTRA_CALL_TIMEOUT must be'],
    ['soon', 'MASTRA_CALL_TIMEOUT must be'],
    ['10000', 'MASTRA_CALL_TIMEOUT must be'],
    ['', 'taken'],
    ['9999', 'taken'],
  ] as const) {
    vi.stubEnv('MASTRA_CALL_TIMEOUT', given);
    expect(refusal({ projectId: 'demo' }), given).toContain(words);
  }
});

test('cookies are Secure but on a developer’s machine', () => {
  const cookie = (options: MastraCloudAuthOptions = {}) =>
    new MastraCloudAuth({ projectId: 'demo', ...options }).getClearSessionHeaders()['Set-Cookie'];
  expect(cookie()).toMatch(/^__Host-mastra_session_[0-9a-f]{8}=;.*; Secure/);
  expect(cookie({ baseUrl: 'http://localhost:4300' })).not.toContain('Secure');
  expect(cookie({ baseUrl: 'http://localhost:4300', secure: true })).toContain('Secure');
  vi.stubEnv('MASTRA_DEV', 'true');
  expect(cookie()).not.toContain('Secure');
  vi.stubEnv('MASTRA_COOKIE_SECURE', 'true');
  expect(cookie()).toContain('Secure');
});

test('a Cloud on this machine is for development alone', () => {
  const local = { projectId: 'demo', baseUrl: 'http://localhost:4300' };
  vi.stubEnv('NODE_ENV', 'production');
  expect(refusal(local)).toContain('baseUrl: a Cloud on this machine is for development');
  expect(refusal({ projectId: 'demo' })).toBe('taken');
  // `mastra dev` sets both.
  vi.stubEnv('MASTRA_DEV', 'true');
  expect(refusal(local)).toBe('taken');
});

test('threat_112_a_test_of_a_production_build_may_have_a_local_cloud_and_never_the_real_one', () => {
  vi.stubEnv('NODE_ENV', 'production');
  const [given, locals] = [{ projectId: 'demo' }, ['http://localhost:4300', 'http://cloud:4300', 'http://10.0.0.7:4300']];
  for (const baseUrl of locals) {
    expect(refusal({ ...given, baseUrl }), baseUrl).toContain('baseUrl: ');
    expect(refusal({ ...given, baseUrl, localCloudForTests: true }), baseUrl).toBe('taken');
  }
  for (const baseUrl of [undefined, 'https://cloud.mastra.ai', 'https://localhost:4300', 'http://cloud.example.com']) {
    expect(refusal({ ...given, ...(baseUrl && { baseUrl }), localCloudForTests: true }), baseUrl).toContain('localCloudForTests: ');
  }
  // In a network of containers browsers reach the app by plain http, and keep no Secure cookie.
  const [app, inContainers] = ['http://app:4111/api/auth/sso/callback', { ...given, baseUrl: 'http://cloud:4300', localCloudForTests: true }];
  const cookies = (options: MastraCloudAuthOptions) => {
    const auth = new MastraCloudAuth(options);
    expect(auth.getLoginUrl(app, 's')).toContain('/auth/oss?');
    return auth.getLoginCookies(app, 's')?.join('\n');
  };
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  expect(cookies(inContainers)).not.toContain('Secure');
  expect(warned.mock.calls).toMatchObject([[expect.stringContaining('no password'), { code: 'MASTRA_AUTH_CLOUD_LOCAL_CLOUD' }]]);
  warned.mockClear();
  expect(cookies(given)).toContain('Secure');
  expect(warned).not.toHaveBeenCalled();
  vi.stubEnv('MASTRA_LOCAL_CLOUD_FOR_TESTS', 'true');
  expect(refusal({ ...given, baseUrl: 'http://cloud:4300' })).toBe('taken');
  expect(refusal(given)).toContain('localCloudForTests: ');
  expect(refusal({ ...given, localCloudForTests: false })).toBe('taken');
  vi.stubEnv('MASTRA_LOCAL_CLOUD_FOR_TESTS', 'yes');
  expect(refusal(given)).toBe('MASTRA_LOCAL_CLOUD_FOR_TESTS must be true or false');
  expect(refusal({ ...given, localCloudForTests: 'yes' })).toBe('localCloudForTests must be true or false');
});

test('the server’s own options reach the base class', async () => {
  const auth = new MastraCloudAuth({
    projectId: 'demo',
    name: 'mine',
    protected: ['/a'],
    public: ['/b'],
    authorizeUser: () => false,
    mapUserToResourceId: user => `r-${user.id}`,
  });
  expect([auth.name, auth.protected, auth.public]).toEqual(['mine', ['/a'], ['/b']]);
  const user = { id: 'u', email: '', roles: [], sessionToken: 't' };
  expect(await auth.authorizeUser(user)).toBe(false);
  expect(auth.mapUserToResourceId(user)).toBe('r-u');
  expect(new MastraCloudAuth({ projectId: 'demo' }).mapUserToResourceId(user)).toBe('u');
});

test('a subclass overrides every method, and the options of the server come first', async () => {
  class Teams extends MastraCloudAuth {
    override mapUserToResourceId(user: CloudUser): string {
      return `team-${super.mapUserToResourceId(user)}`;
    }
    override authorizeUser(user: CloudUser): boolean {
      return user.roles.includes('owner');
    }
  }
  const user = { id: 'u', email: '', roles: [], sessionToken: 't' };
  const auth = new Teams({ projectId: 'demo' });
  expect(auth.mapUserToResourceId(user)).toBe('team-u');
  expect(auth.authorizeUser(user)).toBe(false);
  const given = new Teams({ projectId: 'demo', mapUserToResourceId: () => undefined, authorizeUser: () => true });
  expect(given.mapUserToResourceId(user)).toBeUndefined();
  expect(await given.authorizeUser(user)).toBe(true);
  class Old extends MastraCloudAuthProvider {
    override mapUserToResourceId(): string {
      return 'old';
    }
  }
  expect(new Old({ projectId: 'demo' }).mapUserToResourceId()).toBe('old');
  // Whatever stands on the instance itself hides a method of a subclass.
  const methods = (from: object): string[] => (from === Object.prototype ? [] : [...Object.getOwnPropertyNames(from), ...methods(Object.getPrototypeOf(from) as object)]);
  const own = Object.getOwnPropertyNames(new MastraCloudAuth({ projectId: 'demo' }));
  expect(own.filter(name => methods(MastraCloudAuth.prototype).includes(name))).toEqual([]);
});
