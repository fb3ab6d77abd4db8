/**
 * Many logins at once, and one login over two servers. Nothing of a login is kept on a server: its cookie binds it to the browser,
 * and in the dialect with a proof key carries that key.
 */

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { PEOPLE, REDIRECT, comeBack, goAndPick, pair, pickAt, request, startCloud } from './world.js';
import type { Cloud, Person } from './world.js';

const COUNT = 1_000;

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await startCloud(dialect);
    });
    afterAll(() => cloud.stop());

    test('a thousand logins interleaved on one provider stay apart', async () => {
      const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect });
      const logins = Array.from({ length: COUNT }, (_, at) => ({ person: PEOPLE[at % 4] ?? 'viewer', state: crypto.randomUUID() }));
      const begun = await inBatches(shuffled(logins), async ({ person, state }) => ({
        person,
        back: await goAndPick(auth, state, person),
      }));
      expect(new Set(begun.map(({ back }) => back.cookies)).size).toBe(COUNT);
      expect(new Set(begun.map(({ back }) => back.code)).size).toBe(COUNT);
      // All of them are under way at once, in another order than they began.
      const done = await Promise.all(
        shuffled(begun).map(async ({ person, back }) => ({ person, result: await comeBack(auth, back) })),
      );
      expect(new Set(done.map(({ result }) => result.user.sessionToken)).size).toBe(COUNT);
      await Promise.all(
        done.map(async ({ person, result }) => {
          expect(result.user.roles).toEqual([person]);
          const cookie = pair(result.cookies?.at(-1) ?? '');
          expect(cookie).toBe(`mastra_session=${result.user.sessionToken}`);
          expect(await auth.authenticateToken('', request({ cookie }))).toBe(result.user);
        }),
      );
    }, 60_000);

    test('a login that began on one server is finished on another, and its session counts on both', async () => {
      const [one, other] = [new Server(cloud.url, dialect), new Server(cloud.url, dialect)];
      try {
        const people = [...PEOPLE, ...PEOPLE];
        await Promise.all(
          people.map(async (person, at) => {
            const [first, second] = at % 2 ? [one, other] : [other, one];
            const state = crypto.randomUUID();
            const login = await first.ask<{ url: string; cookies: string[] }>('login', REDIRECT, state);
            const back = await pickAt(login.url, login.cookies, person);
            const foreign = back.cookies.replace(/=.*/, '=1.AAAA');
            await expect(second.ask('callback', back.code, state, foreign)).rejects.toThrow(/^login_cookie|^state_/);
            const { role, cookie } = await second.ask<{ role: Person; cookie: string }>('callback', back.code, state, back.cookies);
            expect(role).toBe(person);
            expect(await Promise.all([first.ask('whoIs', cookie), second.ask('whoIs', cookie)])).toEqual([person, person]);
          }),
        );
      } finally {
        one.stop();
        other.stop();
      }
    }, 30_000);
  });
}

/** The other side of `server.mjs`. */
class Server {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  constructor(cloud: string, dialect: string) {
    this.#child = fork(fileURLToPath(new URL('server.mjs', import.meta.url)), [cloud, dialect]);
    this.#child.on('message', (answer: { id: number; value?: unknown; code?: string }) => {
      const { resolve, reject } = this.#waiting.get(answer.id) ?? Promise.withResolvers();
      if (answer.code === undefined) resolve(answer.value);
      else reject(new Error(answer.code));
    });
  }

  ask<T>(method: string, ...args: unknown[]): Promise<T> {
    const id = (this.#last += 1);
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#child.send({ id, method, args });
    return waiting.promise as Promise<T>;
  }

  stop(): void {
    this.#child.disconnect();
  }
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map(value => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

async function inBatches<T, U>(values: readonly T[], work: (value: T) => Promise<U>): Promise<U[]> {
  const done: U[] = [];
  for (let at = 0; at < values.length; at += 25) done.push(...(await Promise.all(values.slice(at, at + 25).map(work))));
  return done;
}
