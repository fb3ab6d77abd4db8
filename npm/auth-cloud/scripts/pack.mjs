// Packs two tarballs as they are published: the package, and the one with this platform's addon. `cargo xtask npm-pack` names the
// addon's file, a folder for the tarballs, and `--all-platforms` for a release.
//
// The package names platform packages as optional dependencies, only in the packed manifest. For a release it names every platform;
// otherwise this one alone, for `npm ci` refuses a lock file that lacks a package no registry has. Publishes nothing.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { PLATFORM, PLATFORMS } from './platform.mjs';

const [addon, out, release] = process.argv.slice(2);
const main = JSON.parse(readFileSync('package.json', 'utf8'));
// npm runs a script of a package only where its manifest names one.
delete main.scripts;
delete main.devDependencies;
const { name, version, license, repository, engines, publishConfig } = main;
const named = release === '--all-platforms' ? PLATFORMS : [PLATFORM];
main.optionalDependencies = Object.fromEntries(named.map(platform => [`${name}-${platform}`, version]));

const description = `The native part of ${name} for ${PLATFORM}`;
const file = `auth-cloud.${PLATFORM}.node`;
const [os, cpu, abi] = PLATFORM.split('-');
const libc = { gnu: ['glibc'], musl: ['musl'] }[abi];
const shared = { version, description, license, repository, engines, publishConfig };
const native = { name: `${name}-${PLATFORM}`, ...shared, main: file, files: [file], os: [os], cpu: [cpu], libc };
const readme = `# ${native.name}\n\n${description}. Install \`${name}\`, which brings it along.\n`;

mkdirSync(out, { recursive: true });
const wasm = 'dist/auth-cloud.wasm';
if (!existsSync(wasm)) console.warn(`${wasm} was not built: what is packed has no fall-back and runs in no Worker`);
pack(main, own('README.md', 'CHANGELOG.md', 'LICENSE', 'dist/esm', 'dist/cjs', ...(existsSync(wasm) ? [wasm] : [])));
pack(native, { ...own('LICENSE'), [file]: addon }, readme);

/** Files of this folder that keep their names. */
function own(...names) {
  return Object.fromEntries(names.map(one => [one, one]));
}

function pack(manifest, files, readme) {
  const folder = mkdtempSync(path.join(tmpdir(), 'auth-cloud-pack-'));
  try {
    for (const [to, from] of Object.entries(files)) cpSync(from, path.join(folder, to), { recursive: true });
    if (readme) writeFileSync(path.join(folder, 'README.md'), readme);
    writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
    const words = ['pack', '--silent', '--ignore-scripts', '--pack-destination', path.resolve(out)];
    const shell = process.platform === 'win32';
    const tarball = path.join(out, execFileSync('npm', words, { cwd: folder, encoding: 'utf8', shell }).trim());
    console.log(`${tarball}  ${Math.ceil(statSync(tarball).size / 1000)} kB`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
