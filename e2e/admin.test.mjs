// The local Cloud's admin page, and what the demo shows of a session that is ended there.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { attempt, picture, signIn, startBrowser, startDemo } from './world.mjs';

describe('the admin page', () => {
  let demo;
  let browser;

  before(async () => {
    [demo, browser] = await Promise.all([startDemo('v1'), startBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  /** The page, and a look at its line of news. */
  async function openAdmin(context) {
    const page = await context.newPage();
    await page.goto(`${demo.cloud}/admin`);
    await page.locator('#status', { hasText: 'Live' }).waitFor();
    return [page, (text) => page.locator('#status', { hasText: text }).waitFor()];
  }

  test('a fault is shown by the name that was chosen, and switched off alone', async () => {
    const context = await browser.newContext();
    const [page, says] = await openAdmin(context);
    const names = await page.locator('#fault-form option').allTextContents();
    const chosen = names.slice(0, names.indexOf('any'));
    assert.equal(chosen.length, 18);
    for (const label of chosen) {
      await page.locator('select[name=fault]').selectOption({ label });
      await page.getByRole('button', { name: 'Switch on' }).click();
      await page.locator('#faults strong', { hasText: label }).last().waitFor();
    }
    const on = () => page.locator('#faults strong').allTextContents();
    assert.deepEqual(await on(), chosen);
    const row = page.locator('#faults li').filter({ has: page.getByText('503', { exact: true }) });
    await row.getByRole('button').click();
    await says('Fault switched off');
    assert.deepEqual(await on(), chosen.filter((label) => label !== '503'));
    await page.getByRole('button', { name: 'Clear all' }).click();
    await says('Faults cleared');
    assert.deepEqual(await on(), []);
    await context.close();
  });

  test('a token is copied, and it is the person\'s', async () => {
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    const [page, says] = await openAdmin(context);
    await page.getByRole('button', { name: 'Copy a token of Mei Tanaka' }).click();
    await says('Token copied');
    const token = await page.evaluate(() => navigator.clipboard.readText());
    const me = await fetch(`${demo.app}/auth/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await me.json()).id, 'usr_mei');
    assert.ok(!(await page.content()).includes(token), 'it stands nowhere on the page');
    await context.close();
  });

  test('who is signed out there is told so and why, with a way in', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await signIn(page, demo.app, 'member');
    const [admin, says] = await openAdmin(context);
    await admin.getByRole('button', { name: 'End all sessions of Mei Tanaka' }).click();
    await says('Sessions ended');
    while (!(await attempt(page, 'List agents')).startsWith('401')) await page.waitForTimeout(200);
    const notice = page.getByRole('alert');
    await notice.getByRole('heading', { name: 'You are signed out' }).waitFor();
    assert.equal(await notice.locator('code').textContent(), 'session_ended');
    await picture(page, 'v1-5-signed-out-elsewhere');
    await page.reload();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await page.getByRole('link', { name: 'Sign in again' }).click();
    await page.waitForURL(`${demo.cloud}/**`);
    await context.close();
  });
});
