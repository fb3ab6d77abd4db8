/** Sealed sessions that the platform replaces: on three instances over a real Redis, in Node and between Node and Rust. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud } from '../dist/esm/testing.js';
import { RedisServer } from './redis-server.js';
import { RustInstance } from './rust-instance.js';
import { BINARY, pair, request, serve, tokenOf, until } from './world.js';

/** Longer than a sealed session is good for, in seconds. */
const LATER = 360;

let cloud: LocalCloud;
let redis: RedisServer;
let all: MastraCloudAuth[];
let events: CloudAuthEvent[];

beforeEach(async () => {
  // However slow the machine is.
  vi.stubEnv('MASTRA_CALL_TIMEOUT', '60');
  events = [];
  [cloud, redis] = await Promise.all([startLocalCloud({ dialect: 'platform', binary: BINARY }), RedisServer.start()]);
  all = Array.from({ length: 3 }, instance);
  for (const auth of all) await connected(auth);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const auth of all) await auth.close();
  await Promise.all([cloud.close(), redis.kill()]);
});

/** Nothing that it verified counts for longer than the answer. */
function instance(): MastraCloudAuth {
  const options = { baseUrl: cloud.url, dialect: 'platform', cache: { fresh: 0 }, onEvent: (event: CloudAuthEvent) => events.push(event) } as const;
  return new MastraCloudAuth({ ...options, revocations: { redis: redis.url } });
}

const connected = (auth: MastraCloudAuth) => until(() => auth.revocationStatus()?.connected === true);

/** So many requests at once, in turn over the instances: the sessions that their answers set. */
async function atOnce(count: number, cookie: string): Promise<(string | undefined)[]> {
  const served = await Promise.all(Array.from({ length: count }, (_, turn) => serve(all[turn % all.length] as MastraCloudAuth, cookie)));
  expect(new Set(served.map(({ id }) => id))).toEqual(new Set(['usr_mei']));
  return served.map(({ set }) => (set === undefined ? undefined : pair(set)));
}

const rotations = async () => (await cloud.requests()).counts['rotation'] ?? 0;

const refusals = async () => (await cloud.requests()).log.filter(({ status }) => status === 401).length;

test('threat_033_two_hundred_requests_on_three_instances_rotate_a_session_once', async () => {
  const { cookie } = await cloud.signIn('member');
  expect(await atOnce(3, cookie)).toEqual([undefined, undefined, undefined]);
  await cloud.advance(LATER);
  const set = await atOnce(200, cookie);
  expect([await rotations(), await refusals()]).toEqual([1, 0]);
  const newest = set[0] as string;
  expect(tokenOf(newest)).not.toBe(tokenOf(cookie));
  expect(new Set(set)).toEqual(new Set([newest]));
  // The answer is lost on its way: the browser brings the old one to each instance.
  expect(new Set(await atOnce(6, cookie))).toEqual(new Set([newest]));
  expect(await atOnce(3, newest)).toEqual([undefined, undefined, undefined]);
  expect([await rotations(), await refusals()]).toEqual([1, 0]);
  expect(events.filter(({ type }) => type === 'sessions_not_shared')).toEqual([]);
});

test('threat_034_a_redis_that_is_killed_in_the_middle_ends_no_session_and_is_logged_once', async () => {
  const { cookie } = await cloud.signIn('member');
  await atOnce(3, cookie);
  await redis.kill();
  await cloud.advance(LATER);
  const newest = pair((await serve(all[0] as MastraCloudAuth, cookie)).set ?? '');
  for (const auth of all.slice(1)) expect(await serve(auth, cookie)).toEqual({ id: 'usr_mei', set: undefined });
  expect(await atOnce(6, newest)).toEqual(Array(6).fill(undefined));
  expect(await rotations()).toBe(1);
  expect(events.filter(({ type }) => type === 'sessions_not_shared')).toEqual(all.map(() => ({ type: 'sessions_not_shared', count: 1 })));
});

test('a session that is ended by its id ends where it was brought after a rotation', async () => {
  const [one, two] = all as [MastraCloudAuth, MastraCloudAuth];
  const { cookie } = await cloud.signIn('member');
  await serve(one, cookie);
  await cloud.advance(LATER);
  const newest = pair((await serve(one, cookie)).set ?? '');
  expect((await serve(two, newest)).id).toBe('usr_mei');
  const refreshed = events.find(({ type }) => type === 'session_refreshed');
  one.endSession(refreshed?.sessionId ?? '');
  await until(async () => (await serve(two, newest)).id === undefined);
});

test('who only asks who is signed in stays so on an instance that never saw the session', async () => {
  const [one, two] = all as [MastraCloudAuth, MastraCloudAuth];
  const { cookie } = await cloud.signIn('member');
  const shown = async (auth: MastraCloudAuth) => (await auth.getCurrentUser(request({ cookie }).raw))?.id;
  for (let turn = 0; turn < 3; turn += 1) {
    await cloud.advance(LATER);
    expect(await shown(one)).toBe('usr_mei');
  }
  expect([await rotations(), await refusals()]).toEqual([3, 0]);
  const served = await serve(two, cookie);
  expect(served.id).toBe('usr_mei');
  expect(await serve(one, pair(served.set ?? ''))).toEqual({ id: 'usr_mei', set: undefined });
  expect([await rotations(), await refusals()]).toEqual([3, 0]);
});

test('an instance in Rust and one in Node share one rotation', async () => {
  const rust = new RustInstance(cloud.url, redis.url, 'platform');
  try {
    expect(await rust.line()).toBe('ready');
    const { cookie } = await cloud.signIn('member');
    await cloud.advance(LATER);
    const [newest] = await atOnce(1, cookie);
    expect(await rust.ask(`refresh ${tokenOf(cookie)}`)).toBe(tokenOf(newest ?? ''));
    expect(await rotations()).toBe(1);
    // And the other way round.
    await cloud.advance(LATER);
    const next = await rust.ask(`refresh ${tokenOf(newest ?? '')}`);
    expect(await rotations()).toBe(2);
    expect((await atOnce(3, newest ?? '')).map(set => tokenOf(set ?? ''))).toEqual([next, next, next]);
    expect([await rotations(), await refusals()]).toEqual([2, 0]);
  } finally {
    rust.stop();
  }
});
