// The package as bundlers, file tracers and other runtimes take it: each builds a program that signs in, and what was built is run.
//
// What stands alone is run from a folder above which there is nothing; the rest beside its `node_modules`. The package `redis` is not
// installed until the end. `TOOLS` names the folder with the tools; `cargo xtask tarballs` gives it, and prints the table.
// The row of `mastra build` is in `cargo xtask hosts`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { HAS_WASM, REDIS, emptyFolder, npm, project, run, startCloud } from './projects.mjs';
import { hangingUp, startGate, startWorker } from './workerd.mjs';

const { TOOLS } = process.env;
if (!TOOLS) throw new Error('TOOLS is not set: run `cargo xtask tarballs`');
const NODE = process.execPath;
const OWNER = { name: 'Olivia Okafor', roles: ['owner'], isSame: true, afterwards: null };
const DENO = ['run', '--no-prompt', '--allow-ffi', '--allow-read', '--allow-env', '--allow-net'];

/** As the guide gives it. */
const GUIDE = readFileSync(path.join(import.meta.dirname, '..', '..', '..', 'docs', 'guide', 'mastra.md'), 'utf8');
const BANNER = /^(import \{ createRequire .*)$/m.exec(GUIDE)[1];

const tool = (...words) => path.join(TOOLS, 'node_modules', ...words);
const versionOf = name => JSON.parse(readFileSync(tool(name, 'package.json'), 'utf8')).version;
/** The one file of this name below a package's packages of platforms. */
function binary(scope, name) {
  const all = readdirSync(tool(scope), { recursive: true }).filter(file => path.parse(file).name === name && !file.endsWith('.md'));
  const files = all.filter(file => path.basename(path.dirname(file)) === 'bin' || scope === '@deno');
  assert.ok(files.length > 0, `${tool(scope)} holds no ${name}`);
  return tool(scope, files[0]);
}

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
function signIn(folder, program, words, more = {}) {
  const env = { ...more, MASTRA_DEV: 'true', NO_COLOR: '1', DENO_DIR: path.join(TOOLS, 'deno-cache') };
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
  tried('bun', 'run', 'beside node_modules', () => signIn(app, binary('@oven', 'bun'), ['run', 'import.mjs']));

  tried('bun', 'build --target=bun', 'alone', () => {
    const out = alone();
    const { status, stderr } = run(app, binary('@oven', 'bun'), ['build', 'import.mjs', '--target=bun', `--outdir=${out}`]);
    assert.equal(status, 0, stderr);
    return signIn(out, binary('@oven', 'bun'), ['run', 'import.js']);
  });

  tried('deno', '--allow-ffi, -read, -env, -net', 'beside node_modules', () =>
    signIn(app, binary('@deno', 'deno'), [...DENO, 'import.mjs']),
  );

  test('deno without --allow-ffi is told which flags it needs', () => {
    const words = DENO.filter(word => word !== '--allow-ffi');
    const env = { DENO_DIR: path.join(TOOLS, 'deno-cache'), NO_COLOR: '1', MASTRA_AUTH_FORCE: 'native' };
    const { status, stderr } = run(app, binary('@deno', 'deno'), [...words, 'import.mjs'], env);
    assert.equal(status, 1);
    assert.match(stderr, /cannot be loaded: Deno does not permit it\. Start Deno with --allow-ffi --allow-read --allow-env --allow-net/);
  });
});

// Where the WebAssembly cannot be built, the package is packed without it.
if (HAS_WASM) describe('the WebAssembly', () => {
  const wasm = { MASTRA_AUTH_FORCE: 'wasm' };

  tried('bun', 'run, WebAssembly', 'beside node_modules', () => signIn(app, binary('@oven', 'bun'), ['run', 'import.mjs'], wasm));

  tried('deno', 'WebAssembly, no --allow-ffi', 'beside node_modules', () => {
    const words = DENO.filter(word => word !== '--allow-ffi');
    return signIn(app, binary('@deno', 'deno'), [...words, 'import.mjs'], wasm);
  });

  describe('in workerd', () => {
    const started = [];
    after(() => Promise.all(started.map(one => one.stop())));

    const worker = async (to, change) => {
      const made = await startWorker(tool, app, 'worker.mjs', { CLOUD: to }, change);
      started.push(made);
      return async (route, headers = {}) => (await fetch(new URL(route, made.url), { headers })).json();
    };
    const cookieOf = async person => {
      const headers = { 'content-type': 'application/json' };
      const made = await fetch(`${cloud.url}/admin/api/tokens`, { method: 'POST', headers, body: JSON.stringify({ person }) });
      return `mastra_session=${(await made.json()).token}`;
    };

    tried('miniflare', 'esbuild, conditions of Workers', 'workerd', async () => {
      const ask = await worker(cloud.url);
      const people = { admin: 'Anders Holm', member: 'Mei Tanaka', viewer: 'Victor Reyes' };
      for (const [person, name] of Object.entries(people)) {
        assert.deepEqual(await ask('/sign-in', { person }), { name, roles: [person], isSame: true, afterwards: null });
      }
      return ask('/sign-in', { person: 'owner' });
    });

    test('what no Worker can do is refused while its module is loaded', async () => {
      const ask = await worker(cloud.url);
      const [project, redis] = await ask('/refusals');
      assert.match(project, /^invalid_configuration: /);
      assert.match(redis, /^invalid_configuration: revocations\.redis needs sockets, .* a channel with publish and subscribe$/);
    });

    /** Two requests share one call to the Cloud. The client of the first, which makes it, hangs up; answers what the second gets. */
    async function hangUp(change) {
      const gate = await startGate(cloud.url);
      started.push(gate);
      const made = await startWorker(tool, app, 'worker.mjs', { CLOUD: gate.url }, change);
      started.push(made);
      const cookie = await cookieOf('member');
      const who = new URL('/who', made.url);
      const leave = await hangingUp(who, { cookie });
      while (gate.calls.length === 0) await new Promise(resolve => setTimeout(resolve, 10));
      const second = fetch(who, { headers: { cookie } });
      // It has no way to say that it waits.
      await new Promise(resolve => setTimeout(resolve, 300));
      leave();
      await new Promise(resolve => setTimeout(resolve, 300));
      return { gate, second: async () => (await second).json(), again: async () => (await fetch(who, { headers: { cookie } })).json() };
    }

    test('threat_079_a_client_that_hangs_up_takes_along_no_answer_that_another_waits_for', async () => {
      const { gate, second } = await hangUp();
      gate.open();
      assert.deepEqual(await second(), { id: 'usr_mei' });
      assert.deepEqual(gate.calls, ['POST /api/v1/auth/verify']);
    });

    test('where a runtime has no waitUntil, a waiting request takes the call over, and later ones ask anew', async () => {
      const { gate, second, again } = await hangUp(text => text.replace(/(workers = ")cloudflare:workers"/, '$1none:none"'));
      const { code } = await second();
      assert.equal(code, 'timeout');
      gate.open();
      assert.deepEqual(await again(), { id: 'usr_mei' });
    });
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

async function freePort() {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise(resolve => server.close(resolve));
  return port;
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
