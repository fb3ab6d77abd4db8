// Sign-in at Mastra servers as they are run: built and moved, behind Hono, behind Express, in workerd, and with API keys beside the Cloud.
// There is no browser here: studio.test.mjs and worker.test.mjs look at pages.
import assert from 'node:assert/strict';
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCloud } from './cloud.mjs';
import { HAS_WASM, RUNTIMES, build, startBuilt, startHost, startInWorkerd } from './hosts.mjs';
import { makeHosts } from './install.mjs';
import { NGINX, startNginx } from './nginx.mjs';
import { NAMES, PEOPLE } from './people.mjs';
import { Person } from './person.mjs';

const DIALECTS = ['v1', 'pkce'];
const BOTH = ['mastra_login', 'mastra_session'];
const PLATFORM = ['mastra_login', 'wos-session'];
/** Clients of the platform take an owner for an admin. */
const roleOf = (person, dialect) => (dialect === 'platform' && person === 'owner' ? 'admin' : person);
const VERSION = JSON.parse(await readFile(new URL('hosts/package.json', import.meta.url), 'utf8')).dependencies.mastra;

const hosts = await makeHosts();
// Meanwhile sessions grow old at the other servers. Its tests come last, and fail where it failed.
const building = build();
const isBuilt = Promise.allSettled([building]);
const signedIn = new Set();
/** What the Dockerfiles make, as a table of tools and outcomes. */
const BUILT = [
  { how: 'in the first Dockerfile of the guide', dialect: 'v1', output: 'output' },
  { how: 'in the second, installed once more', dialect: 'pkce', output: 'again' },
].map((row) => ({ ...row, title: `mastra ${VERSION}  build, ${row.how}` }));
const STARTED = RUNTIMES.map((row) => ({ ...row, title: `mastra ${VERSION}  build, started by ${row.name}` }));
after(async () => {
  const [{ value: outputs = {} }] = await isBuilt;
  await Promise.all([hosts, ...Object.values(outputs)].map((folder) => rm(folder, { recursive: true, force: true })));
  for (const { title } of [...BUILT, ...STARTED]) console.log(`${title.padEnd(60)}  alone  ${signedIn.has(title) ? 'signs in' : 'FAILED'}`);
});

/** Keeps a Cloud and a server for the tests of one group. */
function world(dialect, start, callback) {
  const it = { cloud: undefined, server: undefined };
  before(async () => {
    it.cloud = await startCloud(dialect);
    it.server = await start(it.cloud);
  });
  after(async () => {
    await it.server?.stop();
    const code = await it.cloud?.stop();
    await it.cloud?.remove();
    assert.equal(code, 0, 'Ctrl-C ends the Cloud cleanly');
  });
  it.person = (name) => new Person(name, it.server.url, { callback });
  return it;
}

const statusOf = (server, headers) => fetch(`${server.url}/api/agents`, { headers }).then(({ status }) => status);

function describeServer(title, dialect, start, cookiesOfCallback, hasCheck = true) {
  describe(`${title}, ${dialect}`, () => {
    const it = world(dialect, start);

    test('no user is let in without a cookie', async () => {
      const nobody = it.person('nobody');
      assert.equal(await nobody.agents(), 401);
      assert.equal((await nobody.runWorkflow()).status, 401);
      assert.equal(await nobody.me(), null);
    });

    test('everybody signs in at once, and each is who they are and may do what the role says', async () => {
      const people = PEOPLE.map((name) => it.person(name));
      const set = await Promise.all(people.map((person) => person.signIn()));
      for (const lines of set) assert.deepEqual(lines.map((line) => /^(mastra_|wos-)[a-z]+/.exec(line)?.[0]), cookiesOfCallback);
      assert.equal(new Set(people.map(({ session }) => session)).size, people.length, 'each has a session of their own');
      await Promise.all(
        people.map(async (person) => {
          assert.equal((await person.me()).name, NAMES[person.name]);
          assert.equal(await person.agents(), 200);
          const { status, text } = await person.runWorkflow();
          assert.equal(status, person.name === 'viewer' ? 403 : 200, `${person.name}: ${text}`);
          if (person.name === 'viewer') assert.match(text, /Missing required permission: workflows:/);
          else assert.equal(JSON.parse(text).result.refund, 65);
        }),
      );
      signedIn.add(title);
    });

    test('a sign-out takes the cookie away, and the old one is refused', async () => {
      const [leaves, stays] = [it.person('member'), it.person('admin')];
      await Promise.all([leaves.signIn(), stays.signIn()]);
      const old = leaves.cookies;
      assert.equal(await statusOf(it.server, { cookie: old }), 200);
      const { status, text } = await leaves.ask('/api/auth/logout', { method: 'POST' });
      assert.equal(status, 200, text);
      const { redirectTo } = JSON.parse(text);
      assert.equal(new URL(redirectTo).origin, new URL(it.cloud.url).origin, 'the sign-out at the Cloud');
      assert.equal(leaves.session, undefined, 'the browser keeps no session cookie');
      assert.equal(await statusOf(it.server, { cookie: old }), 401);
      assert.equal(await stays.agents(), 200, 'nobody else is signed out');
    });

    if (hasCheck) test('a proxy is told who sends a request, by any method, and each refusal apart', async () => {
      const [owner, viewer, nobody] = ['owner', 'viewer', 'nobody'].map((name) => it.person(name));
      await Promise.all([owner, viewer].map((person) => person.signIn()));
      const check = async ({ cookies }, query = '', method = 'GET') => {
        const { status, headers } = await fetch(`${it.server.url}/auth/check${query}`, { method, headers: cookies && { cookie: cookies } });
        assert.equal(headers.get('cache-control'), 'no-store');
        return [status, headers.get('x-auth-user'), headers.get('x-auth-roles')];
      };
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PROPFIND']) {
        assert.deepEqual(await check(owner, '?permission=agents:delete', method), [200, 'usr_olivia', roleOf('owner', dialect)], method);
        assert.deepEqual(await check(viewer, '?permission=agents:delete', method), [403, null, null], method);
        assert.deepEqual(await check(nobody, '', method), [401, null, null], method);
        assert.deepEqual(await check(owner, '?permissions=agents:delete', method), [400, null, null], method);
      }
      assert.deepEqual(await check(viewer), [200, 'usr_victor', 'viewer']);
    });

    test('a callback in another browser makes no session', async () => {
      const callback = await it.person('owner').choose();
      const other = it.person('member');
      await other.ask('/api/auth/sso/login');
      const query = callback.search;
      // The server's own callback stays reachable, and is the way in of none.
      for (const path of [callback.pathname, '/api/auth/sso/callback']) {
        const { status, location, setCookies } = await other.ask(path + query);
        assert.deepEqual([status, setCookies], [302, []], path);
        // The server itself appends it with a second `?`.
        assert.match(decodeURIComponent(location), /[?&]error=The sign-in was begun by another browser\.$/, path);
      }
      assert.equal(other.session, undefined);
      assert.equal(await other.agents(), 401);
    });

    test('a callback that comes again brings who is signed in on, and who is not nowhere', async () => {
      const person = it.person('member');
      const callback = await person.choose();
      const address = callback.pathname + callback.search;
      const first = await person.ask(address);
      const { session } = person;
      const before = (await person.me()).name;
      const again = await person.ask(address);
      assert.deepEqual([again.status, again.location], [302, first.location]);
      assert.equal(person.session, session, 'the same session');
      assert.equal((await person.me()).name, before);
      assert.match((await it.person('owner').ask(address)).location, /[?&]error=/);
    });

    test('no cookie is in the log', async () => {
      const person = it.person('owner');
      await person.signIn();
      const logged = [...it.cloud.log, ...it.server.log].join('\n');
      assert.ok(!logged.includes(person.session));
    });
  });
}

// Side by side: each waits for half a minute.
describe('a session whose token ended, at servers that never saw it', { concurrency: DIALECTS.length }, () => {
  for (const dialect of DIALECTS) {
    describe(dialect, { concurrency: 1 }, () => {
      // Long enough for the requests after a renewal on a machine that is busy.
      const LIFETIME = 10;
      const PATIENT = { MASTRA_CALL_TIMEOUT: '60' };
      // Where signatures are checked a token is good for 30 s longer; the Cloud renews it for 60.
      const FIRST = { cloud: LIFETIME, keys: LIFETIME + 31, 'keys+session': LIFETIME + 31 };
      let cloud;
      let servers = [];
      before(async () => {
        cloud = await startCloud(dialect, ['--token-lifetime', String(LIFETIME)]);
        const kinds = ['hono', 'express'].flatMap((host) => Object.keys(FIRST).map((mode) => ({ host, mode })));
        servers = await Promise.all(
          kinds.map(async (kind) => ({ ...kind, ...(await startHost(hosts, kind.host, cloud, dialect, { MASTRA_VERIFICATION: kind.mode, ...PATIENT })) })),
        );
      });
      after(async () => {
        await Promise.all(servers.map((server) => server.stop()));
        await cloud?.stop();
        await cloud?.remove();
      });

      test('it is renewed, and the browser has the newer one', async () => {
        // Each goes to another server than the one of the sign-in, as after a deploy.
        const people = servers.flatMap((server, at) =>
          ['/api/agents', '/auth/check'].map((path) => ({ server, path, person: new Person('member', servers.at(at - 1).url) })),
        );
        await Promise.all(people.map(({ person }) => person.signIn()));
        const begun = Date.now();
        await Promise.all(
          people.map(async ({ server, path, person }) => {
            const old = person.session;
            await sleep(begun + (FIRST[server.mode] + 1) * 1000 - Date.now());
            person.server = server.url;
            const title = `${server.host}, ${server.mode}, ${path}`;
            assert.equal((await person.ask(path)).status, 200, title);
            assert.notEqual(person.session, old, title);
            assert.equal(await person.agents(), 200, title);
            assert.equal((await person.me()).name, NAMES.member, title);
          }),
        );
      });
    });
  }
});

for (const [title, host] of [['Hono', 'hono'], ['Express', 'express']]) {
  describeServer(title, 'platform', (cloud) => startHost(hosts, host, cloud, 'platform'), PLATFORM);
}
if (HAS_WASM) describeServer('Hono in workerd', 'platform', (cloud) => startInWorkerd(hosts, cloud, 'platform'), PLATFORM);
for (const dialect of DIALECTS) {
  describeServer('Hono', dialect, (cloud) => startHost(hosts, 'hono', cloud, dialect), BOTH);
  describeServer('Express', dialect, (cloud) => startHost(hosts, 'express', cloud, dialect), BOTH);
  if (HAS_WASM) describeServer('Hono in workerd', dialect, (cloud) => startInWorkerd(hosts, cloud, dialect), BOTH);
}

// docs/guide/programs.md: Mastra's workers.
/** What a worker sends to a server: a step of a workflow to run, and an event. */
const WORKERS = [
  ['/api/workflows/refund/runs/run-1/steps/execute', { stepId: 'find-order', executionPath: [0], stepResults: {}, state: {}, requestContext: {}, input: { number: '1002' } }],
  ['/api/workflows/events', { event: { id: 'event-1', type: 'unknown', runId: 'run-1', createdAt: '2026-01-01T00:00:00.000Z', data: {} } }],
];

/** A token that no browser holds: a project's, an organization's key, or in the dialect `v1` one of a session. */
async function serviceToken(cloud, dialect, role) {
  const [path, asked] = dialect === 'v1' ? ['tokens', { person: role }] : ['project-tokens', { role }];
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${cloud.url}/admin/api/${path}`, { method: 'POST', headers, body: JSON.stringify(asked) });
  return (await answer.json()).token;
}

for (const [host, dialect] of [['hono', 'pkce'], ['express', 'v1'], ['hono', 'platform']]) {
  describe(`a worker of ${host}, ${dialect}`, () => {
    const it = world(dialect, (cloud) => startHost(hosts, host, cloud, dialect));

    test('a worker sends a service token as its bearer, and its routes are closed to all others', async () => {
      const [worker, viewer] = await Promise.all(['member', 'viewer'].map((role) => serviceToken(it.cloud, dialect, role)));
      for (const [path, body] of WORKERS) {
        const ask = async (credential) => {
          const headers = { 'content-type': 'application/json', ...credential };
          const answer = await fetch(it.server.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
          return { status: answer.status, text: await answer.text() };
        };
        assert.equal((await ask({})).status, 401, path);
        // The provider reads no header of a worker's own.
        assert.equal((await ask({ 'x-worker-api-key': worker })).status, 401, path);
        const refused = await ask({ authorization: `Bearer ${viewer}` });
        assert.equal(refused.status, 403, refused.text);
        const { status, text } = await ask({ authorization: `Bearer ${worker}` });
        assert.equal(status, 200, text);
        assert.match(text, /"status":"success"|"ok":/);
      }
    });
  });
}

// docs/guide/behind-a-proxy.md, with a Mastra server that answers.
if (NGINX) {
  for (const host of ['hono', 'express']) {
    describe(`nginx, which asks ${host}`, () => {
      const it = world('v1', (cloud) => startHost(hosts, host, cloud, 'v1'));
      let nginx;
      before(async () => void (nginx = await startNginx(it.server.url, 'agents:delete')));
      after(() => nginx?.stop());
      const ask = async (headers) => {
        const answer = await fetch(`${nginx.url}/agents/one?page=2&permission=agents:none`, { headers, redirect: 'manual' });
        return { status: answer.status, headers: answer.headers, text: await answer.text() };
      };
      const admin = async (path, body) => {
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${it.cloud.url}/admin/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
        assert.ok(answer.ok, await answer.clone().text());
        return answer.text();
      };

      test('threat_091_who_is_signed_in_passes_and_each_refusal_stays_apart', async () => {
        const [owner, viewer] = ['owner', 'viewer'].map((name) => new Person(name, nginx.url));
        await Promise.all([owner, viewer].map((person) => person.signIn()));
        const smuggled = { 'x-auth-user': 'usr_mei', 'x-auth-roles': 'owner' };
        const passed = 'GET /agents/one?page=2&permission=agents:none usr_olivia owner';
        for (const more of [{}, smuggled]) {
          const page = await ask({ cookie: owner.cookies, ...more });
          assert.deepEqual([page.status, page.text, page.headers.getSetCookie()], [200, passed, []]);
          assert.equal((await ask({ cookie: viewer.cookies, ...more })).status, 403);
          const nobody = await ask(more);
          assert.deepEqual([nobody.status, nobody.headers.get('www-authenticate')], [401, 'Bearer']);
        }
        assert.equal((await ask({ cookie: 'mastra_session=a; '.repeat(5) })).status, 400);
      });

      test('threat_034_a_renewed_cookie_reaches_the_browser', async () => {
        const { token } = JSON.parse(await admin('tokens', { person: 'owner', age: 60, lifetime: 59 }));
        const page = await ask({ cookie: `mastra_session=${token}` });
        const [line, ...more] = page.headers.getSetCookie();
        assert.deepEqual([page.status, page.text.includes('usr_olivia'), more], [200, true, []]);
        assert.match(page.headers.get('cache-control'), /no-store/);
        const again = await ask({ cookie: line.split(';')[0] });
        assert.deepEqual([again.status, again.headers.getSetCookie()], [200, []]);
      });

      test('threat_095_an_outage_is_503', async () => {
        await admin('faults', { kind: 'drop' });
        const page = await ask({ cookie: 'mastra_session=unknown' });
        assert.deepEqual([page.status, page.headers.get('retry-after')], [503, '5']);
      });
    });
  }
} else {
  console.log('nginx is missing, so its recipe for a Mastra server is not tested');
}

// `server.apiPrefix` of a built server, and an app whose every page is below a path.
for (const { prefix, dialect, back } of [
  { prefix: '/mastra', dialect: 'v1', back: '/welcome?x=1' },
  { prefix: '/app/api', dialect: 'pkce', back: '/app/welcome?x=1' },
]) {
  describe(`Hono below ${prefix}, ${dialect}`, () => {
    const it = world(dialect, (cloud) => startHost(hosts, 'prefixed', cloud, dialect, { PREFIX: prefix }));
    const person = (name) => new Person(name, it.server.url, { api: prefix, callback: `${prefix}/auth/sso/callback`, back });

    test('people sign in, come back to the page that they wanted, and sign out', async () => {
      const [leaves, stays] = [person('member'), person('viewer')];
      assert.equal(await leaves.agents(), 401);
      // Each asserts the address of the callback, and where it led.
      await Promise.all([leaves.signIn(), stays.signIn()]);
      assert.equal((await leaves.me()).name, NAMES.member);
      assert.deepEqual([await leaves.agents(), await stays.agents()], [200, 200]);
      assert.deepEqual([(await leaves.runWorkflow()).status, (await stays.runWorkflow()).status], [200, 403]);
      const old = leaves.cookies;
      const { status, text } = await leaves.ask(`${prefix}/auth/logout`, { method: 'POST' });
      assert.deepEqual([status, leaves.session], [200, undefined], text);
      const { redirectTo } = JSON.parse(text);
      assert.equal(new URL(redirectTo).origin, new URL(it.cloud.url).origin, 'the sign-out at the Cloud');
      assert.equal((await fetch(`${it.server.url}${prefix}/agents`, { headers: { cookie: old } })).status, 401);
      assert.deepEqual([await leaves.agents(), await stays.agents()], [401, 200]);
    });

    test('a callback that comes again leads on to the page that was wanted', async () => {
      const one = person('owner');
      const callback = await one.choose();
      const first = await one.ask(callback.pathname + callback.search);
      const again = await one.ask(callback.pathname + callback.search);
      assert.deepEqual([first.location, again.location], [it.server.url + back, it.server.url + back]);
    });
  });
}

for (const order of ['keys first', 'Cloud first']) {
  describe(`API keys beside the Cloud, ${order}`, () => {
    const it = world('pkce', (cloud) => startHost(hosts, 'composite', cloud, 'pkce', { ORDER: order }), '/api/auth/sso/callback');
    const KEY = { authorization: 'Bearer key-of-the-robot' };

    test('a key opens, the Cloud\'s cookie opens, and nothing else does', async () => {
      const person = it.person('member');
      await person.signIn();
      assert.equal(await statusOf(it.server, KEY), 200);
      assert.equal(await person.agents(), 200);
      assert.equal(await statusOf(it.server, { ...KEY, cookie: person.cookies }), 200, 'a program may hold both');
      const nonsense = [
        {},
        { authorization: 'Bearer nonsense' },
        { authorization: 'Bearer key-of-the-robot2' },
        { cookie: 'mastra_session=nonsense' },
        { cookie: `mastra_session=${person.session.slice(0, -1)}` },
        { cookie: 'mastra_session=key-of-the-robot' },
      ];
      for (const headers of nonsense) assert.equal(await statusOf(it.server, headers), 401, JSON.stringify(headers));
    });

    test('everybody signs in at once, and each is who they are', async () => {
      const people = PEOPLE.map((name) => it.person(name));
      await Promise.all(people.map((person) => person.signIn()));
      for (const person of people) assert.equal((await person.me()).name, NAMES[person.name]);
      const answer = await fetch(`${it.server.url}/api/auth/me`, { headers: KEY });
      assert.equal((await answer.json()).name, 'Robot');
    });

    test('the sign-in page offers the Cloud, and a sign-out ends the session', async () => {
      const person = it.person('member');
      const { login } = JSON.parse((await person.ask('/api/auth/capabilities')).text);
      assert.equal(login.sso.text, 'Sign in with Mastra Cloud');
      await person.signIn();
      const old = person.cookies;
      assert.equal((await person.ask('/api/auth/logout', { method: 'POST' })).status, 200);
      assert.equal(person.session, undefined);
      assert.equal(await statusOf(it.server, { cookie: old }), 401);
      assert.equal(await statusOf(it.server, KEY), 200, 'the key is nobody\'s session');
    });

    test('while the Cloud is unreachable a new session is not signed in, and keys still open', async () => {
      const [known, unknown] = [it.person('member'), it.person('viewer')];
      await known.signIn();
      // A session of the same form that this server has never asked about.
      unknown.jar.set(known.sessionName, known.session.replace(/[^.]{8}$/, 'AAAAAAAA'));
      assert.equal(await it.cloud.stop(), 0);
      assert.equal(await known.agents(), 200, 'what was verified serves on');
      assert.equal(await unknown.me(), null, 'no 503: an error of one provider is "not mine" here');
      assert.equal(await unknown.agents(), 401);
      assert.equal(await statusOf(it.server, KEY), 200);
      await it.cloud.start();
    });
  });
}

for (const { title, dialect, output } of BUILT) {
  describeServer(title, dialect, async (cloud) => startBuilt((await building)[output], cloud, dialect), BOTH, false);

  test(`${title}: it holds our package itself, and the addon of this platform alone`, async () => {
    const scope = join((await building)[output], 'node_modules/@mastra');
    const ours = (await readdir(scope)).filter((name) => name.startsWith('auth-cloud'));
    assert.equal(ours.length, 2, ours.join());
    for (const name of ours) assert.ok((await lstat(join(scope, name))).isDirectory(), `${name} leads out of the folder`);
  });
}

for (const { title, command } of STARTED) {
  describeServer(title, 'v1', async (cloud) => startBuilt((await building).output, cloud, 'v1', command), BOTH, false);
}
