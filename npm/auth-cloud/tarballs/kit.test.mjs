// The test kit as its guide tells it: from an empty folder to green tests in vitest and in Playwright, with nothing of Rust in reach.
// The times are shown and not judged.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startRegistry } from '../../../e2e/registry.mjs';
import { freePort } from '../scripts/free-port.mjs';
import { ADDON, CORE, LOCAL, MAIN, NPM, emptyFolder, run } from './projects.mjs';

const { CHROMIUM } = process.env;
if (!CHROMIUM) throw new Error('CHROMIUM is not set: run `cargo xtask tarballs`');
const ROOT = path.join(import.meta.dirname, '../../..');
const json = file => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
const VITEST = `vitest@${json('npm/auth-cloud/package.json').devDependencies.vitest}`;
const PLAYWRIGHT = `@playwright/test@${json('e2e/package.json').devDependencies['playwright-core']}`;
const guide = readFileSync(path.join(ROOT, 'docs/guide/test-your-app.md'), 'utf8');
/** The first program below a heading of the guide. */
const program = heading => new RegExp(`\n## ${heading}\n[^]*?\n\`\`\`ts[^\n]*\n([^]*?)\n\`\`\`\n`).exec(guide)[1];

/** An app with a page that only signed-in people see. */
const APP = `import { createServer } from 'node:http';
import { MastraCloudAuth } from '@mastra/auth-cloud';
const auth = new MastraCloudAuth();
createServer(async ({ url, headers: { cookie = '' } }, answer) => {
  const user = await auth.authenticateToken('', new Request(\`http://localhost\${url}\`, { headers: { cookie } }));
  if (url === '/agents' && user === null) answer.writeHead(302, { location: '/sign-in' });
  answer.end(user?.name ?? 'a stranger');
}).listen(Number(process.env.PORT), 'localhost');
`;

describe('the test kit, in a project that was just begun', () => {
  const [folder, bin] = [emptyFolder(), emptyFolder()];
  after(() => [folder, bin].forEach(one => rmSync(one, { recursive: true, force: true })));
  // The programs that a machine with Node has, and no other.
  const env = { ...process.env, PATH: bin, CI: '1' };
  before(() => {
    for (const name of ['node', 'npm', 'npx', 'sh']) {
      const folders = process.env.PATH.split(path.delimiter);
      symlinkSync(folders.map(one => path.join(one, name)).find(existsSync), path.join(bin, name));
    }
    for (const name of ['cargo', 'rustc', 'mastra-auth']) assert.equal(run(folder, name, [], env).error?.code, 'ENOENT', name);
  });
  const inProject = (...words) => {
    const { status, stdout, stderr } = run(folder, words[0], words.slice(1), env);
    assert.equal(status, 0, `${words.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const write = (name, text) => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  };
  const seconds = since => ((performance.now() - since) / 1_000).toFixed(1);

  test('vitest has a signed-in member', t => {
    const begun = performance.now();
    inProject('npm', 'init', '--yes');
    inProject('npm', 'install', ...NPM, MAIN, ADDON, CORE);
    inProject('npm', 'install', '--save-dev', ...NPM, ...LOCAL, VITEST);
    write('test/app.test.ts', program('vitest'));
    assert.match(inProject('npx', 'vitest', 'run', 'test/app.test.ts'), /4 passed/);
    t.diagnostic(`from npm init to green: ${seconds(begun)} s`);
  });

  test('Playwright has one too', async t => {
    const begun = performance.now();
    inProject('npm', 'install', ...NPM, PLAYWRIGHT);
    const port = await freePort();
    const written = program('Playwright');
    const changed = written.replace(':4111', `:${port}`).replace(`spawn('npx', ['mastra', 'dev']`, "spawn('node', ['app.mjs']");
    assert.notEqual(changed, written);
    write('app.mjs', APP);
    write('browser/app.spec.ts', changed);
    // Debian's Chromium is a shell script.
    const launchOptions = { executablePath: CHROMIUM, args: ['--no-sandbox'], env: { ...process.env } };
    write('playwright.config.ts', `export default ${JSON.stringify({ testDir: 'browser', timeout: 300_000, use: { launchOptions } })};`);
    env.PORT = String(port);
    assert.match(inProject('npx', 'playwright', 'test', '--reporter=line'), /1 passed/);
    t.diagnostic(`from there to green: ${seconds(begun)} s`);
  });

  test('the Cloud is ready soon', t => {
    write('ready.mjs', `import { startLocalCloud } from '@mastra/auth-cloud/testing';
      const took = [];
      for (let round = 0; round < 20; round += 1) {
        const begun = performance.now();
        const cloud = await startLocalCloud();
        took.push(performance.now() - begun);
        await cloud.close();
      }
      console.log(took.sort((one, other) => one - other)[10].toFixed(0));`);
    t.diagnostic(`startLocalCloud(): ${inProject('node', 'ready.mjs').trim()} ms, the median of 20`);
  });

  test('npx @mastra/auth-cloud dev starts it, also where nothing is installed, and mastra-auth is at hand', async () => {
    const dev = "const { spawn } = require('node:child_process');"
      + "const child = spawn('npx', ['@mastra/auth-cloud', 'dev', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });"
      + "child.stdout.once('data', line => { process.stdout.write(line); process.kill(-child.pid, 'SIGTERM'); });";
    const ready = /^ready cloud=http:\/\/localhost:\d+\n$/;
    assert.match(inProject('node', '-e', dev), ready);
    assert.match(inProject('npx', 'mastra-auth', '--version'), /^mastra-auth \d/);
    const [nothing, tarballs] = [emptyFolder(), emptyFolder()];
    for (const one of [MAIN, ADDON, ...LOCAL]) cpSync(one, path.join(tarballs, path.basename(one)));
    const elsewhere = execFileSync('npm', ['config', 'get', 'registry'], { cwd: nothing, encoding: 'utf8' }).trim();
    const registry = await startRegistry(tarballs, elsewhere);
    try {
      const fetched = { ...env, npm_config_yes: 'true', npm_config_cache: path.join(nothing, 'cache') };
      // Not in a variable, whose name a shell would drop.
      writeFileSync(path.join(nothing, '.npmrc'), `@mastra:registry=${registry.url}\n`);
      const child = spawn('node', ['-e', dev], { cwd: nothing, env: fetched, stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      for await (const part of child.stdout) said += part;
      assert.match(said, ready);
    } finally {
      registry.stop();
      [nothing, tarballs].forEach(one => rmSync(one, { recursive: true, force: true }));
    }
  });
});
