/** Sign-in, identity, permissions and sign-out against the local Cloud, in both dialects. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { CloudApiError, MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { PEOPLE, REDIRECT, comeBack, goAndPick, pair, request, signIn, startCloud, until } from './world.js';
import type { Cloud } from './world.js';

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    const events: CloudAuthEvent[] = [];
    const provider = (options: MastraCloudAuthOptions = {}) =>
      new MastraCloudAuth({
        projectId: 'demo',
        baseUrl: cloud.url,
        dialect,
        onEvent: event => events.push(event),
        ...options,
      });
    beforeAll(async () => {
      cloud = await startCloud(dialect);
    });
    afterAll(() => cloud.stop());

    test('each of four people signs in, is known and signs out', async () => {
      const auth = provider();
      for (const person of PEOPLE) {
        const { user, cookie, cookies } = await signIn(auth, person);
        expect(user.roles).toEqual([person]);
        expect(cookies).toHaveLength(2);
        expect(cookies?.[0]).toMatch(/^mastra_login_\w+=; .*Max-Age=0/);
        expect(await auth.authenticateToken('', request({ cookie }))).toBe(user);
        expect(await auth.authenticateToken(user.sessionToken, request({}))).toBe(user);
        expect(await auth.authenticateToken(`bearer ${user.sessionToken}`, request({}))).toBe(user);
        const permissions = await auth.getPermissions(user);
        expect(await auth.getPermissions(user)).toEqual(permissions);
        expect(await auth.hasPermission(user, 'workflows:execute')).toBe(person !== 'viewer');
        expect(await auth.hasAllPermissions(user, ['agents:read', 'agents:delete'])).toBe(person === 'owner');
        expect(await auth.hasAnyPermission(user, ['agents:read', 'agents:delete'])).toBe(true);
        const token = auth.getSessionIdFromRequest(new Request(REDIRECT, { headers: { cookie } }));
        expect(token).toBe(user.sessionToken);
        const session = await auth.validateSession(user.sessionToken);
        expect(session?.id).toBe(user.sessionToken);
        expect(session?.userId).toBe(user.id);
        expect(pair(auth.getSessionHeaders(session!)['Set-Cookie'] ?? '')).toBe(cookie);
        await auth.destroySession(user.sessionToken);
        expect(events.at(-1)?.type).toBe('signed_out');
        expect(await auth.authenticateToken('', request({ cookie }))).toBeNull();
        expect(await auth.refreshSession(user.sessionToken)).toBeNull();
      }
    });

    test('a bearer of another provider does not sign out the user of the cookie, nor the other way round', async () => {
      const auth = provider();
      const { user, cookie } = await signIn(auth, 'member');
      expect(await auth.authenticateToken('not-ours', request({ cookie }))).toBe(user);
      const stale = { cookie: 'mastra_session=long-gone' };
      expect(await auth.authenticateToken(user.sessionToken, request(stale))).toBe(user);
      expect(await auth.authenticateToken('Basic YTpi', request({ cookie }))).toBe(user);
    });

    test('a bearer that the host has not read yet is read, and before the cookie', async () => {
      const auth = provider();
      const [one, other] = [await signIn(auth, 'member'), await signIn(auth, 'viewer')];
      const headers = { authorization: `bearer ${one.user.sessionToken}`, cookie: other.cookie };
      expect(await auth.getCurrentUser(new Request(REDIRECT, { headers }))).toBe(one.user);
    });

    test('no character is taken for another one on the way into the addon', async () => {
      const auth = provider();
      const { user, cookie } = await signIn(auth, 'owner');
      const plain = (cookie: string) => ({ headers: { cookie } });
      expect(await auth.authenticateToken('', plain(`ä=ö; ${cookie}`))).toBe(user);
      // Cut to eight bits, each of these would be the owner's token, or a cookie of its own.
      const shifted = [...user.sessionToken].map(char => String.fromCharCode(char.charCodeAt(0) + 0x100)).join('');
      expect(await auth.authenticateToken(shifted, plain(''))).toBeNull();
      expect(await auth.authenticateToken('', plain(`mastra_session=${shifted}`))).toBeNull();
      expect(await auth.authenticateToken('', plain(`a=b\u013b${cookie}`))).toBeNull();
      expect(await auth.authenticateToken('', plain(`\u0120${cookie}`))).toBeNull();
    });

    test('the session token does not leave by accident', async () => {
      const { user, tokens } = await signIn(provider(), 'admin');
      const token = user.sessionToken;
      expect(tokens.accessToken).toBe(token);
      const session = await provider().validateSession(token);
      for (const value of [user, tokens, session, { ...user }, structuredClone(user)]) {
        for (const shown of [inspect(value, { depth: 9 }), JSON.stringify(value), String(value)]) {
          expect(shown).not.toContain(token);
        }
      }
      expect(Object.isFrozen(user)).toBe(true);
      expect(JSON.stringify(events)).not.toContain(token);
      expect(JSON.stringify(events)).not.toContain('@');
    });

    test('a foreign, missing or used binding is refused with a code of its own', async () => {
      const auth = provider();
      const [mine, yours] = await Promise.all([
        goAndPick(auth, crypto.randomUUID(), 'owner'),
        goAndPick(auth, crypto.randomUUID(), 'viewer'),
      ]);
      const code = (work: Promise<unknown>) => work.then(() => 'none', (error: CloudApiError) => error.code);
      expect(await code(comeBack(auth, { ...mine, cookies: '' }))).toBe('login_cookie_missing');
      expect(await code(comeBack(auth, { ...mine, cookies: yours.cookies }))).toBe('state_mismatch');
      expect(await code(comeBack(auth, { ...mine, state: '' }))).toBe('state_malformed');
      expect(await code(auth.handleCallback(mine.code, mine.state))).toBe('login_cookie_missing');
      expect(await code(comeBack(auth, mine))).toBe('none');
      expect(await code(comeBack(auth, { ...mine, cookies: yours.cookies }))).toBe('callback_replayed');
      expect(events.at(-1)).toMatchObject({ type: 'sign_in_failed', code: 'callback_replayed', status: 400 });
    });

    test('requests at once with one new token cause one call', async () => {
      const { user, cookie } = await signIn(provider(), 'member');
      let calls = 0;
      const auth = provider({
        fetch: (url, init) => {
          calls += 1;
          return fetch(url, init);
        },
      });
      const found = await Promise.all(Array.from({ length: 1000 }, () => auth.authenticateToken('', request({ cookie }))));
      expect(new Set(found).size).toBe(1);
      expect(found[0]?.id).toBe(user.id);
      expect(calls).toBe(1);
    });

    test('an identity and a session that are asked for at once are not mixed up', async () => {
      const { user, cookie } = await signIn(provider(), 'admin');
      const auth = provider();
      const [found, session, again] = await Promise.all([
        auth.authenticateToken('', request({ cookie })),
        auth.validateSession(user.sessionToken),
        auth.getCurrentUser(new Request(REDIRECT, { headers: { cookie } })),
      ]);
      expect([found?.id, session?.userId, again]).toEqual([user.id, user.id, found]);
    });

    test('accounts that are asked for by id are told apart', async () => {
      const auth = provider();
      const [one, two] = [await signIn(auth, 'owner'), await signIn(auth, 'viewer')];
      const ask = ({ user }: typeof one) => auth.getUser(user.id, user.sessionToken);
      const found = [await ask(one), await ask(two)];
      expect(found.map(user => user?.id)).toEqual(dialect === 'v1' ? [one.user.id, two.user.id] : [undefined, undefined]);
      expect(await auth.getUsers([two.user.id, 'nobody', one.user.id])).toEqual([two.user, null, one.user]);
    });

    test('an outage is thrown as 503 and ends no session', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'auth-cloud-'));
      const db = join(folder, 'cloud.db');
      let own = await startCloud(dialect, 0, db);
      const port = Number(new URL(own.url).port);
      const trusting = provider({ baseUrl: own.url, cache: { fresh: 0.2, staleIfError: 3_600 } });
      const auth = provider({ baseUrl: own.url, cache: { fresh: 0.2, staleIfError: 0.5 } });
      const { user, cookie } = await signIn(trusting, 'owner');
      expect((await auth.authenticateToken('', request({ cookie })))?.id).toBe(user.id);
      await own.stop();
      await new Promise(resolve => setTimeout(resolve, 300));
      expect(await trusting.authenticateToken('', request({ cookie }))).toBe(user);
      let error: unknown;
      await until(async () => {
        const found = await auth.authenticateToken('', request({ cookie })).catch((thrown: unknown) => void (error = thrown));
        expect(found === undefined || found?.id === user.id).toBe(true);
        return error;
      });
      expect(error).toBeInstanceOf(CloudApiError);
      expect(error).toMatchObject({ status: 503 });
      expect(events.at(-1)).toMatchObject({ type: 'authentication_unavailable', status: 503, requestId: expect.any(String) });
      own = await startCloud(dialect, port, db);
      await expect
        .poll(() => auth.authenticateToken('', request({ cookie })).then(found => found?.id, () => undefined))
        .toBe(user.id);
      await own.stop();
      rmSync(folder, { recursive: true });
    });

    test('sessions are not created', async () => {
      const error: unknown = await provider().createSession('usr_1').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ status: 501, code: 'not_implemented' });
    });
  });
}
