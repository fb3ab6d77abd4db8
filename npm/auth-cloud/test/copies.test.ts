/** Copies of users: spread, cloned, or read back from JSON, as a suspended workflow's snapshot is. They name no session. */

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent, CloudUser, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { signIn, startCloud } from './world.js';
import type { Cloud } from './world.js';

let cloud: Cloud;
let old: Cloud;
beforeAll(async () => {
  [cloud, old] = await Promise.all([startCloud('v1'), startCloud('pkce')]);
});
afterAll(() => Promise.all([cloud.stop(), old.stop()]));
afterEach(() => {
  vi.useRealTimers();
});

const deployment = (more: MastraCloudAuthOptions = {}) =>
  new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, cache: { fresh: 3600 }, ...more });

const COPIES: readonly (readonly [string, (user: CloudUser) => CloudUser])[] = [
  ['spread', user => ({ ...user })],
  ['structuredClone', user => structuredClone(user)],
  ['JSON', user => JSON.parse(JSON.stringify(user)) as CloudUser],
  ['a snapshot', user => (JSON.parse(JSON.stringify({ context: { user } })) as { context: { user: CloudUser } }).context.user],
];

test.each(COPIES)('with a roleMapping the roles of a copy decide: %s', async (_, copied) => {
  const events: CloudAuthEvent[] = [];
  const auth = deployment({ roleMapping: { member: ['agents:*'], _default: ['tools:read'] }, onEvent: event => events.push(event) });
  const { user } = await signIn(auth, 'member');
  const copy = copied(user);
  expect(copy.sessionToken).toBeUndefined();
  expect(await auth.getRoles(copy)).toEqual(['member']);
  expect(await auth.hasRole(copy, 'member')).toBe(true);
  expect(await auth.getPermissions(copy)).toEqual(await auth.getPermissions(user));
  expect(await auth.hasPermission(copy, 'agents:write')).toBe(true);
  expect(await auth.hasPermission(copy, 'tools:read')).toBe(false);
  expect(await auth.hasAllPermissions(copy, ['agents:read', 'tools:read'])).toBe(false);
  expect(await auth.hasAnyPermission(copy, ['agents:read', 'tools:read'])).toBe(true);
  expect(events.map(({ type }) => type)).not.toContain('permissions_without_session');
  // The copy names no session, so that a sign-out says nothing of it; the user itself may do nothing any more.
  await auth.destroySession(user.sessionToken);
  expect(await auth.getPermissions(user)).toEqual([]);
  expect(await auth.getPermissions(copy)).toEqual(['agents:*']);
});

test.each(COPIES)('without a roleMapping a copy has no permissions, and that is told: %s', async (_, copied) => {
  const [events, warned]: [CloudAuthEvent[], unknown[]] = [[], []];
  const logger = { debug() {}, info() {}, warn: (text: string, details?: object) => warned.push([text, details]) };
  const auth = deployment({ logger, onEvent: event => events.push(event) });
  const { user } = await signIn(auth, 'member');
  const copy = copied(user);
  expect((await auth.getPermissions(user)).length).toBeGreaterThan(0);
  const calls = events.length;
  expect(await auth.getRoles(copy)).toEqual(['member']);
  expect(await auth.getPermissions(copy)).toEqual([]);
  expect(await auth.hasPermission(copy, 'agents:read')).toBe(false);
  const told = { type: 'permissions_without_session', code: 'user_without_session' };
  expect(events.slice(calls)).toEqual([told, told]);
  expect(warned).toEqual([['mastra cloud auth: permissions_without_session', { code: 'user_without_session' }]]);
});

test('refused copies are logged once a minute at most, and told each time', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  let [told, logged] = [0, 0];
  const logger = { debug() {}, info() {}, warn: () => void (logged += 1) };
  const auth = deployment({ logger, onEvent: () => void (told += 1) });
  const copy = { id: 'usr_mei', email: '', roles: ['owner'] } as unknown as CloudUser;
  for (let n = 0; n < 100; n++) await auth.getPermissions(copy);
  expect([told, logged]).toEqual([100, 1]);
  vi.advanceTimersByTime(59_999);
  await auth.getPermissions(copy);
  expect([told, logged]).toEqual([101, 1]);
  vi.advanceTimersByTime(1);
  await auth.getPermissions(copy);
  expect([told, logged]).toEqual([102, 2]);
});

test('a copy that kept its token is asked about, and one without usable roles may do nothing', async () => {
  const auth = deployment({ roleMapping: { member: ['agents:*'], _default: ['tools:read'] } });
  const { user } = await signIn(auth, 'member');
  const kept = { ...user, roles: ['owner'], sessionToken: user.sessionToken };
  expect(await auth.getPermissions(kept), 'what the Cloud said counts').toEqual(['agents:*']);
  await auth.destroySession(user.sessionToken);
  expect(await auth.getPermissions(kept), 'its session is over').toEqual([]);
  const odd = [null, {}, { id: 'u' }, { id: 'u', roles: null }, { id: 'u', roles: 'member' }, { id: 'u', roles: [7, {}] }, { id: 'u', roles: [] }];
  for (const copy of odd as unknown as CloudUser[]) {
    expect(await auth.getRoles(copy)).toEqual([]);
    expect(await auth.getPermissions(copy)).toEqual([]);
  }
  const mixed = { id: 'u', roles: [7, 'member'] } as unknown as CloudUser;
  expect(await auth.getPermissions(mixed)).toEqual(['agents:*']);
});

test('in a dialect that has no permissions of its own the default roles decide about a copy', async () => {
  const auth = deployment({ dialect: 'pkce', baseUrl: old.url });
  const { user } = await signIn(auth, 'viewer');
  const permissions = await auth.getPermissions(user);
  expect(permissions.length).toBeGreaterThan(0);
  expect(await auth.getPermissions(structuredClone(user))).toEqual(permissions);
});
