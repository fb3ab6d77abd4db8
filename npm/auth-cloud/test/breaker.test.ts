/** A failing account or endpoint costs itself alone: every other account and endpoint is served. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudApiError } from '../dist/esm/index.js';
import { goAndPick, comeBack, issue, request, startCloud, tokenOf } from './world.js';
import type { Cloud } from './world.js';

/** How many calls of one kind may fail in a row. */
const MOST = 5;
/** After how many milliseconds one is tried again. */
const PAUSE = 5_000;

/** What came of it: the code of what was thrown, `none` where nothing was. */
const code = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: CloudApiError) => String(error.code),
  );

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await startCloud(dialect);
    });
    afterAll(() => cloud.stop());

    /** A provider whose Cloud answers some calls with a status, and the paths of those. */
    function provider(status: number, isBroken: (path: string, token: string) => boolean) {
      const failed: string[] = [];
      const auth = new MastraCloudAuth({
        projectId: 'demo',
        baseUrl: cloud.url,
        dialect,
        cache: { fresh: 3_600 },
        fetch: (url, init) => {
          const { pathname } = new URL(url);
          const token = new Headers(init.headers).get('authorization')?.slice('Bearer '.length) ?? '';
          if (!isBroken(pathname, token)) return fetch(url, init);
          failed.push(pathname);
          return Promise.resolve(new Response('{"ok":false}', { status }));
        },
      });
      return { auth, failed };
    }

    const tokens = (count: number) =>
      Promise.all(Array.from({ length: count }, async () => tokenOf(await issue(cloud, 'member', { lifetime: 3_600 }))));

    /** By an instance that asks the Cloud for the first time. */
    const whoAtTheCloud = (token: string) =>
      new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect }).authenticateToken(token, request({}));

    const calls = (auth: MastraCloudAuth) => auth.statistics().cloudCalls.reduce((sum, { count }) => sum + count, 0);

    test.each([500, 429])('one account that is answered with %i costs itself alone', async status => {
      const [broken = '', ...others] = await tokens(4);
      const { auth, failed } = provider(status, (_, token) => token === broken);
      const works = [
        (token: string) => auth.authenticateToken(token, request({})),
        (token: string) => auth.validateSession(token),
      ];
      for (const work of works) {
        const [before, begun] = [failed.length, performance.now()];
        const codes: string[] = [];
        for (let turn = 0; turn < 4 * MOST; turn += 1) codes.push(await code(work(broken)));
        // It is left alone for itself, but for one call in each pause, and the others are asked about all the same.
        expect(codes.slice(0, MOST)).not.toContain('circuit_open');
        expect(codes.slice(MOST)).toContain('circuit_open');
        expect(failed.length - before).toBeLessThanOrEqual(MOST + (performance.now() - begun) / PAUSE);
        for (const other of others) expect(await work(other)).not.toBeNull();
      }
    });

    test('accounts that fail at one endpoint leave the others open', async () => {
      const some = await tokens(MOST + 1);
      const { auth, failed } = provider(500, path => path.endsWith('/validate'));
      for (const token of some) await code(auth.validateSession(token));
      // As many accounts failed as make it a matter of the endpoint.
      expect([failed.length, await code(auth.validateSession(some.at(-1) ?? ''))]).toEqual([MOST, 'circuit_open']);
      for (const token of some) expect(await auth.authenticateToken(token, request({}))).not.toBeNull();
    });

    // In `pkce` they come from roles.
    if (dialect === 'v1') {
      test('permissions that are down leave people in', async () => {
        const some = await tokens(MOST + 1);
        const { auth, failed } = provider(500, path => path.endsWith('/permissions'));
        const users = await Promise.all(some.map(token => auth.authenticateToken(token, request({}))));
        const codes: string[] = [];
        for (const user of users) codes.push(await code(auth.getPermissions(user!)));
        expect([failed.length, codes.at(-1)]).toEqual([MOST, 'circuit_open']);
        for (const token of await tokens(2)) {
          expect(await auth.authenticateToken(token, request({}))).not.toBeNull();
          expect(await auth.validateSession(token)).not.toBeNull();
          expect(await auth.refreshSession(token)).not.toBeNull();
        }
      });
    }

    test('sign-outs and sign-ins are let through while everything else is left alone', async () => {
      const some = await tokens(MOST + 1);
      const isAsked = (path: string) => /\/(verify|validate|permissions)$/.test(path);
      const { auth } = provider(500, isAsked);
      const signedIn = await goAndPick(auth, crypto.randomUUID(), 'member');
      for (const token of some) {
        await code(auth.authenticateToken(token, request({})));
        await code(auth.validateSession(token));
      }
      expect(await code(auth.authenticateToken(some[0] ?? '', request({})))).toBe('circuit_open');
      expect(await code(auth.validateSession(some[0] ?? ''))).toBe('circuit_open');
      for (const token of some) {
        await auth.destroySession(token);
        expect(await whoAtTheCloud(token)).toBeNull();
      }
      expect(auth.statistics().signOuts).toContainEqual({ outcome: 'ended', count: some.length });
      // The code is exchanged; in `pkce` the token has to be verified then, which is not held back either.
      const before = calls(auth);
      await code(comeBack(auth, signedIn));
      expect(calls(auth) - before).toBe(dialect === 'v1' ? 1 : 2);
    });
  });
}
