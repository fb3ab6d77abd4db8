// Packs the tarballs as they are published: the package, the one with this platform's addon, and in the folder `dev` the local Cloud,
// whose program is in a package for this platform too. `cargo xtask npm-pack` names the addon's file and the program, a folder for
// the tarballs, and `--all-platforms` for a release.
//
// The package names platform packages as optional dependencies, only in the packed manifest. For a release it names every platform;
// otherwise this one alone, for `npm ci` refuses a lock file that lacks a package no registry has. Publishes nothing.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { PLATFORM, PLATFORMS } from './platform.mjs';

const [addon, executable, out, release] = process.argv.slice(2);
const main = JSON.parse(readFileSync('package.json', 'utf8'));
// npm runs a script of a package only where its manifest names one.
delete main.scripts;
delete main.devDependencies;
const { name, version, license, repository, engines, publishConfig } = main;
const named = release === '--all-platforms' ? PLATFORMS : [PLATFORM];
const forPlatforms = of => Object.fromEntries(named.map(platform => [`${of}-${platform}`, version]));
main.optionalDependencies = forPlatforms(name);
// A development dependency of those who test, which pnpm shows to the package only where it is named.
const dev = `${name}-local`;
main.peerDependencies[dev] = `^${version}`;
main.peerDependenciesMeta[dev] = { optional: true };

const file = `auth-cloud.${PLATFORM}.node`;
const binary = process.platform === 'win32' ? 'mastra-auth.exe' : 'mastra-auth';
const [os, cpu, abi] = PLATFORM.split('-');
const libc = { gnu: ['glibc'], musl: ['musl'] }[abi];
const shared = { version, license, repository, engines, publishConfig };
const here = { os: [os], cpu: [cpu], libc };
const native = { name: `${name}-${PLATFORM}`, description: `The native part of ${name} for ${PLATFORM}`, ...shared, ...here, main: file, files: [file] };
const about = `The local Cloud of ${name}: for developers and tests, never for production`;
const launcher = 'mastra-auth.mjs';
// npm links the programs of a package that is named, and not of those that it brings along.
const local = { name: dev, description: about, ...shared, bin: { 'mastra-auth': launcher }, files: [launcher], optionalDependencies: forPlatforms(dev) };
const program = {
  name: `${dev}-${PLATFORM}`,
  description: `${about}. The program for ${PLATFORM}`,
  ...shared,
  ...here,
  files: [binary],
};

mkdirSync(path.join(out, 'dev'), { recursive: true });
const wasm = 'dist/auth-cloud.wasm';
if (!existsSync(wasm)) console.warn(`${wasm} was not built: what is packed has no fall-back and runs in no Worker`);
pack(main, own('README.md', 'CHANGELOG.md', 'LICENSE', 'dist/esm', 'dist/cjs', ...(existsSync(wasm) ? [wasm] : [])));
pack(native, { ...own('LICENSE'), [file]: addon }, { readme: readme(native, `Install \`${name}\`, which brings it along.`) });
pack(local, { ...own('LICENSE'), [launcher]: `scripts/${launcher}` }, { to: 'dev', readme: readme(local, `\`npm install --save-dev ${dev}\`, then see \`${name}/testing\`.`) });
pack(program, { ...own('LICENSE'), [binary]: executable }, { to: 'dev', readme: readme(program, `Install \`${dev}\`, which brings it along.`) });

function readme({ name: title, description }, advice) {
  return `# ${title}\n\n${description}.\n\n${advice}\n`;
}

/** Files of this folder that keep their names. */
function own(...names) {
  return Object.fromEntries(names.map(one => [one, one]));
}

function pack(manifest, files, { to: place = '.', readme: text } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'auth-cloud-pack-'));
  try {
    for (const [to, from] of Object.entries(files)) cpSync(from, path.join(folder, to), { recursive: true });
    if (text) writeFileSync(path.join(folder, 'README.md'), text);
    writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
    const words = ['pack', '--silent', '--ignore-scripts', '--pack-destination', path.resolve(out, place)];
    const shell = process.platform === 'win32';
    const tarball = path.join(out, place, execFileSync('npm', words, { cwd: folder, encoding: 'utf8', shell }).trim());
    console.log(`${tarball}  ${Math.ceil(statSync(tarball).size / 1000)} kB`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
