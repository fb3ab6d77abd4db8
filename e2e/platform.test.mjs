// Mastra servers in the dialect `platform`: one for one organization, and two behind a balancer while every answer of the
// platform replaces the session. There is no browser here: studio-platform.test.mjs looks at pages.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCloud } from './cloud.mjs';
import { startHost } from './hosts.mjs';
import { makeHosts } from './install.mjs';
import { NAMES, PEOPLE } from './people.mjs';
import { Person } from './person.mjs';
import { REDIS, startRedis } from './redis.mjs';
import { FRESH, repeat, startBalancer } from './rotation.mjs';

const DIALECT = 'platform';

const hosts = await makeHosts();
after(() => rm(hosts, { recursive: true, force: true }));

/** Without Redis a platform that takes no session twice loses those that two servers ask about at once. */
const WAYS = [
  { how: 'without Redis', leeway: '30', start: async () => undefined },
  ...(REDIS ? [{ how: 'with Redis', leeway: '0', start: startRedis }] : []),
];
if (!REDIS) console.log('redis-server is missing, so servers that share sessions are not tested');

// Side by side: each waits for its servers, and for the time that they are used.
describe('platform', { concurrency: WAYS.length + 1 }, () => {
  describe('a server of one organization', () => {
    let cloud;
    let server;
    before(async () => {
      cloud = await startCloud(DIALECT);
      server = await startHost(hosts, 'hono', cloud, DIALECT, { MASTRA_ORGANIZATION_ID: 'org_acme' });
    });
    after(async () => {
      await server?.stop();
      await cloud?.stop();
      await cloud?.remove();
    });

    test('a person of another organization makes no session, at the platform or here', async () => {
      const [outsider, member] = ['outsider', 'member'].map((name) => new Person(name, server.url));
      await member.signIn();
      assert.equal(await member.agents(), 200);
      await assert.rejects(outsider.choose(), /no member of that organization/);
      // A platform that does not look at the organization that was asked for.
      const comeBack = () => outsider.choose((login) => login.searchParams.delete('organization_id'));
      const callback = await comeBack();
      const { location } = await outsider.ask(callback.pathname + callback.search);
      assert.match(location, /[?&]error=/);
      assert.equal(outsider.session, undefined);
      // Its session in the cookie that a member of the organization has: the refused one was ended, another one was not.
      for (const [{ searchParams }, status] of [[callback, 401], [await comeBack(), 403]]) {
        const headers = { cookie: `${member.sessionName}=${searchParams.get('code')}` };
        assert.equal((await fetch(`${server.url}/api/agents`, { headers })).status, 401);
        assert.equal((await fetch(`${server.url}/auth/check`, { headers })).status, status);
      }
    });
  });

  for (const { how, leeway, start } of WAYS) {
    describe(`two servers behind a balancer, ${how}`, () => {
      let cloud;
      let redis;
      let servers = [];
      let balancer;
      before(async () => {
        cloud = await startCloud(DIALECT, ['--rotate-after', '0', '--rotation-leeway', leeway]);
        redis = await start();
        const env = { PREFIX: '/api', FRESH: String(FRESH), ...(redis && { REDIS: redis.url }) };
        servers = await Promise.all([1, 2].map(() => startHost(hosts, 'prefixed', cloud, DIALECT, env)));
        balancer = await startBalancer(servers.map(({ url }) => url));
      });
      after(async () => {
        balancer?.stop();
        await Promise.all(servers.map((server) => server.stop()));
        await redis?.stop();
        await cloud?.stop();
        await cloud?.remove();
      });

      test('nobody is signed out while each session is replaced again and again', async () => {
        const people = PEOPLE.map((name) => new Person(name, balancer.url, { callback: '/api/auth/sso/callback' }));
        await Promise.all(people.map((person) => person.signIn()));
        const sessions = await repeat(people, async (person) => {
          // No server knows the session as fresh then, and all of them ask at once.
          await sleep(FRESH * 1000 + 100);
          const [me, ...statuses] = await Promise.all([person.me(), ...Array.from({ length: 4 }, () => person.agents())]);
          const answered = [me?.name, ...statuses].join();
          const said = () => servers.flatMap(({ log }, at) => [`server ${at}`, ...log.slice(-20)]).join('\n');
          assert.equal(answered, [NAMES[person.name], 200, 200, 200, 200].join(), `${new Date().toISOString()} ${answered}\n${said()}`);
        }, (person) => person.session);
        assert.ok(balancer.counts.every((count) => count > 0), 'both were asked');
        const logged = [cloud, ...servers].flatMap(({ log }) => log).join('\n');
        for (const session of sessions) assert.ok(!logged.includes(session), 'no session in a log');
      });
    });
  }
});
