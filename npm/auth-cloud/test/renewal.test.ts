/** Sessions whose tokens end sooner than they, renewed as a Mastra server does it. */

import { test as base, describe, expect } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent, CloudUser } from '../dist/esm/index.js';
import { endOf, endsAt, issue, pair, request, serve, startCloud, tokenOf } from './world.js';
import type { Cloud, Person } from './world.js';

for (const dialect of ['v1', 'pkce'] as const) {
  // All of them wait for tokens to end, and so at the same time; each has a Cloud that counts its calls alone. What it gives in
  // their place lasts as long as the session.
  const test = base.extend<{ cloud: Cloud; provider: () => MastraCloudAuth }>({
    cloud: async ({ onTestFinished }, use) => {
      const cloud = await startCloud(dialect);
      onTestFinished(() => cloud.stop());
      await use(cloud);
    },
    provider: ({ cloud }, use) => use(() => new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect })),
  });

  describe.concurrent(dialect, () => {
    test('threat_033_two_hundred_requests_of_two_people_at_the_end_renew_once_each', async ({ cloud, provider }) => {
      const auth = provider();
      const people = await Promise.all((['owner', 'viewer'] as const).map(person => known(auth, cloud, person)));
      for (const { cookie } of people) await endOf(cookie);
      const before = await counts(cloud);
      const served = await Promise.all(people.flatMap(({ cookie }) => Array.from({ length: 200 }, () => serve(auth, cookie))));
      const after = await counts(cloud);
      expect(after['renewal']! - (before['renewal'] ?? 0)).toBe(2);
      expect(after['validate']! - (before['validate'] ?? 0)).toBe(2);
      for (const [at, { user, cookie }] of people.entries()) {
        const own = served.slice(at * 200, at * 200 + 200);
        expect(own.every(({ id }) => id === user.id)).toBe(true);
        expect(new Set(own.map(({ set }) => pair(set ?? ''))).size).toBe(1);
        const set = own[0]?.set ?? '';
        expect(set).toMatch(/^mastra_session_[0-9a-f]{8}=\S+; HttpOnly; SameSite=Lax; Path=\/; Max-Age=\d+$/);
        expect(Number(set.split('Max-Age=')[1])).toBeGreaterThan(80_000);
        expect(pair(set)).not.toBe(cookie);
        // With the new cookie nothing more is asked, and late requests with the old one are given it too.
        expect(await serve(auth, pair(set))).toEqual({ id: user.id, set: undefined });
        expect((await serve(auth, cookie)).id).toBe(user.id);
      }
      expect(people[0]!.user.id).not.toBe(people[1]!.user.id);
      expect((await counts(cloud))['renewal']).toBe(after['renewal']);
    });

    test('the renewed session keeps its token out of sight', async ({ cloud, provider }) => {
      const auth = provider();
      const { cookie } = await known(auth, cloud, 'admin');
      await endOf(cookie);
      const session = await auth.refreshSession(tokenOf(cookie));
      expect(session?.id).not.toBe(tokenOf(cookie));
      expect(Object.keys(session ?? {})).toEqual(['userId', 'expiresAt', 'createdAt']);
      expect(session!.expiresAt.getTime()).toBeGreaterThan(Date.now() + 80_000_000);
      const held = pair(auth.getSessionHeaders(session!)['Set-Cookie'] ?? '');
      expect(held.split('=')).toEqual([expect.stringMatching(/^mastra_session_[0-9a-f]{8}$/), session!.id]);
    });

    test('threat_065_permissions_end_with_the_token_for_whoever_holds_the_user', async ({ cloud, provider }) => {
      const roleMapping = { owner: ['*'] };
      const mapped = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect, roleMapping });
      const end = async (auth: MastraCloudAuth) => {
        const mayDo = async (user: CloudUser) => (await auth.getPermissions(user)).length > 0;
        const { user, cookie } = await known(auth, cloud, 'owner', mayDo);
        await endOf(cookie);
        expect(await auth.getPermissions(user)).toEqual([]);
        expect(await auth.hasPermission(user, 'agents:read')).toBe(false);
        // The session goes on, with a newer token.
        const newer = await auth.authenticateToken('', request({ cookie: pair((await serve(auth, cookie)).set ?? '') }));
        expect((await auth.getPermissions(newer!)).length).toBeGreaterThan(0);
      };
      await Promise.all([provider(), mapped].map(end));
    });

    test('threat_035_a_newer_token_outlives_the_outage_in_which_it_came', async ({ cloud }) => {
      let isAway = true;
      const asked: string[] = [];
      const events: CloudAuthEvent[] = [];
      const refreshes = () => events.splice(0).filter(({ type }) => type.startsWith('session_'));
      const auth = new MastraCloudAuth({
        projectId: 'demo',
        baseUrl: cloud.url,
        dialect,
        onEvent: event => events.push(event),
        fetch: (url, init) => {
          const path = new URL(url).pathname.split('/').at(-1) ?? '';
          asked.push(path);
          return isAway && path === 'verify' ? Promise.resolve(new Response('{}', { status: 500 })) : fetch(url, init);
        },
      });
      const old = tokenOf(await issue(cloud, 'member', { age: 21, lifetime: 20 }));
      await expect(auth.refreshSession(old)).rejects.toMatchObject({ kind: 'cloud', status: 500 });
      await expect(auth.refreshSession(old)).rejects.toMatchObject({ kind: 'cloud', status: 500 });
      expect(refreshes()).toMatchObject([1, 2].map(() => ({ type: 'session_refresh_failed', status: 500 })));
      isAway = false;
      const [first, second] = await Promise.all([auth.refreshSession(old), auth.refreshSession(old)]);
      const newer = first?.id ?? '';
      expect([newer === '', newer === old, newer === second?.id]).toEqual([false, false, true]);
      expect(refreshes()).toEqual([
        { type: 'session_refreshed', userId: 'usr_mei', sessionId: expect.any(String) },
      ]);
      // The Cloud was asked for one newer token.
      expect(asked).toEqual(['validate', 'verify', 'verify', 'verify']);
      expect((await auth.authenticateToken(newer, request({})))?.roles).toEqual(['member']);
      expect((await auth.refreshSession(newer))?.id).toBe(newer);
      expect(await auth.refreshSession('nobodys')).toBeNull();
      expect(refreshes().map(({ type }) => type)).toEqual(['session_token_unchanged', 'session_refresh_rejected']);
    });

    test('threat_060_a_session_that_cannot_be_renewed_ends_with_one_call_and_not_in_a_loop', async ({ cloud, provider }) => {
      const auth = provider();
      const { user, cookie } = await known(auth, cloud, 'member');
      await fetch(`${cloud.url}/admin/api/users/${user.id}/sessions`, { method: 'DELETE', headers: { origin: cloud.url } });
      await endOf(cookie);
      const before = await counts(cloud);
      for (let round = 0; round < 10; round += 1) expect(await serve(auth, cookie)).toEqual({ id: undefined, set: undefined });
      expect((await counts(cloud))['any']! - before['any']!).toBe(1);
    });

    test('threat_031_a_sign_out_with_either_token_ends_both', async ({ cloud, provider }) => {
      const signOut = async (which: 'old' | 'new') => {
        const auth = provider();
        const { cookie } = await known(auth, cloud, 'owner');
        await endOf(cookie);
        const { set } = await serve(auth, cookie);
        const newer = pair(set ?? '');
        await auth.destroySession(tokenOf(which === 'old' ? cookie : newer));
        for (const held of [cookie, newer]) expect((await serve(auth, held)).id).toBeUndefined();
      };
      await Promise.all([signOut('old'), signOut('new')]);
    });

    test('threat_035_tokens_of_some_seconds_sign_nobody_out', async ({ onTestFinished }) => {
      // A machine on which one request takes longer than a token lasts is tried with longer ones.
      const outcomes: (string | undefined)[] = [];
      for (const lifetime of [3, 10, 30]) {
        const cloud = await startCloud(dialect, 0, undefined, ['--token-lifetime', `${lifetime}`]);
        onTestFinished(() => cloud.stop());
        const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect });
        let { cookie, user } = await known(auth, cloud, 'viewer');
        let id: string | undefined = user.id;
        for (let renewed = 0; renewed < 3 && id === user.id; ) {
          // A renewal that takes longer than the token lasts is unavailable.
          const served = await serve(auth, cookie).catch(cause => {
            if (lifetime === 30) throw cause;
            return { id: undefined, set: undefined };
          });
          id = served.id;
          if (served.set !== undefined) {
            cookie = pair(served.set);
            renewed += 1;
          }
          await new Promise(resolve => setTimeout(resolve, 100));
        }
        outcomes.push(id);
        if (id === user.id) break;
      }
      expect(outcomes.at(-1)).toBe('usr_victor');
    });
  });
}

/**
 * A session that this instance knows, with a token that ends soon: in two seconds, or later on a machine that is too slow to
 * make use of it before.
 */
async function known(auth: MastraCloudAuth, cloud: Cloud, person: Person, use: (user: CloudUser) => Promise<boolean> = async () => true) {
  for (const lifetime of [2, 4, 8, 16, 32]) {
    const cookie = await issue(cloud, person, { lifetime });
    const user = await auth.authenticateToken('', request({ cookie }));
    if (user !== null && (await use(user)) && Date.now() < endsAt(cookie)) return { user, cookie };
  }
  throw new Error('not known while a token of 32 s was good');
}

async function counts(cloud: Cloud): Promise<Record<string, number>> {
  const answer = await fetch(`${cloud.url}/admin/api/requests`);
  return ((await answer.json()) as { counts: Record<string, number> }).counts;
}
