/**
 * Logins stay apart: a thousand under way in one provider, and some between two servers that share nothing.
 *
 * No secret is shared and none is needed. The login cookie carries the verifier and the address of the callback, sealed under the
 * verifier together with the state, so every server can finish a sign-in that another began. A callback that one server has used up
 * is not known to the other; there the Cloud rejects the code.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { generator, shuffled } from '../scripts/random.mjs';
import { startLocalCloud } from '../dist/esm/testing.js';
import { BINARY, PEOPLE, REDIRECT, comeBack, goAndPick, pair, pick, request, startCloud, startServer } from './world.js';
import type { Back, Cloud, Person } from './world.js';

const COUNT = 1_000;
/** How many browsers are at the Cloud's login page at a time: a code lasts a minute, however slow the machine is. */
const AT_ONCE = 25;

const personAt = (at: number): Person => PEOPLE[at % PEOPLE.length] ?? 'viewer';

/** Does it for each of these in their order, several at once. */
async function inLanes(lanes: number, order: number[], work: (at: number) => Promise<unknown>): Promise<void> {
  const left = order.values();
  const lane = async () => {
    for (const at of left) await work(at);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** The verifier within a login cookie. */
const verifierOf = (cookies: string) => cookies.split('=')[1]?.split('.')[5];

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await startCloud(dialect);
    });
    afterAll(() => cloud.stop());

    test('a thousand logins under way in one provider stay apart', async () => {
      const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect, cache: { fresh: 300 } });
      const begun = Array.from({ length: COUNT }, () => {
        const state = crypto.randomUUID();
        return { cookies: auth.getLoginCookies(REDIRECT, state).map(pair).join('; '), login: auth.getLoginUrl(REDIRECT, state) };
      });
      expect(new Set(begun.map(({ cookies }) => cookies)).size).toBe(COUNT);
      const verifiers = new Set(begun.map(({ cookies }) => verifierOf(cookies)));
      expect(verifiers.size).toBe(COUNT);
      expect(verifiers).not.toContain(undefined);

      // All of them are under way, and they come back in another order.
      const done = new Map<number, Awaited<ReturnType<typeof comeBack>>>();
      await inLanes(AT_ONCE, shuffled(COUNT, generator(COUNT)), async at => {
        const { cookies, login } = begun[at] ?? expect.fail(`no login ${at}`);
        done.set(at, await comeBack(auth, { ...(await pick(login, personAt(at))), cookies }));
      });
      expect(done.size).toBe(COUNT);
      const ids = new Map<Person, string>();
      for (const [at, { user }] of done) {
        expect(user.roles, `login ${at}`).toEqual([personAt(at)]);
        if (!ids.has(personAt(at))) ids.set(personAt(at), user.id);
        expect(user.id, `login ${at}`).toBe(ids.get(personAt(at)));
      }
      expect(new Set(ids.values()).size).toBe(PEOPLE.length);
      expect(new Set(Array.from(done.values(), ({ user }) => user.sessionToken)).size).toBe(COUNT);

      const cookies = new Set<string>();
      await Promise.all(
        Array.from(done, async ([at, { user, cookies: lines }]) => {
          const cookie = pair(lines?.at(-1) ?? '');
          cookies.add(cookie);
          expect(await auth.authenticateToken('', request({ cookie })), `session ${at}`).toBe(user);
        }),
      );
      expect(cookies.size).toBe(COUNT);
    });

    test('a login begun on one server is finished on another, and its session holds on both', async () => {
      const servers = await Promise.all([startServer(cloud, dialect), startServer(cloud, dialect)]);
      const at = (server: number, path: string, cookie = '') =>
        fetch(`${servers[server]?.url}${path}`, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
      const begin = async (server: number, person: Person) => {
        const login = await at(server, `/login?state=${crypto.randomUUID()}`);
        const cookies = login.headers.getSetCookie().map(pair).join('; ');
        return { ...(await pick(login.headers.get('location') ?? '', person)), cookies };
      };
      const finish = async (server: number, { code, state, cookies }: Back) => {
        const answer = await at(server, `/callback?${new URLSearchParams({ code, state })}`, cookies);
        const cookie = pair(answer.headers.getSetCookie().at(-1) ?? '');
        return { status: answer.status, body: (await answer.json()) as unknown, cookie };
      };
      try {
        // Each person begins three times on each server.
        const begun = Array.from({ length: 24 }, (_, index) => ({ person: personAt(index), server: (index >> 2) % 2 }));
        const backs = await Promise.all(begun.map(({ server, person }) => begin(server, person)));
        const sessions = await Promise.all(backs.map((back, index) => finish(1 - (begun[index]?.server ?? 0), back)));
        sessions.forEach(({ status, body }, index) => {
          expect([status, body], `login ${index}`).toMatchObject([200, { roles: [begun[index]?.person] }]);
        });
        expect(new Set(sessions.map(({ cookie }) => cookie)).size).toBe(backs.length);
        for (const server of [0, 1]) {
          const known = await Promise.all(sessions.map(async ({ cookie }) => (await at(server, '/me', cookie)).json()));
          expect(known).toEqual(sessions.map(({ body }) => body));
          expect((await at(server, '/me')).status).toBe(401);
        }

        // The other server does look at what the browser brings.
        const [mine, yours] = [await begin(0, 'owner'), await begin(0, 'viewer')];
        expect(await finish(1, { ...mine, cookies: yours.cookies })).toMatchObject({ status: 400, body: { code: 'state_mismatch' } });
        expect((await finish(1, mine)).status).toBe(200);
        expect(await finish(0, mine)).toMatchObject({ status: 400, body: { code: 'code_reused' } });
      } finally {
        await Promise.all(servers.map(server => server.stop()));
      }
    });
  });
}

test('platform: without a route each of two tabs gets a person of its own, though no answer clears a cookie', async () => {
  await using cloud = await startLocalCloud({ binary: BINARY, dialect: 'platform' });
  const auth = new MastraCloudAuth({ baseUrl: cloud.url, dialect: 'platform' });
  const tabs = [await goAndPick(auth, crypto.randomUUID(), 'owner'), await goAndPick(auth, crypto.randomUUID(), 'viewer')];
  const cookies = tabs.map(tab => tab.cookies).join('; ');
  const ids = async (order: number[]) => {
    const found = [];
    // Twice, and at once: each callback is the same one as before.
    for (const at of order) found.push(...(await Promise.all([1, 2].map(() => comeBack(auth, { ...tabs[at]!, cookies })))).map(({ user }) => user.id));
    return found;
  };
  expect(await ids([1, 0])).toEqual(['usr_victor', 'usr_victor', 'usr_olivia', 'usr_olivia']);
  expect(await ids([0, 1])).toEqual(['usr_olivia', 'usr_olivia', 'usr_victor', 'usr_victor']);
  const third = await goAndPick(auth, crypto.randomUUID(), 'admin');
  await expect(comeBack(auth, { ...third, cookies })).rejects.toMatchObject({ code: 'callback_replayed' });
});
