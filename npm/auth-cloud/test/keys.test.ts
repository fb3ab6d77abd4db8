/** Verification by keys, against the local Cloud. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { request, signIn, startCloud } from './world.js';
import type { Cloud } from './world.js';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud('v1');
});
afterAll(() => cloud.stop());

/** A provider, and the endpoints that it asked for. */
function provider(options: MastraCloudAuthOptions) {
  const calls: string[] = [];
  const onEvent = (event: CloudAuthEvent) => {
    if (event.type.startsWith('cloud_call')) calls.push(event.endpoint ?? '');
  };
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, onEvent, ...options });
  return { auth, calls };
}

describe('verification by keys', () => {
  test('two people are known by their signatures, with one fetch of the keys', async () => {
    const first = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url });
    const [mei, victor] = [await signIn(first, 'member'), await signIn(first, 'viewer')];
    const { auth, calls } = provider({ verification: 'keys' });
    const looks = Array.from({ length: 100 }, (_, at) =>
      auth.authenticateToken('', request({ cookie: (at % 2 === 0 ? mei : victor).cookie })),
    );
    const found = await Promise.all(looks);
    expect(found.map(user => user?.id)).toEqual(found.map((_, at) => (at % 2 === 0 ? 'usr_mei' : 'usr_victor')));
    expect(calls).toEqual(['jwks']);
    expect(found[0]?.roles).toEqual(['member']);
  });

  test('a forged token is refused without a call', async () => {
    const { auth, calls } = provider({ verification: { by: 'keys' } });
    const { user } = await signIn(auth, 'member');
    calls.length = 0;
    const forged = user.sessionToken.replace(/[^.]{8}$/, 'AAAAAAAA');
    expect(await auth.authenticateToken(forged, request({}))).toBeNull();
    expect(await auth.authenticateToken(forged, request({}))).toBeNull();
    expect(calls).toEqual([]);
  });

  test('a sign-in whose token the next request would refuse fails with that code', async () => {
    const other = await startCloud('v1');
    const jwks = (await (await fetch(`${other.url}/.well-known/jwks.json`)).json()) as { keys: object[] };
    await other.stop();
    for (const [verification, code] of [
      [{ by: 'keys', issuer: 'https://other.example' }, 'token_issuer_mismatch'],
      [{ by: 'keys', audience: 'other' }, 'token_audience_mismatch'],
      [{ by: 'keys', secret: 'x'.repeat(40) }, 'token_algorithm_refused'],
      [{ by: 'keys', jwks }, 'token_key_unknown'],
      [{ by: 'keys', jwksUrl: `${other.url}/jwks.json` }, 'keys_unavailable'],
      [{ by: 'keys+session', issuer: 'https://other.example' }, 'token_issuer_mismatch'],
    ] as const) {
      const events: CloudAuthEvent[] = [];
      const { auth } = provider({ verification, onEvent: event => events.push(event) });
      await expect(signIn(auth, 'member'), JSON.stringify(verification)).rejects.toMatchObject({ code });
      const told = () => events.filter(event => !event.type.startsWith('cloud_call'));
      const fetchFailed = code === 'keys_unavailable' ? [{ type: 'key_set_fetch_failed', code }] : [];
      expect(told()).toMatchObject([...fetchFailed, { type: 'sign_in_failed', code }]);
      if (code === 'keys_unavailable') continue;
      // Its session at the Cloud belongs to no user, and is revoked.
      await expect.poll(told, { timeout: 30_000 }).toMatchObject([{ code }, { type: 'signed_out', outcome: 'ended' }]);
      // It is one failed sign-in, and no sign-out.
      const counted = ({ count }: { count: number }) => count > 0;
      const { logins, signOuts } = auth.statistics();
      expect([logins.filter(counted), signOuts.filter(counted)]).toEqual([[{ outcome: 'failed', count: 1 }], []]);
    }
  });

  test('a sign-in makes the user that every other instance finds', async () => {
    for (const verification of ['keys', 'keys+session'] as const) {
      const { user, cookie } = await signIn(provider({ verification }).auth, 'owner');
      const elsewhere = await provider({ verification }).auth.authenticateToken('', request({ cookie }));
      expect(elsewhere).toEqual(user);
      expect(user.roles).toEqual(['owner']);
    }
  });

  test('with sessions the Cloud is asked whether they live', async () => {
    const first = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url });
    const { user, cookie } = await signIn(first, 'member');
    const { auth, calls } = provider({ verification: { by: 'keys+session', sessionEvery: 0.1 } });
    expect((await auth.authenticateToken('', request({ cookie })))?.id).toBe(user.id);
    expect(calls).toEqual(['jwks', '/api/v1/auth/session/validate']);
    await first.destroySession(user.sessionToken);
    await expect.poll(() => auth.authenticateToken('', request({ cookie }))).toBeNull();
  });

  test('a token with a good signature is accepted while the Cloud is unreachable', async () => {
    const own = await startCloud('v1');
    const first = new MastraCloudAuth({ projectId: 'demo', baseUrl: own.url });
    const { user, cookie } = await signIn(first, 'member');
    const folder = mkdtempSync(join(tmpdir(), 'auth-cloud-'));
    const jwksFile = join(folder, 'jwks.json');
    const jwks = (await (await fetch(`${own.url}/.well-known/jwks.json`)).json()) as { keys: object[] };
    writeFileSync(jwksFile, JSON.stringify(jwks));
    await own.stop();
    for (const verification of [{ by: 'keys', jwks }, { by: 'keys', jwksFile }] as const) {
      const { auth, calls } = provider({ baseUrl: own.url, verification });
      expect((await auth.authenticateToken('', request({ cookie })))?.id).toBe(user.id);
      expect(calls).toEqual([]);
    }
    const events: CloudAuthEvent[] = [];
    const { auth } = provider({ baseUrl: own.url, verification: 'keys', onEvent: event => events.push(event) });
    const unavailable = async () =>
      expect(auth.authenticateToken('', request({ cookie }))).rejects.toMatchObject({ status: 503, code: 'keys_unavailable' });
    await Promise.all([unavailable(), unavailable()]);
    // One fetch for both.
    const failed = events.filter(({ type }) => type === 'key_set_fetch_failed');
    expect(failed).toEqual([{ type: 'key_set_fetch_failed', code: 'keys_unavailable', status: 503, endpoint: 'jwks' }]);
    rmSync(folder, { recursive: true });
  });

  test('an identity in use is asked about ahead of its end', async () => {
    const { auth, calls } = provider({ cache: { fresh: 0.5, refreshEarly: 0.1 } });
    const { user, cookie } = await signIn(auth, 'member');
    const verifications = () => calls.filter(endpoint => endpoint === '/api/v1/auth/verify').length;
    const begun = performance.now();
    while (verifications() < 3) {
      expect((await auth.authenticateToken('', request({ cookie })))?.id).toBe(user.id);
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    // One each 400 ms at most.
    expect(performance.now() - begun).toBeGreaterThan(750);
  });

  test('wrong options are refused, without their values', () => {
    const secret = 'canary';
    for (const verification of [
      'signature',
      { by: 'keys', jwksUrl: 'http://keys.example.com' },
      { by: 'keys', jwks: { keys: [] } },
      { by: 'keys', secret },
      { by: 'keys', jwksFile: '/nowhere/jwks.json' },
      { by: 'keys', leeway: 301 },
      { by: 'keys', sessionEvery: 1 },
      { by: 'cloud', issuer: 'x' },
      { by: 'keys', algorithms: ['none'] },
    ]) {
      const make = () => provider({ verification: verification as never });
      expect(make, JSON.stringify(verification)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }));
      expect(make).not.toThrow(/canary|nowhere|example/);
    }
  });
});
