/** Signatures that are checked on another thread: what comes back, and what happens meanwhile. No Cloud is asked. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import { describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { native } from '../dist/esm/native.js';
import type { CloudAuthEvent, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { request } from './world.js';

const addon = native as unknown as { injectPanic(name: string): void };
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const others = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256', use: 'sig' }] };
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function token(sub: string, key = keys.privateKey, alg = 'ES256'): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'https://issuer', aud: 'demo', sub, sid: `ses_${sub}`, roles: ['viewer'], iat: now, exp: now + 3600 };
  const input = `${part({ alg, kid: 'k' })}.${part(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function provider(options: MastraCloudAuthOptions = {}) {
  const events: CloudAuthEvent[] = [];
  const auth = new MastraCloudAuth({
    projectId: 'demo',
    verification: { by: 'keys', issuer: 'https://issuer', jwks },
    fetch: () => Promise.reject(new Error('nobody is to be asked')),
    onEvent: event => events.push(event),
    ...options,
  });
  const counted = () => auth.statistics().requests.filter(({ count }) => count > 0);
  return { auth, events, counted };
}

describe('checks on another thread', () => {
  test('threat_079_each_request_gets_its_own_answer', async () => {
    const { auth, counted } = provider();
    const people = Array.from({ length: 100 }, (_, at) => `usr_${at}`);
    const found = await Promise.all(people.map(id => auth.authenticateToken(token(id), request({}))));
    expect(found.map(user => user?.id)).toEqual(people);
    expect(counted()).toEqual([{ outcome: 'authenticated', source: 'keys', count: 100 }]);
  });

  test.each(['ES256', 'RS256'] as const)('threat_087_a_request_does_not_wait_for_the_check_of_another_%s', async alg => {
    const pair = alg === 'ES256' ? keys : generateKeyPairSync('rsa', { modulusLength: 4096 });
    const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k', alg, use: 'sig' };
    const { auth, counted } = provider({ verification: { by: 'keys', issuer: 'https://issuer', jwks: { keys: [jwk] } } });
    const answer = auth.authenticateToken(token('usr_1', pair.privateKey, alg), request({}));
    // The call is over, and nothing was checked in it.
    expect(counted()).toEqual([]);
    await Promise.resolve();
    expect(counted()).toEqual([]);
    expect((await answer)?.id).toBe('usr_1');
  });

  test('threat_087_what_is_longer_than_any_token_or_header_is_refused_at_once', async () => {
    const { auth, counted, events } = provider({ secure: false });
    const long = `${token('usr_1')}${'A'.repeat(1_000_000)}`;
    expect(await auth.authenticateToken(long, request({}))).toBeNull();
    expect(await auth.authenticateToken('', request({ cookie: `mastra_session=${long}` }))).toBeNull();
    expect(events.map(({ code }) => code)).toEqual(['invalid_token', 'cookie_header_too_large']);
    expect(counted()).toEqual([{ outcome: 'rejected', source: 'none', count: 2 }]);
  });

  test('threat_102_no_more_checks_wait_than_threads_can_make_soon', async () => {
    const { auth, counted } = provider();
    const people = Array.from({ length: 600 }, (_, at) => `usr_${at}`);
    const tokens = people.map(id => token(id));
    const answers = tokens.map(text => auth.authenticateToken(text, request({})));
    // Those beyond the bound were checked in their own calls, which slows down their sender alone.
    expect(counted()).toEqual([{ outcome: 'authenticated', source: 'keys', count: 88 }]);
    expect((await Promise.all(answers)).map(user => user?.id)).toEqual(people);
    // There is room again.
    const late = auth.authenticateToken(token('usr_late'), request({}));
    expect(counted()).toEqual([{ outcome: 'authenticated', source: 'keys', count: 600 }]);
    expect((await late)?.id).toBe('usr_late');
  });

  test('one check serves all who bring the same token', async () => {
    const { auth, counted } = provider();
    const text = token('usr_1');
    const found = await Promise.all(Array.from({ length: 200 }, () => auth.authenticateToken(text, request({}))));
    expect(new Set(found).size).toBe(1);
    expect(found[0]).toMatchObject({ id: 'usr_1', roles: ['viewer'] });
    expect(counted()).toEqual([
      { outcome: 'authenticated', source: 'cache', count: 199 },
      { outcome: 'authenticated', source: 'keys', count: 1 },
    ]);
  });

  test('threat_031_a_sign_out_during_the_check_wins', async () => {
    const { auth } = provider();
    const text = token('usr_1');
    const underWay = auth.authenticateToken(text, request({}));
    const ended = auth.destroySession(text);
    expect(await underWay).toBeNull();
    await ended;
  });

  test('threat_020_the_end_of_a_user_during_the_check_wins', async () => {
    const { auth } = provider();
    const underWay = auth.authenticateToken(token('usr_1'), request({}));
    auth.endUser('usr_1');
    expect(await underWay).toBeNull();
  });

  test('the end of a session is told with its id, which is not its token', () => {
    const { auth, events } = provider();
    auth.endSession('ses_1');
    expect(events).toEqual([{ type: 'session_revoked', sessionId: 'ses_1' }]);
  });

  test('an unknown rule for tokens is an error, not ignored', () => {
    const misspelt = { by: 'keys', jwks, audiences: 'other' } as MastraCloudAuthOptions['verification'] & object;
    expect(() => provider({ verification: misspelt })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }));
  });

  test('a forged token is rejected, and reported once', async () => {
    const { auth, events, counted } = provider();
    expect(await auth.authenticateToken(token('usr_1', others.privateKey), request({}))).toBeNull();
    expect(events).toMatchObject([{ type: 'credential_rejected', code: 'token_signature_invalid', source: 'keys' }]);
    expect(counted()).toEqual([{ outcome: 'rejected', source: 'keys', count: 1 }]);
  });

  test('a cookie counts where the bearer is forged', async () => {
    const { auth, events } = provider({ secure: false });
    const headers = { cookie: `mastra_session=${token('usr_2')}` };
    const found = await auth.authenticateToken(token('usr_1', others.privateKey), request(headers));
    expect(found?.id).toBe('usr_2');
    expect(events).toEqual([]);
  });

  test('each request is told of where that is asked for', async () => {
    const { auth, events } = provider({ traceRequests: true });
    const text = token('usr_1');
    expect((await auth.authenticateToken(text, request({})))?.id).toBe('usr_1');
    expect((await auth.authenticateToken(text, request({})))?.id).toBe('usr_1');
    expect(events).toMatchObject([
      { type: 'request_authenticated', source: 'keys', userId: 'usr_1' },
      { type: 'request_authenticated', source: 'cache', userId: 'usr_1' },
    ]);
  });

  test('threat_063_permissions_follow_from_who_was_verified_and_not_from_a_copy', async () => {
    const { auth } = provider({ roleMapping: { viewer: ['a:read'], owner: ['*'] } });
    const user = await auth.authenticateToken(token('usr_1'), request({}));
    if (user === null) throw new Error('nobody');
    expect(await auth.getPermissions(user)).toEqual(['a:read']);
    const forged = { ...user, roles: ['owner'], sessionToken: user.sessionToken };
    expect(await auth.getPermissions(forged)).toEqual(['a:read']);
    expect(await auth.getPermissions({ ...forged, id: 'usr_2' })).toEqual([]);
    // A copy that names no session has what its own roles have.
    expect(await auth.getPermissions({ ...user, sessionToken: '' })).toEqual(['a:read']);
  });

  test('permissions of an evicted user are asked for anew', async () => {
    const { auth } = provider({ roleMapping: { viewer: ['a:read'] }, cache: { maxEntries: 1 } });
    const found = await Promise.all(['usr_1', 'usr_2', 'usr_3'].map(id => auth.authenticateToken(token(id), request({}))));
    for (const user of found) {
      if (user === null) throw new Error('nobody');
      expect(await auth.getPermissions(user)).toEqual(['a:read']);
    }
  });

  test('threat_086_a_panic_on_another_thread_is_not_the_end', async () => {
    const { auth } = provider();
    addon.injectPanic('Task::compute');
    expect((await auth.authenticateToken(token('usr_1'), request({})))?.id).toBe('usr_1');
    addon.injectPanic('Room::resume');
    await expect(auth.authenticateToken(token('usr_2'), request({}))).rejects.toMatchObject({ code: 'internal' });
    expect((await auth.authenticateToken(token('usr_2'), request({})))?.id).toBe('usr_2');
    // Where the batches themselves fail no request waits for ever, and the next request gets its answer.
    addon.injectPanic('Engine::checks');
    const both = ['usr_3', 'usr_4'].map(id => auth.authenticateToken(token(id), request({})));
    for (const { status } of await Promise.allSettled(both)) expect(status).toBe('rejected');
    expect((await auth.authenticateToken(token('usr_3'), request({})))?.id).toBe('usr_3');
    expect((await auth.authenticateToken(token('usr_5'), request({})))?.id).toBe('usr_5');
  });

  test('a thread of Node that ends during its checks takes nothing along', async () => {
    const work = `
      const { workerData } = require('node:worker_threads');
      const { MastraCloudAuth } = require(workerData.from);
      const auth = new MastraCloudAuth(workerData.options);
      for (const text of workerData.tokens) auth.authenticateToken(text, { headers: {} });
      setImmediate(() => setImmediate(() => process.exit(0)));`;
    const workerData = {
      from: createRequire(import.meta.url).resolve('../dist/cjs/index.js'),
      options: { projectId: 'demo', verification: { by: 'keys', issuer: 'https://issuer', jwks } },
      tokens: Array.from({ length: 64 }, (_, at) => token(`usr_${at}`)),
    };
    const worker = new Worker(work, { eval: true, workerData });
    expect(await new Promise(resolve => worker.on('exit', resolve))).toBe(0);
  });
});
