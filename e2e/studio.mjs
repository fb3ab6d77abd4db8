// The example app under `mastra dev`, and the local Cloud alone: what the test of Studio stands on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const path = (relative) => new URL(relative, import.meta.url).pathname;
const BINARY = process.env.MASTRA_AUTH ?? path('../target/debug/mastra-auth');
const HOME = path('../target/e2e-studio');
const PACKAGE = path('../npm/auth-cloud');
const EXAMPLE = path('../examples/mastra');

/** The cache of the app under test, in seconds: short, so that a test need not wait long for its end. */
export const CACHE = { fresh: 2, staleIfError: 10 };

// mastra starts `node` by name, and it must be the one that runs the tests.
const ENV = { ...process.env, NO_COLOR: '1', PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
for (const name of Object.keys(ENV)) if (/^(MASTRA_|NODE_ENV$|NODE_TEST_CONTEXT$)/.test(name)) delete ENV[name];

/** Installs what the example needs, and the package as it was built here, as a copy: a link would not find @mastra/core. */
export async function install() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  assert.ok(major > 22 || (major === 22 && minor >= 13), `Node 22.13 or newer is needed, and this is ${process.versions.node}`);
  await mkdir(HOME, { recursive: true });
  await Promise.all(['package.json', 'package-lock.json'].map((name) => cp(path(`studio/${name}`), join(HOME, name))));
  await run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], HOME);
  const copy = join(HOME, 'node_modules/@mastra/auth-cloud');
  await rm(copy, { recursive: true, force: true });
  await mkdir(copy, { recursive: true });
  for (const name of ['package.json', 'dist', 'native']) await cp(join(PACKAGE, name), join(copy, name), { recursive: true });
}

async function run(program, args, cwd) {
  const child = spawn(program, args, { cwd, env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = linesOf(child);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  assert.equal(code, 0, `${program} ${args.join(' ')}: ${said.join('\n')}`);
}

function linesOf(child) {
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  return lines;
}

/** Starts the local Cloud; it keeps its sessions in a file, so that it can be stopped and started again on the same port. */
export async function startCloud(dialect) {
  const folder = await mkdtemp(join(HOME, 'cloud-'));
  let port = '0';
  let child;
  const cloud = { log: [], url: undefined, start, stop, remove };

  async function start() {
    const args = ['dev', '--port', port, '--dialect', dialect, '--db', join(folder, 'cloud.sqlite'), '-vvv'];
    child = spawn(BINARY, args, { env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: child.stderr }).on('line', (line) => cloud.log.push(line));
    const ready = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the Cloud ended with ${code}: ${cloud.log.join('\n')}`)));
    });
    cloud.url = /^ready cloud=(\S+)$/.exec(ready)?.[1];
    assert.ok(cloud.url, `not a ready line: ${ready}`);
    port = new URL(cloud.url).port;
  }
  function stop() {
    if (!child || child.exitCode !== null || child.signalCode !== null) return undefined;
    return new Promise((resolve) => {
      child.removeAllListeners('exit');
      child.once('exit', resolve);
      child.kill('SIGINT');
    });
  }
  function remove() {
    return rm(folder, { recursive: true, force: true });
  }
  await start();
  return cloud;
}

/** Starts `mastra dev` for a copy of the example; resolves when its server answers. */
export async function startStudio(cloud, dialect) {
  const folder = await mkdtemp(join(HOME, 'app-'));
  for (const name of ['package.json', 'tsconfig.json', 'src']) await cp(join(EXAMPLE, name), join(folder, name), { recursive: true });
  await symlink(join(HOME, 'node_modules'), join(folder, 'node_modules'));
  const index = join(folder, 'src/mastra/index.ts');
  const source = await readFile(index, 'utf8');
  const changed = source.replace('new MastraCloudAuth({', `new MastraCloudAuth({ cache: ${JSON.stringify(CACHE)},`);
  assert.notEqual(changed, source, 'the example makes its MastraCloudAuth in another way than this test knows');
  await writeFile(index, changed);

  const port = await freePort();
  const child = spawn(process.execPath, [join(HOME, 'node_modules/mastra/dist/index.js'), 'dev'], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...ENV,
      PORT: String(port),
      MASTRA_TELEMETRY_DISABLED: '1',
      MASTRA_CLOUD_URL: cloud.url,
      MASTRA_PROJECT_ID: 'demo',
      MASTRA_CLOUD_DIALECT: dialect,
    },
  });
  const log = linesOf(child);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const url = `http://localhost:${port}`;
  const stop = async () => {
    // The command starts the server as a child of its own: the group is what ends.
    if (child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    const killer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 5000);
    await ended;
    clearTimeout(killer);
    await rm(folder, { recursive: true, force: true });
  };
  const answers = () => fetch(`${url}/api/auth/capabilities`).then(({ ok }) => ok, () => false);
  for (const late = Date.now() + 90_000; !(await answers()); await sleep(200)) {
    if (child.exitCode !== null || Date.now() > late) {
      if (child.exitCode === null) await stop();
      throw new Error(`mastra dev does not answer: ${log.join('\n')}`);
    }
  }
  return { url, log, stop };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
