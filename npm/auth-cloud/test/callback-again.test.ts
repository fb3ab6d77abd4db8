/** A callback that comes again: a user who is signed in goes on, and no code is exchanged. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudApiError, CloudAuthEvent, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import { BINARY, comeBack, goAndPick, issue, pair, pick, request, REDIRECT, startCloud, tokenOf, until } from './world.js';
import type { Cloud } from './world.js';

const code = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: CloudApiError) => error.code,
  );

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    const events: CloudAuthEvent[] = [];
    const exchanges = () => events.filter(({ type, operation }) => type.startsWith('cloud_call') && operation === 'exchange_code').length;
    const provider = (options: MastraCloudAuthOptions = {}) =>
      new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect, onEvent: event => events.push(event), ...options });
    beforeAll(async () => {
      cloud = await startCloud(dialect);
    });
    afterAll(() => cloud.stop());

    test('of who is signed in is answered with that session, whatever is wrong with it', async () => {
      const [auth, other] = [provider(), provider()];
      const state = crypto.randomUUID();
      const mine = await goAndPick(auth, state, 'member');
      const first = await comeBack(auth, mine);
      const session = pair(first.cookies?.at(-1) ?? '');
      const foreign = await goAndPick(auth, crypto.randomUUID(), 'owner');
      // Back to the Cloud's page, and another person picked there.
      const pressed = await pick(auth.getLoginUrl(REDIRECT, state), 'owner');
      const before = exchanges();
      const failed = auth.statistics().logins;
      for (const [at, back] of [
        [auth, { ...mine, cookies: session }],
        [auth, { ...pressed, cookies: session }],
        [auth, { ...foreign, cookies: `${mine.cookies}; ${session}` }],
        [auth, { ...mine, state: '', cookies: session }],
        [other, { ...mine, cookies: session }],
      ] as const) {
        const again = await comeBack(at, back);
        expect(again.user.id).toBe(first.user.id);
        expect(again.user.sessionToken).toBe(first.user.sessionToken);
        expect(again.tokens.accessToken).toBe(first.user.sessionToken);
        expect(JSON.stringify(again)).not.toContain(`${first.user.sessionToken}"`);
        expect(again.cookies?.map(pair)).toEqual([session]);
        expect(events.at(-1)).toMatchObject({ type: 'already_signed_in', userId: first.user.id });
      }
      expect(exchanges()).toBe(before);
      expect(auth.statistics().logins).toEqual(failed);
      // What was not used may still be.
      const fresh = await comeBack(auth, { ...foreign, cookies: `${foreign.cookies}; ${session}` });
      expect([fresh.user.roles, exchanges()]).toEqual([['owner'], before + 1]);
    });

    test('of who is not signed in fails as before', async () => {
      const auth = provider();
      const mine = await goAndPick(auth, crypto.randomUUID(), 'member');
      const { cookies, user } = await comeBack(auth, mine);
      const session = pair(cookies?.at(-1) ?? '');
      await auth.destroySession(user.sessionToken);
      for (const cookies of ['', session, 'mastra_session=made-up']) {
        const failed = () => auth.statistics().logins.find(({ outcome }) => outcome === 'failed')?.count ?? 0;
        const before = failed();
        expect(await code(comeBack(auth, { ...mine, cookies }))).toBe('callback_replayed');
        expect(events.at(-1)).toMatchObject({ type: 'sign_in_failed', code: 'callback_replayed' });
        expect(failed()).toBe(before + 1);
      }
    });

    test('of the same browser joins the exchange under way, and ends alike for a moment after', async () => {
      let release = () => {};
      const held = new Promise<void>(resolve => (release = resolve));
      const own: CloudAuthEvent[] = [];
      const auth = provider({
        onEvent: event => own.push(event),
        fetch: async (...given) => {
          const answer = await fetch(...given);
          await held;
          return answer;
        },
      });
      const mine = await goAndPick(auth, crypto.randomUUID(), 'owner');
      const { cookies } = mine;
      const first = comeBack(auth, { ...mine, cookies });
      // The first code counts.
      const second = comeBack(auth, { ...mine, code: 'another', cookies });
      const yours = await goAndPick(auth, crypto.randomUUID(), 'viewer');
      for (const foreign of ['', yours.cookies]) {
        expect(await code(comeBack(auth, { ...mine, cookies: foreign }))).toBe('callback_replayed');
      }
      release();
      const [one, two] = await Promise.all([first, second]);
      const three = await comeBack(auth, { ...mine, cookies });
      for (const again of [two, three]) {
        expect(again.user.sessionToken).toBe(one.user.sessionToken);
        expect(again.tokens).toEqual(one.tokens);
        expect(again.cookies).toEqual(one.cookies);
      }
      const count = (isSo: (event: CloudAuthEvent) => boolean) => own.filter(isSo).length;
      expect(count(({ operation }) => operation === 'exchange_code')).toBe(1);
      expect(count(({ type }) => type === 'signed_in')).toBe(1);
      expect(auth.statistics().logins.find(({ outcome }) => outcome === 'succeeded')?.count).toBe(1);
      // Not of a session that ended meanwhile.
      await auth.destroySession(one.user.sessionToken);
      expect(await code(comeBack(auth, { ...mine, cookies: mine.cookies }))).toBe('callback_replayed');
    });

    test('ends the session that the browser had before once, however often it comes', async () => {
      const own: CloudAuthEvent[] = [];
      const auth = provider({ onEvent: event => own.push(event) });
      const old = await comeBack(auth, await goAndPick(auth, crypto.randomUUID(), 'viewer'));
      const session = pair(old.cookies?.at(-1) ?? '');
      const mine = await goAndPick(auth, crypto.randomUUID(), 'owner');
      const back = { ...mine, cookies: `${mine.cookies}; ${session}` };
      const [one, two] = await Promise.all([comeBack(auth, back), comeBack(auth, back)]);
      const three = await comeBack(auth, back);
      for (const again of [two, three]) expect(again.user).toBe(one.user);
      // No request waits until the Cloud confirms it.
      await until(() => own.some(({ type }) => type === 'signed_out'));
      expect(own.filter(({ operation }) => operation === 'destroy_session')).toHaveLength(1);
      expect(own.filter(({ type }) => type === 'signed_out')).toHaveLength(1);
      expect(await auth.authenticateToken('', request({ cookie: session }))).toBeNull();
      expect(await provider().authenticateToken('', request({ cookie: session }))).toBeNull();
      expect((await auth.authenticateToken('', request({ cookie: pair(one.cookies?.at(-1) ?? '') })))?.id).toBe(one.user.id);
    });

    test('with too many cookies of the session is told, and spends nothing', async () => {
      const auth = provider();
      const mine = await goAndPick(auth, crypto.randomUUID(), 'member');
      const name = auth.getClearSessionHeaders()['Set-Cookie']?.split('=')[0] ?? '';
      const before = exchanges();
      for (const count of [5, 6]) {
        const cookies = [mine.cookies, ...Array.from({ length: count }, (_, at) => `${name}=made-up-${at}`)].join('; ');
        await expect(comeBack(auth, { ...mine, cookies })).rejects.toMatchObject({ code: 'too_many_cookies', status: 400 });
        expect(events.at(-1)).toMatchObject({ type: 'sign_in_failed', code: 'too_many_cookies' });
      }
      expect(exchanges()).toBe(before);
      // As many cookies as are tried do not block the user.
      const four = [mine.cookies, ...Array.from({ length: 4 }, (_, at) => `${name}=made-up-${at}`)].join('; ');
      expect((await comeBack(auth, { ...mine, cookies: four })).user.roles).toEqual(['member']);
      expect(exchanges()).toBe(before + 1);
    });

    test('of a failed exchange fails alike, and the code is not sent again', async () => {
      let calls = 0;
      const auth = provider({
        fetch: () => {
          calls += 1;
          return Promise.resolve(new Response('{}', { status: 500 }));
        },
      });
      const mine = await goAndPick(auth, crypto.randomUUID(), 'owner');
      const both = await Promise.all([code(comeBack(auth, mine)), code(comeBack(auth, mine))]);
      const failed = auth.statistics().logins.find(({ outcome }) => outcome === 'failed')?.count;
      expect([...both, await code(comeBack(auth, mine)), calls, failed]).toEqual([both[0], both[0], both[0], 1, 1]);
      expect(both[0]).not.toBe('callback_replayed');
    });

    test('is renewed on the way where its token has ended', async () => {
      const auth = provider();
      const ended = await issue(cloud, 'member', { age: 21, lifetime: 20 });
      expect(await auth.authenticateToken('', request({ cookie: ended }))).toBeNull();
      const foreign = await goAndPick(auth, crypto.randomUUID(), 'owner');
      const again = await comeBack(auth, { ...foreign, cookies: ended });
      const renewed = pair(again.cookies?.at(-1) ?? '');
      expect(renewed).not.toBe(ended);
      expect(again.user.roles).toEqual(['member']);
      expect((await auth.authenticateToken('', request({ cookie: renewed })))?.id).toBe(again.user.id);
    });
  });
}

test('a sealed session that is refused and can be refreshed is kept at a callback that cannot be used', async () => {
  await using cloud = await startLocalCloud({ binary: BINARY, dialect: 'platform' });
  let refused = '';
  const events: CloudAuthEvent[] = [];
  const auth = new MastraCloudAuth({
    baseUrl: cloud.url,
    dialect: 'platform',
    onEvent: event => events.push(event),
    fetch: (url, init) => {
      const isOld = refused !== '' && new Headers(init?.headers).get('cookie')?.includes(refused) === true;
      return isOld && String(url).endsWith('/auth/me') ? Promise.resolve(Response.json({ title: 'Unauthorized', status: 401 }, { status: 401 })) : fetch(url, init);
    },
  });
  const { cookie, userId } = await cloud.signIn('viewer');
  refused = tokenOf(cookie);
  const result = await comeBack(auth, { code: 'c', state: 'of-nobody', cookies: cookie });
  expect([result.user.id, result.cookies?.length]).toEqual([userId, 1]);
  expect(tokenOf(pair(result.cookies?.[0] ?? ''))).not.toBe(refused);
  expect(events.map(({ type }) => type)).toContain('already_signed_in');
});
