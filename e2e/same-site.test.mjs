// Two sites, as in production: the app at localhost, the Cloud at 127.0.0.1. Whatever SameSite the session cookie has, and however
// often one address is asked for, a person who signed in is inside. Prints a table of it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cookiesOf, startBrowser, startDemo } from './world.mjs';

const CLOSED = '/api/agents';
const table = {};

/** How often each page of a document was asked for, so that no loop goes unnoticed. */
function watch(page) {
  const seen = [];
  page.on('request', (request) => {
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) seen.push(request.url());
  });
  return seen;
}

for (const sameSite of ['Lax', 'Strict', 'None']) {
  describe(`two sites, SameSite=${sameSite}`, () => {
    let demo;
    let browser;
    let context;
    let page;
    let seen;
    const row = (table[sameSite] = {});
    /** Where a person wants to go. */
    const wanted = (n = 0) => `${demo.app}${CLOSED}?n=${n}`;
    const toCloud = async (at, n) => {
      await at.goto(wanted(n));
      await at.waitForURL(/\/auth\/oss/);
    };
    const pick = (at, person = 'member') => at.locator(`button[data-person="${person}"]`).click();
    const inside = async (at, n) => {
      await at.waitForURL(wanted(n));
      assert.match(await at.textContent('body'), /agents/, 'it is the page itself');
    };
    const role = (at) => at.evaluate(() => fetch('/auth/me').then(async (answer) => (answer.ok ? (await answer.json()).roles[0] : answer.status)));
    const callbacks = (all) => all.filter((url) => new URL(url).pathname === '/auth/callback');
    /** The test's name is the table's column. */
    const column = (name, work) =>
      test(name, async () => {
        row[name] = 'not inside';
        context = await browser.newContext({ bypassCSP: true });
        page = await context.newPage();
        seen = watch(page);
        await work();
        assert.ok(seen.length < 30, `no loop: ${seen.length}`);
        row[name] = 'inside';
        await context.close();
      });

    before(async () => {
      [demo, browser] = await Promise.all([startDemo('v1', ['--same-site', sameSite.toLowerCase()]), startBrowser()]);
      assert.equal(new URL(demo.cloud).hostname, '127.0.0.1');
    });
    after(async () => {
      await browser?.close();
      await demo?.stop();
    });

    column('sign-in', async () => {
      await toCloud(page);
      await pick(page);
      await inside(page);
      assert.equal(callbacks(seen).length, 1);
      const session = (await cookiesOf(context, demo.app)).find(({ name }) => name.includes('mastra_session_'));
      assert.equal(session.sameSite, sameSite);
      assert.equal(await role(page), 'member');
    });

    column('Back', async () => {
      await toCloud(page);
      await pick(page);
      await inside(page);
      // To the Cloud's page, where another person is picked: the callback was used, and the account stays.
      await page.goBack();
      await page.waitForURL(/\/auth\/oss/);
      await pick(page, 'owner');
      await inside(page);
      assert.equal(await role(page), 'member');
      assert.ok(callbacks(seen).length <= 3, callbacks(seen).length);
    });

    column('reload', async () => {
      await toCloud(page);
      const cloud = page.url();
      await pick(page);
      await inside(page);
      const [callback] = callbacks(seen);
      // Typed anew, asked for by a page of another site, and asked for by one of this site.
      await page.goto(callback);
      await inside(page);
      await page.goto(cloud);
      await page.evaluate((url) => location.assign(url), callback);
      await inside(page);
      await page.goto(demo.app);
      await page.evaluate((url) => location.assign(url), callback);
      await inside(page);
      await page.reload();
      await inside(page);
      assert.equal(await role(page), 'member');
    });

    column('prefetch', async () => {
      await page.goto(demo.app);
      const preload = await context.newCDPSession(page);
      await preload.send('Preload.enable');
      const prefetch = async (urls) => {
        // A hidden tab prefetches nothing.
        await page.bringToFront();
        const ended = new Promise((resolve, reject) => {
          setTimeout(() => reject(new Error('not prefetched')), 20_000).unref();
          const statuses = new Map();
          preload.on('Preload.prefetchStatusUpdated', ({ prefetchUrl, prefetchStatus, status }) => {
            if (status === 'Pending' || status === 'Running') return;
            statuses.set(prefetchUrl, prefetchStatus);
            if (urls.every((url) => statuses.has(url))) resolve([...statuses.values()]);
          });
        });
        await page.evaluate((list) => {
          const rules = document.createElement('script');
          rules.type = 'speculationrules';
          rules.textContent = JSON.stringify({ prefetch: [{ source: 'list', urls: list, eagerness: 'immediate' }] });
          document.head.append(rules);
        }, urls);
        return ended;
      };
      // The way to sign in, and a closed page that leads there: nothing begins.
      const logins = [1, 2, 3, 4].map((n) => `${demo.app}/auth/login?return_to=%2F%3F${n}`);
      for (const status of await prefetch([...logins, wanted()])) assert.equal(status, 'PrefetchFailedNon2XX');
      assert.deepEqual(await cookiesOf(context, demo.app), []);
      // The callback of a sign-in under way: nothing is spent.
      const other = await context.newPage();
      await toCloud(other);
      const form = other.locator('form', { has: other.locator('button[data-person="member"]') });
      const number = await form.locator('input[name="number"]').first().inputValue();
      const person = await form.locator('button[data-person="member"]').getAttribute('value');
      const picked = await context.request.post(`${demo.cloud}/auth/oss`, { form: { number, person }, maxRedirects: 0 });
      const callback = picked.headers()['location'];
      assert.deepEqual(await prefetch([callback]), ['PrefetchFailedNon2XX']);
      await page.evaluate((url) => location.assign(url), callback);
      await inside(page);
    });

    column('two tabs', async () => {
      const other = await context.newPage();
      await toCloud(page, 1);
      await toCloud(other, 2);
      await pick(other);
      await inside(other, 2);
      await pick(page);
      await inside(page, 1);
      assert.equal(await role(page), 'member');
    });

    column('six restored tabs', async () => {
      const tabs = [];
      for (let n = 0; n < 6; n++) {
        const tab = await context.newPage();
        await toCloud(tab, n);
        tabs.push(tab);
      }
      // The last one first; then the others, whose pages the Cloud still shows.
      for (const n of [5, 0, 1, 2, 3, 4]) {
        await tabs[n].bringToFront();
        await pick(tabs[n]);
        await inside(tabs[n], n);
      }
      // And all of them once more, at the address that they came by.
      for (const n of [0, 5]) {
        await tabs[n].goBack();
        await tabs[n].waitForURL(/\/auth\/oss/);
        await pick(tabs[n]);
        await inside(tabs[n], n);
      }
    });
  });
}

after(() => console.table(table));
