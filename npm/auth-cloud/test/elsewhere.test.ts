/** A session whose token ended, at instances that never saw it: after a deploy, or behind a balancer. */

import { beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { MastraCloudAuthOptions } from '../dist/esm/index.js';
import { issue, pair, request, serve, startCloud, tokenOf, userOf } from './world.js';
import type { Cloud, Person } from './world.js';

/** What a host may call before the request that counts. */
const FIRST: Record<string, (auth: MastraCloudAuth, cookie: string) => Promise<unknown>> = {
  nothing: () => Promise.resolve(),
  authenticateToken: (auth, cookie) => auth.authenticateToken('', request({ cookie })),
  'authenticateToken as a bearer': (auth, cookie) => auth.authenticateToken(tokenOf(cookie), request({})),
  getCurrentUser: (auth, cookie) => auth.getCurrentUser(request({ cookie }).raw),
  validateSession: async (auth, cookie) => expect(await auth.validateSession(tokenOf(cookie))).not.toBeNull(),
  refreshSession: (auth, cookie) => auth.refreshSession(tokenOf(cookie)),
  'a token of nobody': (auth) => auth.authenticateToken('nonsense', request({ cookie: 'mastra_session=nonsense' })),
};

const MODES: NonNullable<MastraCloudAuthOptions['verification']>[] = [
  'cloud',
  { by: 'keys', leeway: 0 },
  { by: 'keys+session', leeway: 0 },
];

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await startCloud(dialect);
      return () => cloud.stop();
    });

    /** A session whose token ended a second ago; the Cloud renews it for the rest of a minute. */
    const ended = (person: Person) => issue(cloud, person, { age: 60, lifetime: 59 });

    const fresh = (verification: MastraCloudAuthOptions['verification'], calls: string[] = []) =>
      new MastraCloudAuth({
        projectId: 'demo',
        baseUrl: cloud.url,
        dialect,
        ...(verification && { verification }),
        onEvent: ({ type, operation }) => type.startsWith('cloud_call') && operation !== 'key_set' && calls.push(operation ?? ''),
      });

    test.each(MODES)('threat_035_a_refusal_by_expiry_never_stands_in_the_way_of_a_renewal: %j', async mode => {
      for (const [first, call] of Object.entries(FIRST)) {
        for (const [second, next] of Object.entries(FIRST)) {
          const [auth, held] = [fresh(mode), await ended('member')];
          await call(auth, held);
          await next(auth, held);
          const { id, set } = await serve(auth, held);
          expect(id, `${first}, ${second}`).toBe('usr_mei');
          expect(pair(set ?? '')).not.toBe(held);
        }
      }
    });

    test.each(MODES)('threat_031_what_was_signed_out_is_not_renewed: %j', async mode => {
      const own = await ended('viewer');
      for (const [name, call] of Object.entries(FIRST)) {
        const auth = fresh(mode);
        const out = auth.destroySession(tokenOf(own));
        if (name !== 'validateSession') await call(auth, own);
        await out;
        expect(await auth.validateSession(tokenOf(own))).toBeNull();
        expect((await serve(auth, own)).id).toBeUndefined();
      }
    });

    /** A Mastra server asks for permissions with each request that it lets in, and the Cloud grants none to a token past its end. */
    test.each(['cloud', 'keys', 'keys+session'] as const)('threat_035_within_the_leeway_a_session_is_renewed_and_has_permissions: %s', async mode => {
      for (const [name, call] of Object.entries(FIRST)) {
        const [auth, held] = [fresh(mode), await ended('member')];
        await call(auth, held);
        const { user, set } = await userOf(auth, { cookie: held });
        expect(user?.id, name).toBe('usr_mei');
        if (user) expect(await auth.hasPermission(user, 'agents:read'), name).toBe(true);
        expect(pair(set ?? '')).not.toBe(held);
      }
    });

    test.each(MODES)('threat_060_a_cookie_that_is_over_costs_two_calls: %j', async mode => {
      for (const cookie of ['mastra_session=nonsense', (await ended('member')).replace(/[^.]{8}$/, 'AAAAAAAA')]) {
        const calls: string[] = [];
        const auth = fresh(mode, calls);
        for (let round = 0; round < 10; round += 1) expect((await serve(auth, cookie)).id).toBeUndefined();
        expect(calls.length).toBeLessThanOrEqual(2);
      }
    });
  });
}
