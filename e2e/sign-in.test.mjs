// A newcomer's path through the demo, in both dialects, for each of the four people and for "deny".
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

for (const dialect of ['v1', 'pkce']) {
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
        assert.deepEqual(me.roles, [person]);
        assert.deepEqual(me.permissions, MAY[person].permissions);
        assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), me.name);

        assert.match(await attempt(page, 'List agents'), new RegExp(`^${MAY[person].read} `));
        assert.match(await attempt(page, 'Run the agent'), new RegExp(`^${MAY[person].execute} `));
        assert.match(await attempt(page, 'Delete the agent'), new RegExp(`^${MAY[person].delete} `));
        await picture(page, `${dialect}-3-${person}`);

        const session = (await cookiesOf(context, demo.app)).find(({ name }) => name.startsWith('mastra_session_'));
        assert.ok(session.httpOnly);
        assert.equal(session.sameSite, 'Lax');

        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByRole('link', { name: 'Sign in with Mastra Cloud' }).waitFor();
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
      assert.deepEqual(names.filter((name) => name.startsWith('mastra_session')), []);
      await page.getByRole('link', { name: 'Sign in with Mastra Cloud' }).click();
      await pick(page, 'viewer');
      await page.waitForURL(`${demo.app}/`);
      await context.close();
    });

    test('two people in two browsers and two tabs in one do not disturb one another', async () => {
      const contexts = await Promise.all([browser.newContext(), browser.newContext()]);
      const names = await Promise.all(
        contexts.map(async (context, index) => {
          const page = await context.newPage();
          await signIn(page, demo.app, ['owner', 'viewer'][index]);
          return page.evaluate(() => fetch('/auth/me').then((answer) => answer.json()).then((me) => me.roles[0]));
        }),
      );
      assert.deepEqual(names, ['owner', 'viewer']);

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
