/** Sessions that are renewed before their tokens end, with hosts that set headers on requests that succeed. */

import { beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud } from '../dist/esm/testing.js';
import { BINARY, issue, pair, request, serve, startCloud, tokenOf, userOf } from './world.js';
import type { Cloud, Person } from './world.js';

const MODES: NonNullable<MastraCloudAuthOptions['verification']>[] = ['cloud', 'keys', 'keys+session'];

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await startCloud(dialect);
      return () => cloud.stop();
    });

    /** In the last minute of its token's life. */
    const near = (person: Person) => issue(cloud, person, { age: 1_742, lifetime: 1_801 });
    /** Its token ended a second ago; the Cloud renews it for the rest of a minute. */
    const ended = (person: Person) => issue(cloud, person, { age: 60, lifetime: 59 });

    /** A provider, what it asked the Cloud for, and its events. */
    function provider(options: MastraCloudAuthOptions = {}) {
      const asked: string[] = [];
      const events: CloudAuthEvent[] = [];
      const auth = new MastraCloudAuth({
        projectId: 'demo',
        baseUrl: cloud.url,
        dialect,
        onEvent: event => events.push(event),
        fetch: (url, init) => {
          const name = new URL(url).pathname.split('/').at(-1) ?? '';
          if (!name.endsWith('.json')) asked.push(name);
          return fetch(url, init);
        },
        ...options,
      });
      return { auth, asked, refreshed: () => events.filter(({ type }) => type === 'session_refreshed') };
    }

    /** One request with a host that asks for headers. */
    async function ask(auth: MastraCloudAuth, headers: Record<string, string>) {
      const given = request(headers);
      const user = await auth.authenticateToken('', given);
      return { id: user?.id, set: auth.consumePendingResponseHeaders(given.raw)?.['Set-Cookie'], given };
    }

    describe.each(MODES)('by %s', verification => {
      test('threat_034_a_renewed_cookie_goes_out_with_the_request_that_renewed_it_once', async () => {
        const { auth, asked, refreshed } = provider({ verification });
        const cookie = await near('viewer');
        // So far the host may be one that sets no header.
        expect(await ask(auth, { cookie })).toMatchObject({ id: 'usr_victor', set: undefined });
        asked.length = 0;
        const { id, set, given } = await ask(auth, { cookie });
        expect([id, pair(set ?? '') === cookie]).toEqual(['usr_victor', false]);
        expect(set).toMatch(/^mastra_session_[0-9a-f]{8}=\S+; HttpOnly; SameSite=Lax; Path=\/; Max-Age=\d+$/);
        expect(asked).toEqual(['validate', 'verify']);
        expect(refreshed()).toEqual([{ type: 'session_refreshed', userId: 'usr_victor', sessionId: expect.any(String) }]);
        // Once, by whichever name the host has for it, and after another look at the same request.
        expect([given.raw, given].map(of => auth.consumePendingResponseHeaders(of))).toEqual([undefined, undefined]);
        await auth.authenticateToken('', given);
        expect(auth.consumePendingResponseHeaders(given.raw)).toBeUndefined();
        expect(auth.consumePendingResponseHeaders(request({ cookie }).raw)).toBeUndefined();
        // The newer one is complete, and a browser that lost it is given it again. Neither costs a call.
        expect(await ask(auth, { cookie: pair(set ?? '') })).toMatchObject({ id: 'usr_victor', set: undefined });
        const again = await ask(auth, { cookie });
        expect([again.id, pair(again.set ?? '')]).toEqual(['usr_victor', pair(set ?? '')]);
        expect(asked).toEqual(['validate', 'verify']);
        expect(refreshed()).toHaveLength(1);
      });
    });

    test('threat_033_two_hundred_requests_at_once_renew_once', async () => {
      const { auth, asked, refreshed } = provider();
      const cookie = await near('admin');
      await ask(auth, { cookie });
      asked.length = 0;
      const served = await Promise.all(Array.from({ length: 200 }, () => ask(auth, { cookie })));
      expect(new Set(served.map(({ id }) => id))).toEqual(new Set(['usr_anders']));
      // Who did not renew it goes on with the token that is good, and gets the cookie next time.
      const set = served.flatMap(one => one.set ?? []);
      expect([set.length > 0, new Set(set.map(pair)).size]).toEqual([true, 1]);
      expect(asked).toEqual(['validate', 'verify']);
      expect(refreshed()).toHaveLength(1);
      expect(pair((await ask(auth, { cookie })).set ?? '')).toBe(pair(set[0] ?? ''));
    });

    test('a session past the end of its token is renewed on the way too', async () => {
      const { auth, asked } = provider();
      auth.consumePendingResponseHeaders(request({}).raw);
      const { id, set } = await ask(auth, { cookie: await ended('owner') });
      expect([id, set === undefined]).toEqual(['usr_olivia', false]);
      expect(asked).toEqual(['validate', 'verify']);
    });

    test('getCurrentUser renews as well, and the request itself names what is due', async () => {
      const { auth } = provider();
      const cookie = await near('owner');
      for (const isFirst of [true, false]) {
        const { raw } = request({ cookie });
        expect((await auth.getCurrentUser(raw))?.id).toBe('usr_olivia');
        expect(auth.consumePendingResponseHeaders(raw) === undefined).toBe(isFirst);
      }
    });

    test('with a host that never asks for headers nothing is renewed before its end, and the Cloud hears no more than before', async () => {
      const { auth, asked, refreshed } = provider();
      const cookie = await near('member');
      for (let round = 0; round < 100; round += 1) expect(await serve(auth, cookie)).toEqual({ id: 'usr_mei', set: undefined });
      expect([asked, refreshed()]).toEqual([['verify'], []]);
      const late = await ended('member');
      const { id, set } = await serve(auth, late);
      expect([id, set === undefined]).toEqual(['usr_mei', false]);
      expect(asked.splice(0)).toEqual(['verify', 'verify', 'validate', 'verify']);
      // Where the answer was lost: once more, without a call.
      const again = await serve(auth, late);
      expect([again.id, pair(again.set ?? ''), asked]).toEqual(['usr_mei', pair(set ?? ''), []]);
    });

    test('a host that loses headers, or stops asking, still gives the browser the newest cookie by refreshSession', async () => {
      const { auth, asked } = provider();
      auth.consumePendingResponseHeaders(request({}).raw);
      const cookie = await near('member');
      for (let round = 0; round < 50; round += 1) expect((await auth.authenticateToken('', request({ cookie })))?.id).toBe('usr_mei');
      expect(asked).toEqual(['validate', 'verify']);
      const session = await auth.refreshSession(tokenOf(cookie));
      const newest = pair(auth.getSessionHeaders(session!)['Set-Cookie'] ?? '');
      expect([tokenOf(newest) === tokenOf(cookie), asked.length]).toEqual([false, 2]);
      expect(await ask(auth, { cookie: newest })).toMatchObject({ id: 'usr_mei', set: undefined });
    });

    test('a bearer is never renewed, and a stranger gets no cookie', async () => {
      const { auth, asked } = provider();
      auth.consumePendingResponseHeaders(request({}).raw);
      const token = tokenOf(await near('owner'));
      for (const headers of [{}, { cookie: 'mastra_session=nonsense' }]) {
        const given = request(headers);
        expect((await auth.authenticateToken(token, given))?.id).toBe('usr_olivia');
        expect(auth.consumePendingResponseHeaders(given.raw)).toBeUndefined();
      }
      expect(asked).toEqual(['verify']);
      expect(await ask(auth, { cookie: 'mastra_session=nonsense' })).toMatchObject({ id: undefined, set: undefined });
      // A JavaScript host may pass anything.
      for (const nothing of [undefined, null, 'x', {}]) expect(auth.consumePendingResponseHeaders(nothing as never)).toBeUndefined();
    });

    test('threat_031_a_sign_out_with_the_old_token_ends_the_renewed_one', async () => {
      const { auth } = provider();
      auth.consumePendingResponseHeaders(request({}).raw);
      const cookie = await near('admin');
      const { set } = await ask(auth, { cookie });
      await auth.destroySession(tokenOf(cookie));
      for (const held of [cookie, pair(set ?? '')]) expect(await ask(auth, { cookie: held })).toMatchObject({ id: undefined, set: undefined });
    });

    test('each address gets a cookie of its own name, however they alternate', async () => {
      const { auth } = provider();
      auth.consumePendingResponseHeaders(request({}).raw);
      const token = tokenOf(await near('owner'));
      const ways = { 'app.example.com': /^__Host-mastra_session=\S+; .*; Secure/, 'localhost:4111': /^mastra_session_[0-9a-f]{8}=/ };
      for (const [host, expected] of Object.entries({ ...ways, ...ways })) {
        const own = host === 'app.example.com';
        const cookie = `${own ? '__Host-' : ''}mastra_session=${token}`;
        const { id, set } = await ask(auth, { cookie, host, 'x-forwarded-proto': own ? 'https' : 'http' });
        expect([id, set]).toEqual(['usr_olivia', expect.stringMatching(expected)]);
      }
    });

    test('the check of a proxy renews before the end too, and no other request does for that', async () => {
      const { auth, asked } = provider();
      const cookie = await near('viewer');
      expect(await serve(auth, cookie)).toEqual({ id: 'usr_victor', set: undefined });
      const answer = await auth.checkRequest(new Request('http://localhost:4111/auth/check', { headers: { cookie } }));
      const [line = ''] = answer.headers.getSetCookie();
      expect([answer.status, pair(line) === cookie, answer.headers.getSetCookie().length]).toEqual([200, false, 1]);
      expect(asked.splice(0)).toEqual(['verify', 'validate', 'verify']);
      expect((await serve(auth, await near('viewer'))).set).toBeUndefined();
      expect(asked).toEqual(['verify']);
    });
  });
}

describe('platform, which replaces a sealed session at any answer', () => {
  let cloud: LocalCloud;
  beforeAll(async () => {
    cloud = await startLocalCloud({ binary: BINARY, dialect: 'platform', platform: { rotateAfter: 0 } });
    return () => cloud.close();
  });
  const provider = () => new MastraCloudAuth({ baseUrl: cloud.url, dialect: 'platform' });
  const calls = async () => {
    const { me = 0, refresh = 0 } = (await cloud.requests()).counts;
    return me + refresh;
  };

  test('a host that asks for headers gets the newer one with the request that it came with', async () => {
    const auth = provider();
    auth.consumePendingResponseHeaders(request({}).raw);
    const { cookie, userId } = await cloud.signIn('viewer');
    const ask = async (cookie: string) => {
      const given = request({ cookie });
      return { id: (await auth.authenticateToken('', given))?.id, set: auth.consumePendingResponseHeaders(given.raw)?.['Set-Cookie'] };
    };
    const before = await calls();
    const { id, set = '' } = await ask(cookie);
    expect([id, set]).toEqual([userId, expect.stringMatching(/^wos-session_[0-9a-f]{8}=Fe26\S+; HttpOnly; SameSite=Lax; Path=\/; Max-Age=1209600$/)]);
    expect([tokenOf(pair(set)) === tokenOf(cookie), (await calls()) - before]).toEqual([false, 1]);
    expect(await ask(pair(set))).toEqual({ id: userId, set: undefined });
    for (let round = 0; round < 20; round += 1) expect(pair((await ask(cookie)).set ?? '')).toBe(pair(set));
    expect((await calls()) - before).toBe(1);
  });

  test('a host that leaves a hundred in a row counts as one that takes none, until it takes them again', async () => {
    const auth = provider();
    const { cookie, userId } = await cloud.signIn('member');
    const ask = async () => {
      const given = request({ cookie });
      const user = await auth.authenticateToken('', given);
      return { id: user?.id, take: () => auth.consumePendingResponseHeaders(given.raw)?.['Set-Cookie'] };
    };
    const lose = async (count: number) => {
      for (let at = 0; at < count; at += 1) expect((await ask()).id, `${at} lost`).toBe(userId);
    };
    // One route of the app calls it, and no other.
    auth.consumePendingResponseHeaders(request({}).raw);
    await lose(98);
    // One that is taken says that the host takes them.
    expect((await ask()).take()).toMatch(/^wos-session/);
    await lose(100);
    const { user, set } = await userOf(auth, { cookie });
    expect([(await ask()).id, user?.id, set !== undefined]).toEqual([undefined, userId, true]);
    for (let call = 0; call < 7; call += 1) auth.consumePendingResponseHeaders(request({}).raw);
    expect((await ask()).id).toBeUndefined();
    auth.consumePendingResponseHeaders(request({}).raw);
    // Requests that are under way at once lose none.
    for (let round = 0; round < 20; round += 1) {
      const all = await Promise.all(Array.from({ length: 50 }, ask));
      expect(new Set(all.map(({ id, take }) => `${id} ${pair(take() ?? '')}`))).toEqual(new Set([`${userId} ${pair(set ?? '')}`]));
    }
  });

  test('with any other host the newer one goes out by refreshSession, and no user is lost on the way', async () => {
    const auth = provider();
    const { cookie, userId } = await cloud.signIn('owner');
    const before = await calls();
    const { id, set = '' } = await serve(auth, cookie);
    expect([id, tokenOf(pair(set)) === tokenOf(cookie), (await calls()) - before]).toEqual([userId, false, 1]);
    expect(await serve(auth, pair(set))).toEqual({ id: userId, set: undefined });
    const again = await serve(auth, cookie);
    expect([again.id, pair(again.set ?? '')]).toEqual([userId, pair(set)]);
    // A page that only shows the user never repeats its request.
    for (const held of [cookie, pair(set)]) expect((await auth.getCurrentUser(request({ cookie: held }).raw))?.id).toBe(userId);
    expect((await calls()) - before).toBe(1);
  });
});
