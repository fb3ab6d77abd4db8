// A Mastra server in workerd, and a real browser: people sign in, may do what their roles say, and sign out.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { startCloud } from './cloud.mjs';
import { HAS_WASM, startInWorkerd } from './hosts.mjs';
import { makeHosts } from './install.mjs';
import { NAMES, PEOPLE } from './people.mjs';
import { pick, startBrowser } from './world.mjs';

const WANTED = '/welcome?x=1';
const DIALECT = 'v1';

if (HAS_WASM) describe('a Mastra server in workerd', () => {
  let hosts;
  let cloud;
  let server;
  let browser;
  before(async () => {
    [hosts, cloud, browser] = await Promise.all([makeHosts(), startCloud(DIALECT), startBrowser()]);
    server = await startInWorkerd(hosts, cloud, DIALECT);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await cloud?.stop();
    await cloud?.remove();
    if (hosts) await rm(hosts, { recursive: true, force: true });
  });

  /** A browser of this person's own, on the Cloud's login page. */
  async function goToLogin(person) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(server.url + WANTED);
    assert.equal(await agents(page), 401);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/auth\/oss/);
    return { person, context, page };
  }

  /** What the server answers to a script of the page. */
  async function ask(page, path, body) {
    const options = { method: body && 'POST', headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) };
    const [status, text] = await page.evaluate(async ([to, how]) => {
      const answer = await fetch(to, how);
      return [answer.status, await answer.text()];
    }, [path, options]);
    return { status, text };
  }
  const agents = async (page) => (await ask(page, '/api/agents')).status;
  const name = async (page) => JSON.parse((await ask(page, '/api/auth/me')).text)?.name;

  test('four people sign in at once in four browsers, none sees another, and each may do what the role says', async () => {
    const people = await Promise.all(PEOPLE.map(goToLogin));
    await Promise.all(people.map(({ page, person }) => pick(page, person)));
    await Promise.all(people.map(({ page }) => page.waitForURL(server.url + WANTED)));
    const asked = Array.from({ length: 20 }, () => Promise.all(people.map(({ page }) => name(page))));
    for (const seen of await Promise.all(asked)) assert.deepEqual(seen, PEOPLE.map((person) => NAMES[person]));
    for (const { page, person, context } of people) {
      assert.equal(await agents(page), 200);
      const { status, text } = await ask(page, '/api/workflows/refund/start-async', { inputData: { number: '1002' } });
      assert.equal(status, person === 'viewer' ? 403 : 200, `${person}: ${text}`);
      if (person === 'viewer') assert.match(text, /Missing required permission: workflows:/);
      else assert.equal(JSON.parse(text).result.refund, 65);
      await context.close();
    }
  });

  test('after the sign-out the browser has no cookie, the old one is refused, and another person stays signed in', async () => {
    const people = await Promise.all(['member', 'admin'].map(goToLogin));
    for (const { page, person } of people) {
      await pick(page, person);
      await page.waitForURL(server.url + WANTED);
    }
    const [leaves, stays] = people;
    const session = async () => (await leaves.context.cookies(server.url)).find((one) => one.name.startsWith('mastra_session'));
    const old = await session();
    assert.deepEqual([old.httpOnly, old.sameSite], [true, 'Lax']);
    const withOld = async () => (await fetch(`${server.url}/api/agents`, { headers: { cookie: `${old.name}=${old.value}` } })).status;
    assert.equal(await withOld(), 200);
    const { status, text } = await ask(leaves.page, '/api/auth/logout', {});
    assert.equal(status, 200, text);
    assert.equal(await session(), undefined);
    assert.deepEqual([await agents(leaves.page), await withOld(), await agents(stays.page)], [401, 401, 200]);
    assert.ok(![...cloud.log, ...server.log].join('\n').includes(old.value), 'no token in a log');
    await Promise.all(people.map(({ context }) => context.close()));
  });
});
