// Empty projects with the tarballs installed, far from this repository, and what is run in them.
//
// `TARBALLS` names the folder that both tarballs lie in, `MASTRA_AUTH` the local Cloud; `cargo xtask tarballs` and `cargo xtask
// runtimes` give both.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const { TARBALLS, MASTRA_AUTH } = process.env;
if (!TARBALLS || !MASTRA_AUTH) throw new Error('TARBALLS or MASTRA_AUTH is not set: run `cargo xtask tarballs`');
const HERE = import.meta.dirname;
const SCRIPTS = ['errors.mjs', 'import.mjs', 'require.cjs', 'sign-in.cjs', '../scripts/login-page.mjs'];
const PACKAGE = JSON.parse(readFileSync(path.join(HERE, '..', 'package.json'), 'utf8'));
export const NPM = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];

export const CORE = `@mastra/core@${PACKAGE.devDependencies['@mastra/core']}`;
export const REDIS = `redis@${PACKAGE.devDependencies.redis}`;

/** The one tarball in the folder whose name is of this form. */
function tarball(form, folder = TARBALLS) {
  const all = readdirSync(folder).filter(name => form.test(name));
  assert.equal(all.length, 1, `${folder} holds ${all.length} of ${form}`);
  return path.resolve(folder, all[0]);
}
export const MAIN = tarball(/^mastra-auth-cloud-\d.*\.tgz$/);
export const ADDON = tarball(/^mastra-auth-cloud-[a-z].*\.tgz$/);
/** The local Cloud: the package that is installed, and its program for this platform. */
export const LOCAL = [/^mastra-auth-cloud-local-\d.*\.tgz$/, /^mastra-auth-cloud-local-[a-z].*\.tgz$/].map(form => tarball(form, path.join(TARBALLS, 'dev')));
/** Whether the package holds the WebAssembly: where it cannot be built, it is packed without. */
export const HAS_WASM = execFileSync('tar', ['-tzf', MAIN], { encoding: 'utf8' }).includes('package/dist/auth-cloud.wasm');
export const PLATFORM = /^mastra-auth-cloud-(.*)-\d+\.\d+\.\d+.*\.tgz$/.exec(path.basename(ADDON))[1];

/** npm in a folder. */
export function npm(folder, ...words) {
  // What an outer npm says of its own project is not said of this one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(config_local|package|lifecycle)/.test(name)));
  execFileSync('npm', [...words, ...NPM], { cwd: folder, env, stdio: 'inherit', shell: process.platform === 'win32' });
}

/** An empty folder, outside of everything. */
export const emptyFolder = () => realpathSync(mkdtempSync(path.join(tmpdir(), 'auth-cloud-')));

/** A project with both tarballs installed, and the scripts that sign in; in a folder that is empty. */
export function project(folder, install = packages => npm(folder, 'install', ...packages), scripts = SCRIPTS) {
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "empty", "private": true }\n');
  install([MAIN, ADDON, CORE]);
  for (const name of scripts) copyFileSync(path.join(HERE, name), path.join(folder, path.basename(name)));
  return folder;
}

/** A project with these tarballs and no other packages, but for the host that this repository has installed: it is large, and the same. */
export function linked(folder, tarballs, scripts) {
  const install = () => {
    npm(folder, 'install', ...tarballs, '--omit=optional', '--legacy-peer-deps');
    const core = path.join('node_modules', '@mastra', 'core');
    symlinkSync(path.join(HERE, '..', core), path.join(folder, core), 'junction');
  };
  return project(folder, install, scripts);
}

/** Runs a program there. Nothing of this repository is on its way. */
export function run(folder, program, words, env = {}) {
  return spawnSync(program, words, { cwd: folder, env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', timeout: 300_000 });
}

/** Runs a program that must succeed and print nothing but JSON; returns that. */
export function answer(folder, program, words, env) {
  const { status, stdout, stderr } = run(folder, program, words, env);
  assert.equal(status, 0, `${program} ${words.join(' ')}: ${stderr}`);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** The local Cloud on a free port. `stop` answers its exit status. */
export async function startCloud(dialect, program = MASTRA_AUTH) {
  const child = spawn(program, ['dev', '--port', '0', '--dialect', dialect], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const url = /^ready cloud=(\S+)$/.exec(line)?.[1];
  assert.ok(url, line);
  const stop = async () => {
    child.kill('SIGINT');
    const [status] = await once(child, 'exit');
    return status;
  };
  return { url, stop };
}
