// The same script in every runtime, with the package as it is packed; then what only Workers do. Prints the table of what ran where.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { used } from '../bench/runtimes/memory.mjs';
import { ADDON, HAS_WASM, MAIN, emptyFolder, linked, startCloud } from '../tarballs/projects.mjs';
import { tool } from '../tarballs/tools.mjs';
import { hangingUp, startGate, startWorker } from '../tarballs/workerd.mjs';
import { RUNTIMES, versionOf } from './launch.mjs';

const PARTS = ['form', 'sign-in', 'bearer', 'cookie', 'renewal', 'sign-out', 'refused', 'Cloud away', 'strange tokens'];
/** A page cannot call the Cloud, which answers no page of another origin: it is given keys and sessions. */
const IN_A_PAGE = ['form', 'bearer', 'cookie', 'refused', 'strange tokens'];
const STRANGE = Number(process.env.STRANGE);
assert.ok(STRANGE > 0, 'STRANGE is no number: run `cargo xtask runtimes`');
/** What hangs hangs for longer. */
const LIMIT = { timeout: 600_000 };

const folder = emptyFolder();
const SCRIPTS = ['../runtimes/main.mjs', '../runtimes/script.mjs', '../runtimes/worker.mjs', '../scripts/login-page.mjs'];
before(() => linked(folder, [MAIN, ADDON], SCRIPTS));
after(() => rmSync(folder, { recursive: true, force: true }));

const issue = async (cloud, person) => {
  const headers = { 'content-type': 'application/json' };
  const made = await fetch(`${cloud.url}/admin/api/tokens`, { method: 'POST', headers, body: JSON.stringify({ person }) });
  const { token } = await made.json();
  return { token, cookie: `mastra_session=${token}` };
};

describe('the script', { concurrency: 2 }, () => {
  const rows = [];
  after(() => {
    const head = ['runtime', 'version', 'runs as', ...PARTS.slice(1)];
    const lines = [head, head.map(() => '---'), ...Object.values(rows)].map(row => `| ${row.join(' | ')} |`);
    console.log(`${lines.join('\n')}\n\n${STRANGE.toLocaleString('en')} strange tokens each. –: not run, for a page gets no requests and cannot call the Cloud.`);
    if (!HAS_WASM) console.log('The WebAssembly was not built: nothing ran on it.');
  });

  for (const [at, runtime] of RUNTIMES.entries()) {
    test(`in ${runtime.name}, ${runtime.form} (${at})`, LIMIT, async ({ signal }) => {
      const cloud = await startCloud('v1');
      try {
        const isPage = runtime.name === 'Chromium';
        const parts = isPage ? IN_A_PAGE : PARTS;
        const given = isPage && {
          jwks: await (await fetch(`${cloud.url}/.well-known/jwks.json`)).json(),
          owner: await issue(cloud, 'owner'),
          viewer: await issue(cloud, 'viewer'),
        };
        const input = { cloud: cloud.url, form: runtime.form, strange: STRANGE, parts, ...given };
        const said = await runtime.run(folder, 'script.mjs', input, signal).catch(error => ({ form: String(error) }));
        const cell = part => (said[part] ?? (parts.includes(part) ? 'not run' : '–')).replaceAll(/\s*[|\n]\s*/g, ' ');
        const form = said.form === 'ok' ? runtime.form : cell('form');
        rows[at] = [runtime.name, versionOf(runtime), form, ...PARTS.slice(1).map(cell)];
        assert.deepEqual(said, Object.fromEntries(parts.map(part => [part, 'ok'])));
      } finally {
        await cloud.stop();
      }
    });
  }
});

// Where the WebAssembly cannot be built, the package is packed without it.
if (HAS_WASM) describe('in workerd', () => {
  const started = [];
  let cloud;
  before(async () => {
    cloud = await startCloud('v1');
  });
  after(() => Promise.all([cloud, ...started].map(one => one.stop())));

  const worker = async (to, change) => {
    const made = await startWorker(tool, folder, 'worker.mjs', { CLOUD: to }, change);
    started.push(made);
    return made.url;
  };

  test('what no Worker can do is refused while its module is loaded', async () => {
    const url = await worker(cloud.url);
    const [project, redis] = await (await fetch(new URL('/refusals', url))).json();
    assert.match(project, /^invalid_configuration: /);
    assert.match(redis, /^invalid_configuration: revocations\.redis needs sockets, .* a channel with publish and subscribe$/);
  });

  test('threat_031_what_is_signed_out_in_one_worker_ends_in_the_other_by_a_durable_object', LIMIT, async () => {
    const guide = readFileSync(path.join(import.meta.dirname, '../../../docs/guide/revocations.md'), 'utf8');
    const [, channel] = /^```ts read-by: .*\n([^]*?)^```$/m.exec(guide);
    writeFileSync(path.join(folder, 'sign-outs.ts'), `${channel.replace("'my-project'", "'demo', cache: { fresh: 3600 }, baseUrl: env.CLOUD")}
      const routes = {
        '/who': async request => ({ id: (await auth.authenticateToken('', request))?.id ?? null }),
        '/sign-out': async request => auth.destroySession(auth.getSessionIdFromRequest(request)),
      };
      export default { fetch: async request => Response.json((await routes[new URL(request.url).pathname](request)) ?? null) };`);
    const object = { className: 'SignOuts', useSQLite: true };
    const two = await startWorker(tool, folder, 'sign-outs.ts', { CLOUD: cloud.url }, undefined, {
      workers: [
        { name: 'here', durableObjects: { SIGN_OUTS: object } },
        { name: 'there', durableObjects: { SIGN_OUTS: { ...object, scriptName: 'here' } } },
      ],
    });
    started.push(two);
    const [here, there] = await Promise.all(['here', 'there'].map(two.named));
    const ask = async (worker, route, { cookie }) => (await worker.fetch(`http://worker${route}`, { headers: { cookie } })).json();
    const [mine, other] = [await issue(cloud, 'member'), await issue(cloud, 'viewer')];
    for (const worker of [here, there]) {
      assert.deepEqual([await ask(worker, '/who', mine), await ask(worker, '/who', other)], [{ id: 'usr_mei' }, { id: 'usr_victor' }]);
    }
    await ask(here, '/sign-out', mine);
    assert.deepEqual(await ask(here, '/who', mine), { id: null });
    // Without the object this cookie would be good for an hour.
    const end = Date.now() + 60_000;
    while ((await ask(there, '/who', mine)).id !== null && Date.now() < end) await new Promise(resolve => setTimeout(resolve, 50));
    assert.deepEqual(await ask(there, '/who', mine), { id: null });
    assert.deepEqual([await ask(here, '/who', other), await ask(there, '/who', other)], [{ id: 'usr_victor' }, { id: 'usr_victor' }]);
  });

  /** Two requests share one call to the Cloud. The client of the first, which makes it, hangs up; answers what the second gets. */
  async function hangUp(change) {
    const gate = await startGate(cloud.url);
    started.push(gate);
    const { cookie } = await issue(cloud, 'member');
    const who = new URL('/who', await worker(gate.url, change));
    const leave = await hangingUp(who, { cookie });
    while (gate.calls.length === 0) await new Promise(resolve => setTimeout(resolve, 10));
    const second = fetch(who, { headers: { cookie } });
    // It has no way to say that it waits.
    await new Promise(resolve => setTimeout(resolve, 300));
    leave();
    await new Promise(resolve => setTimeout(resolve, 300));
    return { gate, second: async () => (await second).json() };
  }

  test('threat_079_a_client_that_hangs_up_takes_along_no_answer_that_another_waits_for', async () => {
    const { gate, second } = await hangUp();
    gate.open();
    assert.deepEqual(await second(), { id: 'usr_mei' });
    assert.deepEqual(gate.calls, ['POST /api/v1/auth/verify']);
  });

  /** Ten thousand refused and five thousand accepted, by keys and by a Cloud. The caches are full long before the middle. */
  test('nothing is left of very many tokens', LIMIT, async () => {
    const bench = path.join(import.meta.dirname, '../bench/runtimes');
    const { url, inspector, stop } = await startWorker(tool, bench, 'worker.mjs', {}, undefined, { inspectorPort: 0 });
    started.push({ stop });
    const ask = async question => {
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(question) });
      assert.ok(answer.ok, await answer.clone().text());
      return answer.json();
    };
    const [middle, end] = await used(ask, await inspector(), { count: 7500, steps: 2, maxEntries: 200, isAsked: true });
    assert.ok(end - middle < 200_000, `${middle} bytes became ${end} in 7,500 tokens`);
  });

  test('where a runtime has no waitUntil, a waiting request makes the call again', LIMIT, async () => {
    const { gate, second } = await hangUp(text => text.replace(/(workers = ")cloudflare:workers"/, '$1none:none"'));
    gate.open();
    assert.deepEqual(await second(), { id: 'usr_mei' });
    assert.deepEqual(gate.calls, ['POST /api/v1/auth/verify', 'POST /api/v1/auth/verify']);
  });
});
