/** Odd but valid data of a Cloud: users are signed in all the same. */

import { generateKeyPairSync, sign } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent } from '../dist/esm/index.js';
import { pair, request } from './world.js';
import { cloud, finish } from './written-cloud.js';

describe('odd but valid data', () => {
  test('a session that ends with the year 9999 is a session', async () => {
    const times = { created_at: '2026-01-01T00:00:00Z', expires_at: '9999-12-31T23:59:59Z' };
    const session = { id: 'ses_1', user_id: 'usr_1', ...times };
    const user = { id: 'usr_1', email: 'ada@example.com', created_at: times.expires_at };
    const baseUrl = await cloud(path => ({ ok: true, data: path.endsWith('/callback') ? { user, session, jwt: 'opaque' } : { session } }));
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl });
    const result = await finish(auth);
    expect(result.tokens?.expiresAt?.toISOString()).toBe('9999-12-31T23:59:59.000Z');
    expect(result.cookies?.at(-1)).toMatch(/Max-Age=86400/);
    expect(result.user.createdAt?.getUTCFullYear()).toBe(9999);
    const found = await auth.authenticateToken('', request({ cookie: pair(result.cookies?.at(-1) ?? '') }));
    expect(found?.id).toBe('usr_1');
    const renewed = await auth.refreshSession('opaque');
    expect(renewed?.expiresAt.toISOString()).toBe('9999-12-31T23:59:59.000Z');
  });

  test('a user of whom only the id is usable signs in, without roles', async () => {
    const odd = { email: null, name: 7, avatar_url: {}, metadata: 'x', roles: ['owner', null], role: 'owner', created_at: null };
    // Milliseconds may have a fraction.
    const session = { id: 'ses_1', user_id: 'usr_1', created_at: Date.now(), expires_at: Date.now() + 3_600_000.5 };
    const user = { id: 'usr_1', ...odd };
    const baseUrl = await cloud(path => ({ ok: true, data: path.endsWith('/callback') ? { user, session, jwt: 'opaque' } : { user } }));
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl, roleMapping: { owner: ['*'] } });
    const found = [(await finish(auth)).user, await auth.authenticateToken('another', request({}))];
    for (const user of found) {
      expect(user).toMatchObject({ id: 'usr_1', email: '', roles: [] });
      expect(await auth.getPermissions(user!)).toEqual([]);
    }
  });

  test('texts of any characters arrive whole', async () => {
    const texts = ['', ':', '3:abc', '12', 'Zoë', 'Ζωή', '👩‍💻 Ada', 'a\u0000b', '\u2028', '\ufeff', '"\\', 'x'.repeat(1000), 'ÿ'.repeat(1000)];
    const createdAt = new Date(0);
    const said: object[] = [];
    const baseUrl = await cloud(() => ({ ok: true, data: { user: said.at(-1) } }));
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl });
    for (const [at, name] of texts.entries()) {
      const user = { id: 'usr_1', email: `${name}@example.com`, name, metadata: { [name]: name } };
      said.push({ ...user, created_at: createdAt.getTime() });
      const found = await auth.authenticateToken(`token-${at}`, request({}));
      expect(found).toEqual({ ...user, createdAt, roles: [], organizationId: 'user:usr_1', memberOrgIds: ['user:usr_1'] });
      expect(found?.sessionToken).toBe(`token-${at}`);
    }
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] };
    const byKeys = new MastraCloudAuth({ projectId: 'demo', verification: { by: 'keys', issuer: 'https://issuer', jwks } });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'EdDSA', kid: 'k' })}.${part({ iss: 'https://issuer', aud: 'demo', sub: 'usr_1', roles: texts, exp: 253_402_300_799 })}`;
    const token = `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
    const found = await byKeys.authenticateToken(token, request({}));
    expect(found).toEqual({ id: 'usr_1', email: '', roles: texts, organizationId: 'user:usr_1', memberOrgIds: ['user:usr_1'] });
  });

  test('a token of any length arrives whole', async () => {
    const baseUrl = await cloud(() => ({ ok: true, data: { user: { id: 'usr_1', email: 'ada@example.com' } } }));
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl });
    for (const length of [1, 1022, 1023, 1024, 1025, 2043, 2044, 2047, 2048, 4096, 8192]) {
      const token = 'abcdefg'.repeat(length).slice(0, length);
      expect((await auth.authenticateToken(token, request({})))?.sessionToken).toBe(token);
    }
  });

  test('a token behind cookies of any size and characters is found', async () => {
    const baseUrl = await cloud(() => ({ ok: true, data: { user: { id: 'usr_1', email: 'ada@example.com' } } }));
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl });
    const sizes = [...Array.from({ length: 24 }, (_, at) => 2015 + at), 1000, 6000, 16_000];
    for (const character of ['a', 'ü', '漢', '😀', '\ud800']) {
      const bytes = new TextEncoder().encode(character).length;
      for (const size of sizes) {
        const cookie = `x=${character.repeat(size / bytes)}; mastra_session=opaque`;
        const headers = { host: 'localhost:4111', cookie };
        expect((await auth.authenticateToken('', { headers }))?.sessionToken, `${character} ${size}`).toBe('opaque');
      }
    }
  });

  test('permissions of null are none', async () => {
    const user = { id: 'usr_1', email: 'ada@example.com' };
    const baseUrl = await cloud(path => ({ ok: true, data: path.endsWith('/permissions') ? { permissions: null } : { user } }));
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl });
    const found = await auth.authenticateToken('opaque', request({}));
    expect(await auth.getPermissions(found!)).toEqual([]);
  });

  test('a key set with odd entries beside the good key checks tokens', async () => {
    const pairOfKeys = generateKeyPairSync('ed25519');
    const good = { ...pairOfKeys.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'Ed25519', use: 'sig' };
    const ec = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid: 'k' };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const keys of [
      [null, 1, 'x', [], good],
      [good, good],
      [ec, good],
      [{ ...ec, use: 'enc' }, good],
      [{ ...good, use: 'enc' }, good],
      [{ ...good, d: null, k: null, key_ops: null }],
    ]) {
      const baseUrl = await cloud(path => (path.endsWith('jwks.json') ? { keys } : undefined));
      const events: CloudAuthEvent[] = [];
      const onEvent = (event: CloudAuthEvent) => events.push(event);
      const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl, verification: 'keys', onEvent });
      const claims = { iss: baseUrl, aud: 'demo', sub: 'usr_1', email: null, exp: 253_402_300_799 };
      for (const alg of ['EdDSA', 'Ed25519']) {
        const signed = `${part({ alg, kid: 'k' })}.${part(claims)}`;
        const token = `${signed}.${sign(null, Buffer.from(signed), pairOfKeys.privateKey).toString('base64url')}`;
        expect(await auth.authenticateToken(token, request({})), JSON.stringify(keys)).toMatchObject({ id: 'usr_1', email: '' });
      }
      const told = events.filter(event => event.type === 'key_set_invalid_entries').map(event => event.count);
      expect(told).toEqual(keys.length === 5 ? [4] : []);
    }
  });
});
