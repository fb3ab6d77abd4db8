// Mastra servers that are not `mastra dev`: the built app on its own, and the same app behind Hono and Express.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentOf } from './cloud.mjs';
import { HOME, makeApp } from './install.mjs';
import { run, startServer } from './processes.mjs';

/** Builds the example, and takes the output to a place above which there is nothing. What it was built from is removed. */
export async function build() {
  const app = await makeApp();
  await run(process.execPath, [join(HOME, 'node_modules/mastra/dist/index.js'), 'build', '--studio'], app);
  const folder = await mkdtemp(join(tmpdir(), 'mastra-auth-built-'));
  await cp(join(app, '.mastra/output'), folder, { recursive: true, verbatimSymlinks: true });
  await rm(app, { recursive: true, force: true });
  return folder;
}

/** Starts what was built, from another working directory. */
export function startBuilt(folder, cloud, dialect) {
  return startServer([join(folder, 'index.mjs')], { cwd: '/', env: environmentOf(cloud, dialect) });
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
  const hosts = new URL('hosts/', import.meta.url).pathname;
  for (const name of await readdir(hosts)) if (name.endsWith('.mjs')) await cp(join(hosts, name), join(app, name));
  return app;
}

/** Starts one of the servers of hosts/. */
export function startHost(app, name, cloud, dialect, env = {}) {
  return startServer([join(app, `${name}.mjs`)], { cwd: app, env: { ...environmentOf(cloud, dialect), ...env } });
}
