// What only a real browser can show: foreign pages, the way back, a closed page that wants a sign-in.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { attempt, cookiesOf, goToLogin, picture, pick, signIn, startBrowser, startDemo } from './world.mjs';

describe('in a real browser', () => {
  let demo;
  let browser;

  before(async () => {
    [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  test('threat_036_a_foreign_page_cannot_sign_anyone_out', async () => {
    const evil = createServer((request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<form id="f" method="post" action="${demo.app}/auth/logout"></form>
        <img src="${demo.app}/auth/logout"><script>f.submit()</script>`);
    });
    await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve));
    const context = await browser.newContext();
    const page = await context.newPage();
    await signIn(page, demo.app, 'member');
    // Another name is another site; localhost on another port would be the same site and must not pass either.
    for (const host of ['127.0.0.1', 'localhost']) {
      const other = await context.newPage();
      const answered = other.waitForResponse((answer) => answer.url().endsWith('/auth/logout') && answer.request().method() === 'POST');
      await other.goto(`http://${host}:${evil.address().port}/`);
      assert.equal((await answered).status(), 403, host);
      await other.close();
    }
    assert.match(await attempt(page, 'List agents'), /^200 /, 'still signed in');
    await context.close();
    evil.close();
  });

  test('threat_060_a_browser_without_cookies_gets_a_page_and_no_circle', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await goToLogin(page, demo.app);
    await context.clearCookies();
    await pick(page, 'owner');
    await page.getByRole('heading', { name: 'Sign-in could not be finished' }).waitFor();
    assert.equal(await page.locator('code').first().textContent(), 'login_cookie_missing');
    assert.equal(page.url(), `${demo.app}/auth/callback`, 'the code that was not spent has left the address bar');
    await picture(page, 'v1-5-no-cookie');
    assert.deepEqual(await cookiesOf(context, demo.app), []);
    await context.close();
  });

  test('a closed page sends a browser to sign in and brings it back', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${demo.app}/api/agents?from=link`);
    await page.waitForURL(/\/auth\/oss/);
    await pick(page, 'viewer');
    await page.waitForURL(`${demo.app}/api/agents?from=link`);
    await context.close();
  });

  test('threat_037_the_way_back_shows_nothing_of_a_session_that_is_over', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await signIn(page, demo.app, 'admin');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in with Mastra Cloud' }).waitFor();
    await page.goBack();
    await page.reload();
    await page.getByRole('link', { name: 'Sign in with Mastra Cloud' }).waitFor();
    await context.close();
  });
});
