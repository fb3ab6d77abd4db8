// The package as bundlers, file tracers and other runtimes take it: each builds a program that signs in, and what was built is run.
//
// What stands alone is run from a folder above which there is nothing; the rest beside its `node_modules`. The package `redis` is not
// installed until the end. `cargo xtask tarballs` prints the table. The row of `mastra build` is in `cargo xtask hosts`, and the runtimes'
// table is that of `cargo xtask runtimes`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { freePort } from '../scripts/free-port.mjs';
import { REDIS, emptyFolder, npm, project, run, startCloud } from './projects.mjs';
import { BUN, DENO, DENO_ENV, DENO_RUN, TOOLS, tool, versionOf } from './tools.mjs';

const NODE = process.execPath;
const OWNER = { name: 'Olivia Okafor', roles: ['owner'], isSame: true, afterwards: null };

/** As the guide gives it. */
const GUIDE = readFileSync(path.join(import.meta.dirname, '..', '..', '..', 'docs', 'guide', 'mastra.md'), 'utf8');
const BANNER = /^(import \{ createRequire .*)$/m.exec(GUIDE)[1];

let app;
let cloud;
const temporary = [];
const table = [];
before(async () => {
  app = project(mkdtempSync(path.join(TOOLS, 'app-')));
  cloud = await startCloud('v1');
});
after(async () => {
  await cloud?.stop();
  for (const folder of [app, ...temporary]) if (folder) rmSync(folder, { recursive: true, force: true });
  const widths = [0, 1, 2].map(column => Math.max(...table.map(row => row[column].length)));
  console.log(table.map(row => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')).join('\n'));
});

function alone() {
  const folder = emptyFolder();
  temporary.push(folder);
  return folder;
}

/** One row of the table; `work` answers what the program printed. */
function tried(name, how, where, work) {
  test(`${name}, ${how}`, async () => {
    const row = [`${name} ${versionOf(name)}`, how, where, 'FAILED'];
    table.push(row);
    assert.deepEqual(await work(), OWNER);
    row[3] = 'signs in';
  });
}

/** The sign-in by what was built. Bundlers write `production` into a bundle, where a Cloud on this machine is refused. */
function signIn(folder, program, words) {
  const env = { MASTRA_DEV: 'true', NO_COLOR: '1' };
  const { status, stdout, stderr } = run(folder, program, [...words, cloud.url, 'v1', 'owner'], env);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

describe('bundlers', () => {
  for (const [format, entry, file, banner] of [
    ['cjs', 'require.cjs', 'main.cjs', ''],
    ['esm', 'import.mjs', 'main.mjs', BANNER],
  ]) {
    tried('esbuild', `${format}, --loader:.node=copy${banner && ', banner'}`, 'alone', async () => {
      const { build } = await import(tool('esbuild', 'lib', 'main.js'));
      const out = alone();
      await build({
        absWorkingDir: app,
        entryPoints: [entry],
        bundle: true,
        platform: 'node',
        format,
        outfile: path.join(out, file),
        loader: { '.node': 'copy' },
        banner: { js: banner },
        logLevel: 'error',
      });
      return signIn(out, NODE, [file]);
    });
  }

  tried('webpack', 'node-loader', 'alone', async () => {
    const { default: webpack } = await import(tool('webpack', 'lib', 'index.js'));
    const out = alone();
    const compiler = webpack({
      context: app,
      entry: './import.mjs',
      mode: 'production',
      target: 'node',
      output: { path: out, filename: 'main.cjs' },
      module: { rules: [{ test: /\.node$/, loader: tool('node-loader') }] },
    });
    const stats = await new Promise((resolve, reject) => {
      compiler.run((error, made) => (error ? reject(error) : resolve(made)));
    });
    assert.equal(stats.hasErrors(), false, stats.toString({ all: false, errors: true }));
    return signIn(out, NODE, ['main.cjs']);
  });

  tried('vite', 'SSR', 'beside node_modules', async () => {
    const { build } = await import(tool('vite', 'dist', 'node', 'index.js'));
    await build({ root: app, configFile: false, logLevel: 'error', build: { ssr: 'import.mjs', outDir: 'vite' } });
    return signIn(app, NODE, [path.join('vite', 'import.mjs')]);
  });

  tried('rollup', 'commonjs, node-resolve, addon external', 'beside node_modules', async () => {
    const [{ rollup }, { default: commonjs }, { default: resolve }] = await Promise.all([
      import(tool('rollup', 'dist', 'es', 'rollup.js')),
      import(tool('@rollup', 'plugin-commonjs', 'dist', 'es', 'index.js')),
      import(tool('@rollup', 'plugin-node-resolve', 'dist', 'es', 'index.js')),
    ]);
    const plugins = [resolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs()];
    const bundle = await rollup({ input: path.join(app, 'import.mjs'), external: /^@mastra\/auth-cloud-/, plugins });
    await bundle.write({ dir: path.join(app, 'rollup'), format: 'es', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' });
    return signIn(app, NODE, [path.join('rollup', 'import.mjs')]);
  });

  tried('next', 'standalone, Turbopack, serverExternalPackages', 'alone', nextStandalone);
});

describe('file tracers', () => {
  tried('@vercel/nft', 'no setting', 'alone', async () => {
    const out = alone();
    for (const file of await traced('import.mjs')) {
      mkdirSync(path.dirname(path.join(out, file)), { recursive: true });
      cpSync(path.join(app, file), path.join(out, file));
    }
    return signIn(out, NODE, ['import.mjs']);
  });
});

describe('other runtimes', () => {
  tried('bun', 'build --target=bun', 'alone', () => {
    const out = alone();
    const { status, stderr } = run(app, BUN, ['build', 'import.mjs', '--target=bun', `--outdir=${out}`]);
    assert.equal(status, 0, stderr);
    return signIn(out, BUN, ['run', 'import.js']);
  });

  test('deno without --allow-ffi is told which flags it needs', () => {
    const { status, stderr } = run(app, DENO, [...DENO_RUN, 'import.mjs'], { ...DENO_ENV, MASTRA_AUTH_FORCE: 'native' });
    assert.equal(status, 1);
    assert.match(stderr, /cannot be loaded: Deno does not permit it\. Start Deno with --allow-ffi --allow-read --allow-env --allow-net/);
  });
});

/** Last of all: until here it is not installed. */
test('redis is found where it is installed', async () => {
  const isRedis = file => file.startsWith(path.join('node_modules', 'redis', path.sep));
  assert.ok(!(await traced('import.mjs')).some(isRedis));
  npm(app, 'install', REDIS);
  assert.ok((await traced('import.mjs')).some(isRedis));
});

async function traced(entry) {
  const { nodeFileTrace } = await import(tool('@vercel', 'nft', 'out', 'index.js'));
  const { fileList } = await nodeFileTrace([path.join(app, entry)], { base: app });
  return [...fileList];
}

/** A route of Next signs in. Its output is taken elsewhere and served there. */
async function nextStandalone() {
  const folder = path.join(app, 'next');
  const files = {
    'package.json': '{ "name": "next-app", "private": true }',
    'next.config.mjs': `export default {
      output: 'standalone',
      outputFileTracingRoot: ${JSON.stringify(TOOLS)},
      turbopack: { root: ${JSON.stringify(TOOLS)} },
      serverExternalPackages: ['@mastra/auth-cloud'],
    };`,
    'app/layout.js': 'export default function Layout({ children }) { return <html><body>{children}</body></html>; }',
    'app/page.js': 'export default function Page() { return <p>Home</p>; }',
    'app/sign-in/route.js': `import { MastraCloudAuth } from '@mastra/auth-cloud';
      import { signIn } from '../../sign-in.cjs';
      export const dynamic = 'force-dynamic';
      export const GET = async () => Response.json(await signIn(MastraCloudAuth, process.env.WORDS.split(' ')));`,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  for (const name of ['sign-in.cjs', 'login-page.mjs']) cpSync(path.join(app, name), path.join(folder, name));
  const env = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
  const { status, stdout, stderr } = run(folder, NODE, [tool('next', 'dist', 'bin', 'next'), 'build'], env);
  assert.equal(status, 0, stdout + stderr);

  const out = alone();
  cpSync(path.join(folder, '.next', 'standalone'), out, { recursive: true, verbatimSymlinks: true });
  rmSync(folder, { recursive: true });
  const server = path.join(out, path.relative(TOOLS, folder), 'server.js');
  const port = String(await freePort());
  const words = [cloud.url, 'v1', 'owner'].join(' ');
  const child = spawn(NODE, [server], {
    cwd: out,
    env: { PATH: process.env.PATH, PORT: port, HOSTNAME: '127.0.0.1', MASTRA_DEV: 'true', WORDS: words },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    const answer = await asked(`http://127.0.0.1:${port}/sign-in`, child);
    assert.equal(answer.status, 200);
    return await answer.json();
  } finally {
    child.kill();
  }
}

/** The answer of a server that is starting: it is asked until it answers, or is gone. */
async function asked(url, child) {
  while (child.exitCode === null) {
    const answer = await fetch(url).catch(() => null);
    if (answer !== null) return answer;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`the server ended with ${child.exitCode}`);
}
