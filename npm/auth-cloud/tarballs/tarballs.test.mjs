// The tarballs as a user installs them: into an empty project far from this repository, without install scripts; then they sign in.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ADDON, HAS_WASM, LOCAL, MAIN, PLATFORM, answer, emptyFolder, linked, npm, project, run, startCloud } from './projects.mjs';

const HERE = import.meta.dirname;
const PEOPLE = { owner: 'Olivia Okafor', admin: 'Anders Holm', member: 'Mei Tanaka', viewer: 'Victor Reyes' };
const NODE = process.execPath;
/** What loads the package in either module kind. */
const LOADS = {
  import: ['--input-type=module', '-e', "import '@mastra/auth-cloud'"],
  require: ['--input-type=commonjs', '-e', "require('@mastra/auth-cloud')"],
};

const tar = (...words) => execFileSync('tar', words, { encoding: 'utf8' });
const filesOf = file => tar('-tzf', file).split('\n').filter(line => line !== '' && !line.endsWith('/')).toSorted();
const manifestOf = file => JSON.parse(tar('-xzOf', file, 'package/package.json'));

/** The message that a program ends with which cannot load the addon. */
function refusal(folder, words) {
  const { status, stderr } = run(folder, NODE, words, { MASTRA_AUTH_FORCE: 'native' });
  assert.equal(status, 1, stderr);
  const said = stderr.split('\n').filter(line => /^(\w+ \[)?CloudApiError/.test(line));
  assert.equal(said.length, 1, stderr);
  assert.match(stderr, /code: 'addon_not_loaded'/);
  assert.match(stderr, /\[cause\]: /);
  return said[0];
}

describe('what is in them', () => {
  test('the package holds its modules in both kinds, and nothing else', () => {
    const sources = readdirSync(path.join(HERE, '..', 'src'), { recursive: true }).filter(name => name.endsWith('ts') && !name.endsWith('.d.ts'));
    const built = sources.flatMap(name => {
      const [, stem, c = ''] = /^(.*)\.(c?)ts$/.exec(name);
      return [`${stem}.${c}js`, `${stem}.d.${c}ts`].map(file => file.replaceAll('\\', '/'));
    });
    // Workers take ES modules alone, and the program is one.
    const common = built.filter(name => !/^(host-worker\.|bin\/)/.test(name));
    const modules = [...built.map(name => `dist/esm/${name}`), ...[...common, 'package.json'].map(name => `dist/cjs/${name}`)];
    const wanted = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', ...modules, ...(HAS_WASM ? ['dist/auth-cloud.wasm'] : [])];
    assert.deepEqual(filesOf(MAIN), wanted.map(name => `package/${name}`).toSorted());
  });

  test('the package of the platform holds the addon alone', () => {
    const wanted = ['LICENSE', 'README.md', `auth-cloud.${PLATFORM}.node`, 'package.json'];
    assert.deepEqual(filesOf(ADDON), wanted.map(name => `package/${name}`).toSorted());
  });

  test('the local Cloud is a package that starts the program, and one with that alone, which can be run', () => {
    const [local, program] = LOCAL;
    const binary = process.platform === 'win32' ? 'mastra-auth.exe' : 'mastra-auth';
    for (const [tarball, file] of [[local, 'mastra-auth.mjs'], [program, binary]]) {
      const wanted = ['LICENSE', 'README.md', 'package.json', file];
      assert.deepEqual(filesOf(tarball), wanted.map(name => `package/${name}`).toSorted());
    }
    // Of two packages that name one program, npm links either.
    assert.deepEqual([local, program].map(tarball => manifestOf(tarball).bin), [{ 'mastra-auth': 'mastra-auth.mjs' }, undefined]);
    assert.match(tar('-tvzf', program, `package/${binary}`), /^-rwxr-xr-x/);
  });

  test('threat_109_neither_has_a_script_to_run_while_it_is_installed', () => {
    for (const manifest of [MAIN, ADDON, ...LOCAL].map(manifestOf)) assert.equal(manifest.scripts, undefined);
  });

  test('they are of one version, and name one another', () => {
    const [main, addon, local, program] = [MAIN, ADDON, ...LOCAL].map(manifestOf);
    for (const manifest of [main, addon, local, program]) {
      assert.equal(manifest.dependencies, undefined);
      assert.equal(manifest.devDependencies, undefined);
    }
    assert.equal(addon.name, `@mastra/auth-cloud-${PLATFORM}`);
    assert.deepEqual([local.name, program.name], ['@mastra/auth-cloud-local', `@mastra/auth-cloud-local-${PLATFORM}`]);
    for (const key of ['version', 'license', 'repository', 'engines']) {
      assert.notEqual(main[key], undefined);
      for (const other of [addon, local, program]) assert.deepEqual(other[key], main[key]);
    }
    const [os, cpu, abi] = PLATFORM.split('-');
    const libc = { gnu: ['glibc'], musl: ['musl'] }[abi];
    for (const [named, of] of [[addon, main], [program, local]]) {
      assert.deepEqual([named.os, named.cpu, named.libc], [[os], [cpu], libc]);
      assert.deepEqual(of.optionalDependencies, { [named.name]: named.version });
    }
    // No production brings the local Cloud along.
    assert.equal(main.peerDependencies[local.name], `^${local.version}`);
    assert.deepEqual(main.peerDependenciesMeta[local.name], { optional: true });
  });
});

// On Windows npm links programs in another way.
if (process.platform !== 'win32') describe('the local Cloud, installed for the whole system', () => {
  const folder = emptyFolder();
  after(() => rmSync(folder, { recursive: true, force: true }));
  const program = path.join(folder, 'bin', 'mastra-auth');

  test('is started, answers with its own status and ends with its signal', async () => {
    npm(folder, 'install', '--global', '--prefix', folder, ...LOCAL);
    assert.match(run(folder, program, ['--version']).stdout, /^mastra-auth \d/);
    assert.equal(run(folder, program, ['dev', '--port', 'x']).status, 2);
    const cloud = await startCloud('v1', program);
    assert.equal(await cloud.stop(), 0);
  });

  test('says so where the program of this platform is not there', () => {
    rmSync(path.join(folder, 'lib', 'node_modules', '@mastra', `auth-cloud-local-${PLATFORM}`), { recursive: true });
    const { status, stderr } = run(folder, program, ['--version']);
    assert.equal(status, 1);
    assert.match(stderr, /^error: @mastra\/auth-cloud-local has no program for /);
  });
});

describe('what tools say of the packed file', () => {
  test('the conditions of `exports` and `imports` stand as they are written, Workers before all others', () => {
    const written = JSON.parse(readFileSync(path.join(HERE, '..', 'package.json'), 'utf8'));
    const packed = manifestOf(MAIN);
    assert.equal(JSON.stringify(packed.exports), JSON.stringify(written.exports));
    assert.equal(JSON.stringify(packed.imports), JSON.stringify(written.imports));
    const workers = ['workerd', 'worker', 'edge-light', 'browser'];
    for (const one of [packed.exports['.'], packed.exports['./client'], packed.imports['#host']]) {
      assert.deepEqual(Object.keys(one).slice(0, 4), workers);
    }
    // It starts a program, which no Worker can.
    assert.deepEqual(Object.keys(packed.exports['./testing']), ['import', 'require']);
  });

  for (const [tool, words] of Object.entries({ publint: ['run', '--strict', MAIN], attw: [MAIN, '--profile', 'node16'] })) {
    test(`${tool} finds nothing`, () => {
      const bin = path.join(HERE, '..', 'node_modules', '.bin', tool);
      const { status, stdout, stderr } = run(path.dirname(MAIN), bin, words);
      assert.equal(status, 0, stdout + stderr);
    });
  }
});

describe('both of them', () => {
  let folder;
  before(() => {
    folder = emptyFolder();
    // As in a container: one machine writes the lock file, another installs what it says.
    project(folder, packages => {
      npm(folder, 'install', '--package-lock-only', ...packages);
      npm(folder, 'ci');
    });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('are what npm ci installed, from the tarballs and without a script to run', () => {
    const { packages } = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8'));
    for (const name of ['@mastra/auth-cloud', `@mastra/auth-cloud-${PLATFORM}`]) {
      const locked = packages[`node_modules/${name}`];
      assert.match(locked.resolved, /^file:/);
      assert.equal(locked.hasInstallScript, undefined);
    }
    const installed = readdirSync(path.join(folder, 'node_modules', '@mastra')).filter(name => name.startsWith('auth-cloud'));
    assert.deepEqual(installed.toSorted(), ['auth-cloud', `auth-cloud-${PLATFORM}`]);
  });

  test('the entry of the client loads in both kinds', () => {
    for (const words of [
      ['--input-type=module', '-e', "import { MastraCloudClient } from '@mastra/auth-cloud/client'; console.log(typeof MastraCloudClient)"],
      ['--input-type=commonjs', '-e', "console.log(typeof require('@mastra/auth-cloud/client').MastraCloudClient)"],
    ]) {
      const { stdout, stderr } = run(folder, NODE, words);
      assert.deepEqual([stdout, stderr], ['function\n', '']);
    }
  });

  test('an error of one module kind is an instance of the other', () => {
    const seen = answer(folder, NODE, ['errors.mjs']);
    assert.deepEqual(seen, { isOneClass: false, esmIsCjs: true, cjsIsEsm: true, strangerIsOne: false, narrows: [true, true] });
  });

  for (const dialect of ['v1', 'pkce']) {
    describe(`sign in, ${dialect}`, () => {
      let cloud;
      before(async () => {
        cloud = await startCloud(dialect);
      });
      after(() => cloud.stop());

      for (const script of ['import.mjs', 'require.cjs']) {
        for (const [person, name] of Object.entries(PEOPLE)) {
          test(`${script}: ${name}`, () => {
            const seen = answer(folder, NODE, [script, cloud.url, dialect, person]);
            assert.deepEqual(seen, { name, roles: [person], isSame: true, afterwards: null });
          });
        }
      }
    });
  }

  describe('without the package of the platform', () => {
    let without;
    before(() => {
      without = linked(emptyFolder(), [MAIN]);
    });
    after(() => rmSync(without, { recursive: true, force: true }));

    if (HAS_WASM) test('signs in by the WebAssembly, with one warning', async () => {
      const cloud = await startCloud('v1');
      try {
        const { status, stdout, stderr } = run(without, NODE, ['import.mjs', cloud.url, 'v1', 'owner']);
        assert.equal(status, 0, stderr);
        assert.deepEqual(JSON.parse(stdout), { name: PEOPLE.owner, roles: ['owner'], isSame: true, afterwards: null });
        assert.equal(stderr.match(/MASTRA_AUTH_CLOUD_ADDON/g)?.length, 1, stderr);
      } finally {
        await cloud.stop();
      }
    });

    for (const [kind, words] of Object.entries(LOADS)) {
      test(`${kind} fails with one error that names it`, () => {
        assert.match(refusal(without, words), /cannot be loaded: it is not installed, .* install again on this platform/);
      });
    }
  });

  describe('an addon that does not load is explained', () => {
    const file = () => path.join(folder, 'node_modules', '@mastra', `auth-cloud-${PLATFORM}`, `auth-cloud.${PLATFORM}.node`);
    let whole;
    before(() => {
      whole = readFileSync(file());
    });
    after(() => writeFileSync(file(), whole));

    test('addons switched off', () => {
      assert.match(refusal(folder, ['--no-addons', ...LOADS.import]), /Node was told to load no addons\. Start Node without --no-addons/);
    });

    test('the permission model', () => {
      const words = ['--permission', '--allow-fs-read=*', ...LOADS.require];
      assert.match(refusal(folder, words), /Node was told to load no addons\. .* with --allow-addons/);
    });

    test('a file of something else', () => {
      writeFileSync(file(), 'not an addon, but longer than the head of one: '.repeat(100));
      assert.match(refusal(folder, LOADS.import), /its file is damaged, or was made for another platform/);
    });

    test('no file', () => {
      rmSync(file());
      assert.match(refusal(folder, LOADS.import), /it is not installed/);
    });

    // Other systems have no such versions.
    if (PLATFORM.endsWith('gnu')) test('a C library that is too old', () => {
      writeFileSync(file(), ofTheFuture(whole));
      assert.match(refusal(folder, LOADS.require), /too old\. Use a system with glibc 2\.28 or newer\. The loader said: .*GLIBC_9/);
    });
  });
});

/** The addon, asking for a version of the C library that no system has: the name of one is changed, and its hash in ELF's way. */
function ofTheFuture(whole) {
  const hash = name => [...Buffer.from(name)].reduce((sum, byte) => {
    const next = (Math.imul(sum, 16) >>> 0) + byte;
    const high = next & 0xf0000000;
    return ((next ^ (high >>> 24)) & ~high) >>> 0;
  }, 0);
  const number = value => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const changed = Buffer.from(whole);
  const [, old] = /\0(GLIBC_2\.\d\d)\0/.exec(whole.toString('latin1'));
  const future = old.replace('_2', '_9');
  for (const [from, to] of [[Buffer.from(old), Buffer.from(future)], [number(hash(old)), number(hash(future))]]) {
    for (let at = changed.indexOf(from); at >= 0; at = changed.indexOf(from, at + 1)) to.copy(changed, at);
  }
  return changed;
}
