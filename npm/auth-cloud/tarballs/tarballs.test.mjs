// The tarballs as somebody installs them: into an empty project far from this repository, without install scripts; then they sign in.
//
// `TARBALLS` names the folder that both lie in, `MASTRA_AUTH` the local Cloud; `cargo xtask tarballs` gives both. The packages of
// other platforms need not be in a registry: they are optional. Does not look at how a bundler takes the package.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

const { TARBALLS, MASTRA_AUTH } = process.env;
if (!TARBALLS || !MASTRA_AUTH) throw new Error('TARBALLS or MASTRA_AUTH is not set: run `cargo xtask tarballs`');
const HERE = import.meta.dirname;
const PACKAGE = JSON.parse(readFileSync(path.join(HERE, '..', 'package.json'), 'utf8'));
const CORE = `@mastra/core@${PACKAGE.devDependencies['@mastra/core']}`;
const INSTALL = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
const PEOPLE = { owner: 'Olivia Okafor', admin: 'Anders Holm', member: 'Mei Tanaka', viewer: 'Victor Reyes' };

/** The one tarball in the folder whose name goes on like this after the package's. */
function tarball(rest) {
  const all = readdirSync(TARBALLS).filter(name => rest.test(name));
  assert.equal(all.length, 1, `${TARBALLS} holds ${all.length} of ${rest}`);
  return path.resolve(TARBALLS, all[0]);
}
const MAIN = tarball(/^mastra-auth-cloud-\d.*\.tgz$/);
const ADDON = tarball(/^mastra-auth-cloud-[a-z].*\.tgz$/);
const PLATFORM = /^mastra-auth-cloud-(.*)-\d+\.\d+\.\d+.*\.tgz$/.exec(path.basename(ADDON))[1];

const tar = (...words) => execFileSync('tar', words, { encoding: 'utf8' });
const filesOf = file => tar('-tzf', file).split('\n').filter(line => line !== '' && !line.endsWith('/')).toSorted();
const manifestOf = file => JSON.parse(tar('-xzOf', file, 'package/package.json'));

/** An empty project with these installed, and the scripts that sign in. */
function project(...install) {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'auth-cloud-')));
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "empty", "private": true }\n');
  // What an outer npm says of its own project is not said of this one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(config_local|package|lifecycle)/.test(name)));
  execFileSync('npm', [...INSTALL, ...install, CORE], { cwd: folder, env, stdio: 'inherit', shell: process.platform === 'win32' });
  for (const name of readdirSync(HERE).filter(name => name !== path.basename(import.meta.filename))) {
    copyFileSync(path.join(HERE, name), path.join(folder, name));
  }
  copyFileSync(path.join(HERE, '..', 'scripts', 'login-page.mjs'), path.join(folder, 'login-page.mjs'));
  return folder;
}

/** Runs a script there. Nothing of this repository is on its way. */
function run(folder, ...words) {
  const env = { PATH: process.env.PATH };
  return spawnSync(process.execPath, words, { cwd: folder, env, encoding: 'utf8', timeout: 60_000 });
}

/** The same, where it must succeed; answers what it printed as JSON. */
function answer(folder, ...words) {
  const { status, stdout, stderr } = run(folder, ...words);
  assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

describe('what is in them', () => {
  test('the package holds its modules in both kinds, and nothing else', () => {
    const sources = readdirSync(path.join(HERE, '..', 'src'));
    const built = sources.flatMap(name => {
      const [, stem, c = ''] = /^(.*)\.(c?)ts$/.exec(name);
      return [`${stem}.${c}js`, `${stem}.d.${c}ts`];
    });
    const modules = ['esm', 'cjs'].flatMap(kind => [...built, 'package.json'].map(name => `dist/${kind}/${name}`));
    const wanted = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', ...modules];
    assert.deepEqual(filesOf(MAIN), wanted.map(name => `package/${name}`).toSorted());
  });

  test('the package of the platform holds the addon alone', () => {
    const wanted = ['LICENSE', 'README.md', `auth-cloud.${PLATFORM}.node`, 'package.json'];
    assert.deepEqual(filesOf(ADDON), wanted.map(name => `package/${name}`).toSorted());
  });

  test('neither has a script, and one names the other in its own version', () => {
    const [main, addon] = [manifestOf(MAIN), manifestOf(ADDON)];
    for (const manifest of [main, addon]) {
      assert.equal(manifest.scripts, undefined);
      assert.equal(manifest.dependencies, undefined);
      assert.equal(manifest.devDependencies, undefined);
    }
    assert.equal(addon.name, `@mastra/auth-cloud-${PLATFORM}`);
    assert.equal(main.optionalDependencies[addon.name], addon.version);
  });
});

describe('without the package of the platform', () => {
  let folder;
  before(() => {
    folder = project(MAIN, '--omit=optional');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [kind, words] of Object.entries({
    import: ['--input-type=module', '-e', "import '@mastra/auth-cloud'"],
    require: ['--input-type=commonjs', '-e', "require('@mastra/auth-cloud')"],
  })) {
    test(`${kind} fails with one error that names it`, () => {
      const { status, stderr } = run(folder, ...words);
      assert.equal(status, 1);
      const said = stderr.split('\n').filter(line => line.startsWith('Error: '));
      assert.equal(said.length, 1, stderr);
      assert.ok(said[0].startsWith(`Error: @mastra/auth-cloud-${PLATFORM} cannot be loaded. It is an optional dependency`), said[0]);
    });
  }
});

describe('both of them', () => {
  let folder;
  before(() => {
    folder = project(MAIN, ADDON);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('are what was installed, from the tarballs and without a script to run', () => {
    const { packages } = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8'));
    for (const name of ['@mastra/auth-cloud', `@mastra/auth-cloud-${PLATFORM}`]) {
      const locked = packages[`node_modules/${name}`];
      assert.match(locked.resolved, /^file:/);
      assert.equal(locked.hasInstallScript, undefined);
    }
    const installed = readdirSync(path.join(folder, 'node_modules', '@mastra')).filter(name => name.startsWith('auth-cloud'));
    assert.deepEqual(installed.toSorted(), ['auth-cloud', `auth-cloud-${PLATFORM}`]);
  });

  test('an error of one module kind is an instance of the other', () => {
    const seen = answer(folder, 'errors.mjs');
    assert.deepEqual(seen, { isOneClass: false, esmIsCjs: true, cjsIsEsm: true, strangerIsOne: false, narrows: [true, true] });
  });

  for (const dialect of ['v1', 'pkce']) {
    describe(`sign in, ${dialect}`, () => {
      let cloud;
      before(async () => {
        const child = spawn(MASTRA_AUTH, ['dev', '--port', '0', '--dialect', dialect], { stdio: ['ignore', 'pipe', 'inherit'] });
        const [line] = await once(createInterface({ input: child.stdout }), 'line');
        cloud = { child, url: /^ready cloud=(\S+)$/.exec(line)?.[1] };
        assert.ok(cloud.url, line);
      });
      after(async () => {
        cloud.child.kill('SIGINT');
        await once(cloud.child, 'exit');
      });

      for (const script of ['import.mjs', 'require.cjs']) {
        for (const [person, name] of Object.entries(PEOPLE)) {
          test(`${script}: ${name}`, () => {
            const seen = answer(folder, script, cloud.url, dialect, person);
            assert.deepEqual(seen, { name, roles: [person], isSame: true, afterwards: null });
          });
        }
      }
    });
  }
});
