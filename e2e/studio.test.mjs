// Studio of a real Mastra server, in both dialects: sign-in, permissions, the end of a session, and a Cloud that is unreachable.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCloud } from './cloud.mjs';
import { NAMES, PEOPLE } from './people.mjs';
import { CACHE, startStudio } from './studio.mjs';
import { picture, pick, startBrowser } from './world.mjs';

/** How long a Cloud that failed several times in a row is not asked, in seconds. */
const BREAKER_PAUSE = 5;
const WORKFLOW = '/workflows/refund/graph';

// Side by side: each waits for pages, pauses and the server that starts.
describe('Studio', { concurrency: 2 }, () => {
  for (const dialect of ['v1', 'pkce']) {
    describe(dialect, { concurrency: 1 }, () => {
      let cloud;
      let studio;
      let browser;

      before(async () => {
        cloud = await startCloud(dialect);
        // Both, so that what has started is stopped where the other fails.
        const started = await Promise.allSettled([startStudio(cloud, dialect), startBrowser()]);
        [studio, browser] = started.map(({ value }) => value);
        for (const { status, reason } of started) if (status === 'rejected') throw reason;
      });
      after(async () => {
        await browser?.close();
        await studio?.stop();
        const code = await cloud?.stop();
        await cloud?.remove();
        assert.equal(code, 0, 'Ctrl-C ends the Cloud cleanly');
      });

      /** What tells the dialects apart is tested in both, the rest in one. */
      const inOne = dialect === 'v1' ? test : () => {};
      const signInButton = (page) => page.getByRole('button', { name: 'Sign in with Mastra Cloud' });
      // The picture comes from the Cloud; while that is unreachable, Studio shows the first letter of the name.
      const userMenu = (page, person) =>
        page
          .locator(`button:has(img[alt="${NAMES[person]}"])`)
          .or(page.getByRole('button', { name: NAMES[person][0], exact: true }));

      /** From a page of Studio to the Cloud's login page. */
      async function goToLogin(page, wanted = WORKFLOW) {
        await page.goto(`${studio.url}${wanted}`);
        await signInButton(page).click();
        await page.waitForURL(/\/auth\/oss/);
      }

      async function signIn(page, person, wanted = WORKFLOW) {
        await goToLogin(page, wanted);
        await pick(page, person);
        await page.waitForURL(`${studio.url}${wanted}`);
        await userMenu(page, person).waitFor();
      }

      async function sessionCookie(context) {
        return (await context.cookies(studio.url)).find(({ name }) => name.startsWith('mastra_session_'));
      }

      /** Asks the server from inside the page, as a script of Studio would. */
      function runWorkflow(page) {
        return page.evaluate(async () => {
          const answer = await fetch('/api/workflows/refund/start-async', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ inputData: { number: '1002' } }),
          });
          return { status: answer.status, text: await answer.text() };
        });
      }

      const listAgents = (page) => page.evaluate(() => fetch('/api/agents').then(({ status }) => status));

      const whoIsThere = (page) => page.evaluate(async () => (await (await fetch('/api/auth/me')).json())?.name);

      /** The status the server gives to a cookie, whatever a browser makes of it. */
      async function statusOf(cookie) {
        const answer = await fetch(`${studio.url}/api/agents`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
        return answer.status;
      }

      /** The Cloud's admin page, once it has filled its tables. */
      async function openAdmin() {
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.goto(`${cloud.url}/admin`);
        await page.locator('#sessions tr').first().waitFor();
        return page;
      }

      const sessionIds = (admin) => admin.locator('#sessions tr td:nth-child(2) code').allTextContents();

      /** The row of the one session that was not there before. */
      async function newSession(admin, known) {
        await admin.waitForFunction(
          (count) => document.querySelectorAll('#sessions tr td:nth-child(2) code').length > count,
          known.length,
        );
        const added = (await sessionIds(admin)).filter((id) => !known.includes(id));
        assert.equal(added.length, 1, 'one sign-in makes one session');
        return admin.locator('#sessions tr', { hasText: added[0] });
      }

      for (const person of PEOPLE) {
        test(`${person} signs in from Studio, comes back to the page they wanted, and may do what the role says`, async () => {
          const context = await browser.newContext();
          const page = await context.newPage();
          if (person === 'owner') {
            await page.goto(`${studio.url}${WORKFLOW}`);
            await signInButton(page).waitFor();
            await picture(page, `studio-${dialect}-1-signed-out`);
          }
          await signIn(page, person, `${WORKFLOW}?x=1#here`);

          if (person === 'viewer') {
            await page.getByText("You don't have permission to execute workflows.").waitFor();
            assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).count(), 0);
            const { status, text } = await runWorkflow(page);
            assert.equal(status, 403, 'the server refuses, and not only the page');
            assert.match(text, /Missing required permission: workflows:/);
            assert.equal(await listAgents(page), 200, 'reading is what a viewer may');
          } else {
            await page.getByRole('button', { name: 'Run', exact: true }).click();
            await page.getByText('Success', { exact: true }).first().waitFor();
            const { status, text } = await runWorkflow(page);
            assert.equal(status, 200);
            assert.equal(JSON.parse(text).result.refund, 65);
          }
          await picture(page, `studio-${dialect}-2-${person}`);

          await userMenu(page, person).click();
          await page.getByText(NAMES[person], { exact: true }).first().waitFor();
          if (person === 'owner') await picture(page, `studio-${dialect}-3-menu`);
          const cookie = await sessionCookie(context);
          assert.ok(cookie.httpOnly);
          assert.equal(cookie.sameSite, 'Lax');
          const logged = [...cloud.log, ...studio.log].join('\n');
          assert.ok(!logged.includes(cookie.value), 'no token in a log');
          await context.close();
        });
      }

      test('deny makes no session, and one can sign in after it', async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await goToLogin(page);
        await page.getByRole('button', { name: 'Deny' }).click();
        // The route for the callback leads back to the page, and says why there.
        await page.waitForURL((url) => url.origin === studio.url && url.searchParams.get('error') === 'The sign-in was declined at the Cloud.');
        await picture(page, `studio-${dialect}-4-denied`);
        assert.equal(await sessionCookie(context), undefined);
        assert.equal(await listAgents(page), 401);
        await signIn(page, 'member');
        assert.equal(await listAgents(page), 200);
        await context.close();
      });

      inOne('two people sign in at once in two tabs of one browser: the last one is who is there, and the first session is over', async () => {
        const admin = await openAdmin();
        const known = await sessionIds(admin);
        const context = await browser.newContext();
        const [first, second] = await Promise.all([context.newPage(), context.newPage()]);
        await goToLogin(first, WORKFLOW);
        await goToLogin(second, '/agents');
        await pick(first, 'member');
        await first.waitForURL(`${studio.url}${WORKFLOW}`);
        await userMenu(first, 'member').waitFor();
        const row = await newSession(admin, known);
        const replaced = await sessionCookie(context);
        assert.equal(await statusOf(replaced), 200);

        await pick(second, 'viewer');
        await second.waitForURL(`${studio.url}/agents`);
        await userMenu(second, 'viewer').waitFor();
        assert.notEqual((await sessionCookie(context)).value, replaced.value);
        assert.equal(await statusOf(replaced), 401, 'a sign-in ends the session that it replaces');
        await row.getByText('ended', { exact: true }).waitFor();

        // The first tab still shows the member; what it asks for is the viewer's.
        assert.equal((await runWorkflow(first)).status, 403);
        assert.equal(await whoIsThere(first), NAMES.viewer);
        await Promise.all([first.reload(), second.reload()]);
        for (const page of [first, second]) {
          await userMenu(page, 'viewer').waitFor();
          assert.equal(await userMenu(page, 'member').count(), 0);
        }
        await picture(first, `studio-${dialect}-7-first-tab`);
        await Promise.all([context.close(), admin.context().close()]);
      });

      inOne('two people in two browsers sign in at once and never see each other', async () => {
        const people = ['member', 'viewer'];
        const contexts = await Promise.all(people.map(() => browser.newContext()));
        const pages = await Promise.all(contexts.map((context) => context.newPage()));
        await Promise.all(pages.map((page) => goToLogin(page)));
        await Promise.all(pages.map((page, at) => pick(page, people[at])));
        await Promise.all(pages.map((page) => page.waitForURL(`${studio.url}${WORKFLOW}`)));
        for (let round = 0; round < 2; round += 1) {
          await Promise.all(pages.map((page, at) => userMenu(page, people[at]).waitFor()));
          for (const [at, page] of pages.entries()) assert.equal(await userMenu(page, people[1 - at]).count(), 0);
          const asked = Array.from({ length: 20 }, () => Promise.all(pages.map(whoIsThere)));
          for (const seen of await Promise.all(asked)) assert.deepEqual(seen, people.map((person) => NAMES[person]));
          const runs = await Promise.all(pages.map(runWorkflow));
          assert.deepEqual(runs.map(({ status }) => status), [200, 403]);
          if (round === 0) await Promise.all(pages.map((page) => page.reload()));
        }
        await picture(pages[1], `studio-${dialect}-8-viewer-beside-member`);
        await Promise.all(contexts.map((context) => context.close()));
      });

      test('after the sign-out the old cookie is refused, and the Cloud knows that the session is over', async () => {
        const admin = await openAdmin();
        const known = await sessionIds(admin);
        const context = await browser.newContext();
        const page = await context.newPage();
        await signIn(page, 'member');
        const row = await newSession(admin, known);
        await row.getByText('alive', { exact: true }).waitFor();
        const cookie = await sessionCookie(context);
        assert.equal(await statusOf(cookie), 200);

        await userMenu(page, 'member').click();
        await page.getByRole('button', { name: 'Sign out' }).click();
        await signInButton(page).waitFor();
        assert.equal(await sessionCookie(context), undefined, 'the browser keeps no cookie');
        assert.equal(await statusOf(cookie), 401, 'the old cookie is dead at once');
        await row.getByText('ended', { exact: true }).waitFor();
        await picture(admin, `studio-${dialect}-5-admin`);
        await Promise.all([context.close(), admin.context().close()]);
      });

      test('a session that is ended at the Cloud is refused within the fresh time', async () => {
        const admin = await openAdmin();
        const known = await sessionIds(admin);
        const context = await browser.newContext();
        const page = await context.newPage();
        await signIn(page, 'owner');
        const row = await newSession(admin, known);
        assert.equal(await listAgents(page), 200);

        await row.getByRole('button', { name: 'End' }).click();
        await row.getByText('ended', { exact: true }).waitFor();
        // A second for the calls themselves.
        const late = Date.now() + (CACHE.fresh + 1) * 1000;
        let status;
        let begun;
        do {
          begun = Date.now();
          status = await listAgents(page);
          // 403 in between: who it is may be fresh for a moment longer than what they may do.
          assert.ok([200, 401, 403].includes(status), String(status));
          await sleep(100);
        } while (status !== 401 && begun < late);
        assert.equal(status, 401);
        await page.reload();
        await signInButton(page).waitFor();
        await context.close();
        await admin.context().close();
      });

      inOne('while the Cloud is unreachable pages keep working for the stale time, and no user is signed out when it returns', async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await signIn(page, 'member');
        const cookie = await sessionCookie(context);
        assert.equal((await runWorkflow(page)).status, 200);

        assert.equal(await cloud.stop(), 0);
        const away = Date.now();
        await sleep((CACHE.fresh + 0.5) * 1000);
        await page.reload();
        await userMenu(page, 'member').waitFor();
        assert.equal((await runWorkflow(page)).status, 200, 'what was verified serves on');
        assert.ok(Date.now() - away < (CACHE.fresh + CACHE.staleIfError) * 1000, 'this was within the stale time');
        await picture(page, `studio-${dialect}-6-cloud-away`);

        await sleep(Math.max(0, away + (CACHE.fresh + CACHE.staleIfError + 1) * 1000 - Date.now()));
        // Mastra answers 401 on its API routes whatever the provider throws; this route hands its status on.
        const me = await page.evaluate(() => fetch('/api/auth/me').then(({ status }) => status));
        assert.equal(me, 503, 'not known is not the same as signed out');
        assert.notEqual(await listAgents(page), 200, 'past the stale time nobody is taken on trust');
        assert.equal((await sessionCookie(context)).value, cookie.value, 'an outage takes no cookie away');

        await cloud.start();
        const late = Date.now() + (BREAKER_PAUSE + 1) * 1000;
        while ((await listAgents(page)) !== 200 && Date.now() < late) await sleep(200);
        await page.reload();
        await userMenu(page, 'member').waitFor();
        assert.equal(await listAgents(page), 200);
        assert.equal((await sessionCookie(context)).value, cookie.value, 'it is the session from before');
        await context.close();
      });
    });
  }
});
