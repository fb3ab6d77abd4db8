/** A machine whose clock is ahead of the Cloud's by more than a token lives, or behind: here the Cloud's clock is off. */

import { generateKeyPairSync, sign } from 'node:crypto';

import { expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent } from '../dist/esm/index.js';
import { pair, request } from './world.js';
import { cloud, finish } from './written-cloud.js';

const HOUR = 3_600_000;
const keys = generateKeyPairSync('ed25519');
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A Cloud whose clock is off by this much, with sessions and tokens of an hour. */
function offBy(milliseconds: number, claims: object = {}) {
  const now = Date.now() + milliseconds;
  const seconds = Math.floor(now / 1000);
  const times = { iat: seconds, exp: seconds + 3_600 };
  const signed = `${part({ alg: 'EdDSA', kid: 'k' })}.${part({ sub: 'usr_1', aud: 'demo', ...times, ...claims })}`;
  const jwt = `${signed}.${sign(null, Buffer.from(signed), keys.privateKey).toString('base64url')}`;
  const session = { id: 'ses_1', user_id: 'usr_1', created_at: now, expires_at: now + HOUR };
  const user = { id: 'usr_1', email: 'ada@example.com', created_at: now };
  const jwks = { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k' }] };
  const baseUrl = cloud(path => {
    if (path.endsWith('jwks.json')) return jwks;
    const answers = { callback: { user, session, jwt }, validate: { session } } as Record<string, object>;
    return { ok: true, data: answers[path.split('/').at(-1) ?? ''] ?? { user } };
  });
  return { baseUrl, jwt };
}

test.each([-2 * HOUR, 2 * HOUR])('with the clock of the Cloud off by %i ms people sign in and stay', async off => {
  const { baseUrl, jwt } = offBy(off);
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: await baseUrl });
  const result = await finish(auth);
  expect(result.cookies?.at(-1)).toMatch(/Max-Age=(3[56]\d\d|10[78]\d\d)/);
  expect(result.tokens?.expiresAt?.getTime()).toBeGreaterThan(Date.now());
  const cookie = pair(result.cookies?.at(-1) ?? '');
  expect((await auth.authenticateToken('', request({ cookie })))?.id).toBe('usr_1');
  expect((await auth.validateSession(jwt))?.expiresAt.getTime()).toBeGreaterThan(Date.now());
  const other = new MastraCloudAuth({ projectId: 'demo', baseUrl: await baseUrl });
  expect((await other.authenticateToken('', request({ cookie })))?.id).toBe('usr_1');
  expect((await other.refreshSession(jwt))?.expiresAt.getTime()).toBeGreaterThan(Date.now());
});

test.each([
  [-2 * HOUR, true],
  [0, false],
])('with the clock of the Cloud off by %i ms the operator is warned: %s', async (off, isWarned) => {
  const { baseUrl, jwt } = offBy(off);
  const events: CloudAuthEvent[] = [];
  const warned: [string, Record<string, unknown> | undefined][] = [];
  const logger = { debug() {}, info() {}, warn: (...told: (typeof warned)[number]) => void warned.push(told) };
  const options = { projectId: 'demo', baseUrl: await baseUrl, cache: { fresh: 0 }, logger };
  const auth = new MastraCloudAuth({ ...options, onEvent: event => events.push(event) });
  await finish(auth);
  for (let turn = 0; turn < 3; turn += 1) await auth.authenticateToken(jwt, request({}));
  const told = events.filter(({ type }) => type === 'clock_ahead');
  expect(told).toHaveLength(isWarned ? 1 : 0);
  expect(warned.filter(([message]) => message.endsWith(': clock_ahead'))).toHaveLength(told.length);
  for (const { aheadSeconds, ...rest } of told) {
    expect(rest).toEqual({ type: 'clock_ahead', code: 'clock_ahead' });
    expect(aheadSeconds).toBeGreaterThanOrEqual(3_600);
    expect(aheadSeconds).toBeLessThan(7_200);
  }
  // A request alone tells it too.
  const other = new MastraCloudAuth({ ...options, onEvent: event => events.push(event) });
  events.length = 0;
  await other.authenticateToken(jwt, request({}));
  expect(events.filter(({ type }) => type === 'clock_ahead')).toHaveLength(told.length);
});

test('a session by a clock that is ahead ends with its life', async () => {
  const { baseUrl, jwt } = offBy(-2 * HOUR, { exp: Math.floor((Date.now() - 2 * HOUR) / 1000) + 2 });
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: await baseUrl });
  await finish(auth);
  expect((await auth.authenticateToken(jwt, request({})))?.id).toBe('usr_1');
  await expect.poll(() => auth.authenticateToken(jwt, request({})), { timeout: 30_000 }).toBeNull();
});

test.each([
  [-2 * HOUR, 'clock_ahead'],
  [2 * HOUR, 'clock_behind'],
])('where signatures are checked and the Cloud is off by %i ms, the sign-in fails with %s', async (off, code) => {
  const { baseUrl } = offBy(off);
  const events: CloudAuthEvent[] = [];
  const onEvent = (event: CloudAuthEvent) => events.push(event);
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: await baseUrl, verification: 'keys', onEvent });
  await expect(finish(auth)).rejects.toMatchObject({ code, message: expect.stringContaining('clock of this machine') });
  expect(events.at(-1)).toMatchObject({ type: 'sign_in_failed', code });
});
