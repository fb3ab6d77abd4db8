// Studio in the dialect `platform`, while every session is replaced about once a second: nobody may be signed out.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startCloud } from './cloud.mjs';
import { NAMES, PEOPLE } from './people.mjs';
import { SESSION } from './person.mjs';
import { FRESH, repeat } from './rotation.mjs';
import { startStudio } from './studio.mjs';
import { picture, pick, startBrowser } from './world.mjs';

const DIALECT = 'platform';
const PAGES = ['/workflows/refund/graph', '/agents', '/workflows'];

describe('Studio, platform', () => {
  let cloud;
  let studio;
  let browser;
  before(async () => {
    cloud = await startCloud(DIALECT, ['--rotate-after', '1']);
    const options = { cache: { fresh: FRESH }, env: { MASTRA_ORGANIZATION_ID: 'org_acme' } };
    const started = await Promise.allSettled([startStudio(cloud, DIALECT, options), startBrowser()]);
    [studio, browser] = started.map(({ value }) => value);
    for (const { status, reason } of started) if (status === 'rejected') throw reason;
  });
  after(async () => {
    await browser?.close();
    await studio?.stop();
    await cloud?.stop();
    await cloud?.remove();
  });

  const userMenu = (page, person) => page.locator(`button:has(img[alt="${NAMES[person]}"])`);
  const sessionOf = async ({ context }) => (await context.cookies(studio.url)).find(({ name }) => SESSION.test(name))?.value;
  const agents = (page) => page.evaluate(() => fetch('/api/agents').then(({ status }) => status));

  /** A browser of this person's own, on the platform's login page. */
  async function goToLogin(person) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(studio.url + PAGES[0]);
    await page.getByRole('button', { name: 'Sign in with Mastra Cloud' }).click();
    await page.waitForURL(/\/auth\/sign-in/);
    return { person, context, page };
  }

  async function choose({ person, page }) {
    await pick(page, person);
    await page.waitForURL(studio.url + PAGES[0]);
    await userMenu(page, person).waitFor();
  }

  function runWorkflow(page) {
    return page.evaluate(async () => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ inputData: { number: '1002' } });
      const answer = await fetch('/api/workflows/refund/start-async', { method: 'POST', headers, body });
      return { status: answer.status, text: await answer.text() };
    });
  }

  test('four people sign in, and none is signed out while each session is replaced again and again', async () => {
    const people = await Promise.all(PEOPLE.map(goToLogin));
    await Promise.all(people.map(choose));
    const refused = [];
    for (const { person, page } of people) {
      page.on('response', (answer) => {
        if (answer.status() === 401) refused.push(`${person}: ${answer.url()}`);
      });
    }
    const sessions = await repeat(people, async ({ person, page }, round) => {
      await page.goto(studio.url + PAGES[round % PAGES.length]);
      await userMenu(page, person).waitFor();
      assert.deepEqual(await Promise.all(Array.from({ length: 3 }, () => agents(page))), [200, 200, 200]);
      const { status, text } = await runWorkflow(page);
      assert.equal(status, person === 'viewer' ? 403 : 200, `${person}: ${text}`);
      if (person === 'viewer') assert.match(text, /Missing required permission: workflows:/);
    }, sessionOf);
    assert.deepEqual(refused, []);
    const logged = [...cloud.log, ...studio.log].join('\n');
    for (const session of sessions) assert.ok(!logged.includes(session), 'no session in a log');
    await picture(people[0].page, 'studio-platform-1-rotated');
    await Promise.all(people.map(({ context }) => context.close()));
  });

  test('deny makes no session, and one can sign in after it', async () => {
    const { page, context } = await goToLogin('member');
    await page.getByRole('button', { name: /deny/i }).click();
    await page.waitForURL((url) => url.origin === studio.url && url.searchParams.get('error') === 'access_denied');
    await picture(page, 'studio-platform-2-denied');
    assert.equal(await sessionOf({ context }), undefined);
    assert.equal(await agents(page), 401);
    await page.goto(studio.url + PAGES[0]);
    await page.getByRole('button', { name: 'Sign in with Mastra Cloud' }).click();
    await choose({ person: 'member', page });
    assert.equal(await agents(page), 200);
    await context.close();
  });

  test('a person of another organization makes no session, at the platform or here', async () => {
    const refused = await goToLogin('outsider');
    await pick(refused.page, 'outsider');
    await refused.page.getByText('You are no member of that organization.').waitFor();
    assert.equal(await sessionOf(refused), undefined);
    await refused.context.close();

    // A platform that does not look at the organization that was asked for.
    const { page, context } = await goToLogin('outsider');
    await context.route(/\/v1\/auth\/login/, (route) => {
      const url = new URL(route.request().url());
      url.searchParams.delete('organization_id');
      return route.fulfill({ status: 302, headers: { location: url.href } });
    });
    await page.goto(studio.url + PAGES[0]);
    await page.getByRole('button', { name: 'Sign in with Mastra Cloud' }).click();
    await page.waitForURL(/\/auth\/sign-in/);
    await page.getByText('for any of your organizations').waitFor();
    await pick(page, 'outsider');
    await page.waitForURL((url) => url.origin === studio.url && url.searchParams.has('error'));
    assert.equal(await sessionOf({ context }), undefined);
    assert.equal(await agents(page), 401);
    await context.close();
  });
});
