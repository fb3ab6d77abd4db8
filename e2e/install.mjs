// The example app with everything it needs installed: our package from its packed tarballs, the rest as hosts/package-lock.json says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENV, run } from './processes.mjs';
import { startRegistry } from './registry.mjs';

const path = (relative) => new URL(relative, import.meta.url).pathname;
const PACKED = process.env.MASTRA_AUTH_PACKED ?? path('../target/npm-packed');
export const EXAMPLE = path('../examples/mastra');
const OURS = '@mastra/auth-cloud';
const OPTIONS = ['--ignore-scripts', '--no-audit', '--no-fund'];

/** Where everything is installed and every app is made. */
export const HOME = path('../target/e2e-hosts');

/** Installs what a folder beside this file names, in `home`. What `then` asks npm for, it gets our package too. */
export async function install(from = 'hosts', home = HOME, then = async () => {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  assert.ok(major > 22 || (major === 22 && minor >= 13), `Node 22.13 or newer is needed, and this is ${process.versions.node}`);
  assert.ok(existsSync(PACKED), `no packages in ${PACKED}: \`cargo xtask npm-pack --out target/npm-packed\` makes them`);
  const elsewhere = execFileSync('npm', ['config', 'get', 'registry'], { env: ENV, encoding: 'utf8' }).trim();
  const registry = await startRegistry(PACKED, elsewhere);
  const [version] = Object.keys(registry.versions);
  assert.ok(version, `${PACKED} does not hold ${OURS}`);

  await mkdir(home, { recursive: true });
  const manifest = JSON.parse(await readFile(path(`${from}/package.json`), 'utf8'));
  manifest.dependencies[OURS] = version;
  await writeFile(join(home, 'package.json'), JSON.stringify(manifest));
  await cp(path(`${from}/package-lock.json`), join(home, 'package-lock.json'));
  await writeFile(join(home, '.npmrc'), `@mastra:registry=${registry.url}\n`);
  // It keeps its version while it is developed: what an earlier run installed is not this one.
  await rm(join(home, 'node_modules', OURS), { recursive: true, force: true });
  try {
    await run('npm', ['install', ...OPTIONS], home);
    await then();
  } finally {
    registry.stop();
  }
}

/** The example as a project of its own, with our package from the tarballs that lie in it; nothing is installed yet. */
export async function makeProject() {
  const folder = await mkdtemp(join(tmpdir(), 'mastra-auth-project-'));
  for (const name of ['tsconfig.json', 'src']) await cp(join(EXAMPLE, name), join(folder, name), { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) await cp(path(`hosts/${name}`), join(folder, name));
  await cp(PACKED, join(folder, 'vendor'), { recursive: true });
  const tarballs = (await readdir(PACKED)).filter((name) => name.endsWith('.tgz')).map((name) => `./vendor/${name}`);
  await run('npm', ['install', '--package-lock-only', ...OPTIONS, ...tarballs], folder);
  return folder;
}

/** A copy of the example that names a published version of our package, beside what is installed. */
export async function makeApp() {
  const folder = await mkdtemp(join(HOME, 'app-'));
  for (const name of ['tsconfig.json', 'src']) await cp(join(EXAMPLE, name), join(folder, name), { recursive: true });
  for (const name of ['package-lock.json', '.npmrc']) await cp(join(HOME, name), join(folder, name));
  const manifest = JSON.parse(await readFile(join(EXAMPLE, 'package.json'), 'utf8'));
  manifest.dependencies[OURS] = JSON.parse(await readFile(join(HOME, 'package.json'), 'utf8')).dependencies[OURS];
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await symlink(join(HOME, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The example's code as JavaScript, and the servers of hosts/ beside it. */
export async function makeHosts() {
  const app = await makeApp();
  const ts = createRequire(join(HOME, 'package.json'))('typescript');
  const { compilerOptions } = JSON.parse(await readFile(join(app, 'tsconfig.json'), 'utf8'));
  for (const name of await readdir(join(app, 'src'), { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const file = join(app, 'src', name);
    const { outputText } = ts.transpileModule(await readFile(file, 'utf8'), { compilerOptions });
    await writeFile(file.replace(/ts$/, 'js'), outputText);
  }
  const hosts = path('hosts/');
  for (const name of await readdir(hosts)) if (name.endsWith('.mjs')) await cp(join(hosts, name), join(app, name));
  return app;
}
