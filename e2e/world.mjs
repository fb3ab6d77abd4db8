// The demo as a process, Chromium as a browser: what every test of this folder stands on.
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { launch } from './processes.mjs';

const BINARY = process.env.MASTRA_AUTH ?? new URL('../target/debug/mastra-auth', import.meta.url).pathname;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const OUT = new URL('./out/', import.meta.url).pathname;

/** Starts the demo on two free ports; resolves when it says that it is ready. */
export async function startDemo(dialect = 'v1', more = []) {
  const child = launch(BINARY, ['demo', '--port', '0', '--cloud-port', '0', '--dialect', dialect, '-vvv', ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  const log = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const ready = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the demo ended with ${code}: ${log.join('\n')}`)));
  });
  const [, app, cloud] = /^ready app=(\S+) cloud=(\S+)$/.exec(ready) ?? [];
  if (!app || !cloud) throw new Error(`not a ready line: ${ready}`);
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners('exit');
      child.once('exit', (code) => resolve(code));
      child.kill('SIGINT');
    });
  return { app, cloud, log, stop };
}

/** One headless Chromium; a page that does not come in time fails the test, and not the patience. */
export async function startBrowser(more = []) {
  mkdirSync(OUT, { recursive: true });
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', '--no-first-run', ...more],
  });
  const open = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await open(options);
    context.setDefaultTimeout(60_000);
    return context;
  };
  return browser;
}

/** Keeps a picture of a page, to be looked at. */
export function picture(page, name) {
  return page.screenshot({ path: `${OUT}${name}.png`, fullPage: true });
}

/** From the app's first page to the Cloud's login page. */
export async function goToLogin(page, app) {
  await page.goto(app);
  await page.getByRole('link', { name: 'Sign in with Mastra Cloud' }).click();
  await page.waitForURL(/\/auth\/(oss|sign-in)/);
}

/** Picks a person on the Cloud's login page. */
export function pick(page, person) {
  return page.locator(`button[data-person="${person}"]`).click();
}

/** The whole way in. */
export async function signIn(page, app, person) {
  await goToLogin(page, app);
  await pick(page, person);
  await page.waitForURL(`${app}/`);
}

/** Presses one of the app's three buttons and reads what came of it. */
export async function attempt(page, label) {
  const item = page.locator('ul.actions li', { hasText: label });
  const output = item.locator('output');
  await output.evaluate((node) => { node.textContent = ''; });
  await item.getByRole('button').click();
  await page.waitForFunction((node) => node.textContent !== '', await output.elementHandle());
  return output.textContent();
}

/** The cookies that a browser holds for the app. */
export function cookiesOf(context, app) {
  return context.cookies(app);
}
