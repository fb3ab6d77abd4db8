// A newcomer's path through the demo, in each dialect, for each of the four people and for "deny".
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PEOPLE } from './people.mjs';
import { attempt, cookiesOf, goToLogin, picture, pick, signIn, startBrowser, startDemo } from './world.mjs';

const MAY = {
  owner: { read: 200, execute: 200, delete: 200, permissions: ['*'] },
  admin: { read: 200, execute: 200, delete: 403, permissions: ['*:read', '*:write', '*:execute', '*:publish', '*:share'] },
  member: { read: 200, execute: 200, delete: 403, permissions: ['*:read', '*:execute'] },
  viewer: { read: 200, execute: 403, delete: 403, permissions: ['*:read'] },
};

/** On the platform an admin may do anything, and the owner is one. */
const platformRole = (person) => (person === 'owner' ? 'admin' : person);

for (const dialect of ['v1', 'pkce', 'platform']) {
  const isPlatform = dialect === 'platform';
  const cookieName = isPlatform ? 'wos-session_' : 'mastra_session_';
  describe(`sign-in, ${dialect}`, () => {
    let demo;
    let browser;

    before(async () => {
      [demo, browser] = await Promise.all([startDemo(dialect), startBrowser()]);
    });
    after(async () => {
      await browser?.close();
      assert.equal(await demo?.stop(), 0, 'Ctrl-C ends the demo cleanly');
    });

    for (const person of PEOPLE) {
      test(`${person} signs in, tries what they may and may not do, and signs out`, async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await goToLogin(page, demo.app);
        if (person === 'owner') await picture(page, `${dialect}-2-cloud-login`);
        await pick(page, person);
        await page.waitForURL(`${demo.app}/`);

        const me = await page.evaluate(() => fetch('/auth/me').then((answer) => answer.json()));
        const may = isPlatform && person === 'admin' ? MAY.owner : MAY[person];
        assert.deepEqual(me.roles, [isPlatform ? platformRole(person) : person]);
        assert.deepEqual(me.permissions, may.permissions);
        assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), me.name);

        assert.match(await attempt(page, 'List agents'), new RegExp(`^${may.read} `));
        assert.match(await attempt(page, 'Run the agent'), new RegExp(`^${may.execute} `));
        assert.match(await attempt(page, 'Delete the agent'), new RegExp(`^${may.delete} `));
        await picture(page, `${dialect}-3-${person}`);

        const session = (await cookiesOf(context, demo.app)).find(({ name }) => name.startsWith(cookieName));
        assert.ok(session.httpOnly);
        assert.equal(session.sameSite, 'Lax');

        await page.getByRole('button', { name: 'Sign out' }).click();
        if (isPlatform) await page.waitForURL(`${demo.cloud}/auth/logout`);
        else await page.getByRole('link', { name: 'Sign in with Mastra Cloud' }).waitFor();
        assert.deepEqual(await cookiesOf(context, demo.app), [], 'the browser keeps no cookie');

        const dead = await fetch(`${demo.app}/auth/me`, { headers: { cookie: `${session.name}=${session.value}` } });
        assert.equal(dead.status, 401, 'the old cookie is dead');
        const logged = demo.log.join('\n');
        assert.ok(!logged.includes(session.value), 'no token in the log');
        assert.ok(!logged.includes(me.email), 'no e-mail address in the log');
        await context.close();
      });
    }

    test('deny leads to a page that says so, and to no session', async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      if (dialect === 'v1') {
        await page.goto(demo.app);
        await picture(page, 'v1-1-signed-out');
      }
      await goToLogin(page, demo.app);
      await page.getByRole('button', { name: /deny/i }).click();
      await page.getByRole('heading', { name: 'You did not sign in' }).waitFor();
      await picture(page, `${dialect}-4-denied`);
      const names = (await cookiesOf(context, demo.app)).map((cookie) => cookie.name);
      assert.deepEqual(names.filter((name) => !name.includes('mastra_login')), []);
      await page.getByRole('link', { name: 'Sign in with Mastra Cloud' }).click();
      await pick(page, 'viewer');
      await page.waitForURL(`${demo.app}/`);
      await context.close();
    });

    if (isPlatform) {
      test('a session that rotates every second signs nobody out', async () => {
        const headers = { origin: demo.cloud, 'content-type': 'application/json' };
        const often = { method: 'PATCH', headers, body: '{"rotateAfter":1}' };
        assert.ok((await fetch(`${demo.cloud}/admin/api/platform`, often)).ok);
        const context = await browser.newContext();
        const page = await context.newPage();
        await signIn(page, demo.app, 'member');
        const seen = new Set();
        while (seen.size < 5) {
          assert.match(await attempt(page, 'List agents'), /^200 /);
          seen.add((await cookiesOf(context, demo.app)).find(({ name }) => name.startsWith(cookieName))?.value);
        }
        await page.reload();
        await page.getByText('org_acme').waitFor();
        await picture(page, 'platform-5-rotated');
        await context.close();
      });
    }

    test('two people in two browsers and two tabs in one do not disturb one another', async () => {
      const contexts = await Promise.all([browser.newContext(), browser.newContext()]);
      const names = await Promise.all(
        contexts.map(async (context, index) => {
          const page = await context.newPage();
          await signIn(page, demo.app, ['owner', 'viewer'][index]);
          return page.evaluate(() => fetch('/auth/me').then((answer) => answer.json()).then((me) => me.roles[0]));
        }),
      );
      assert.deepEqual(names, [isPlatform ? 'admin' : 'owner', 'viewer']);

      const [first, second] = await Promise.all([contexts[0].newPage(), contexts[0].newPage()]);
      await contexts[0].clearCookies();
      await goToLogin(first, demo.app);
      await goToLogin(second, demo.app);
      await pick(first, 'member');
      await first.waitForURL(`${demo.app}/`);
      await pick(second, 'admin');
      await second.waitForURL(`${demo.app}/`);
      await Promise.all(contexts.map((context) => context.close()));
    });
  });
}
