// Writes `dist`: the sources once as ES modules and once as CommonJS. Does nothing where it is made of today's sources.
//
// Puts the WebAssembly beside them, if it was built.
//
// By a rename: another step may use the old one meanwhile.
//
// Puts a stub in the place of the addon's package, which leads to the addon that `cargo xtask` built: so the package finds it in
// one way only, that of its users. npm removes the stub at each install.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

import { PLATFORM } from './platform.mjs';

const stub = { name: `@mastra/auth-cloud-${PLATFORM}`, version: '0.0.0' };
mkdirSync(`node_modules/${stub.name}`, { recursive: true });
writeFileSync(`node_modules/${stub.name}/package.json`, JSON.stringify(stub));
// Deno finds no `main` outside of its package.
writeFileSync(`node_modules/${stub.name}/index.js`, "module.exports = require('../../../native/addon.node');\n");

const hash = createHash('sha256');
const sources = readdirSync('src', { recursive: true }).filter(name => /\.c?ts$/.test(name));
const settings = ['package-lock.json', 'tsconfig.json', 'tsconfig.esm.json', 'tsconfig.cjs.json', 'scripts/build.mjs'];
for (const file of [...settings, ...sources.sort().map(name => `src/${name}`)]) {
  hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
}
const made = hash.digest('hex');

if (madeOf('dist') !== made) {
  const whole = `.dist-${process.pid}`;
  try {
    for (const name of ['esm', 'cjs']) {
      const tsc = ['node_modules/typescript/bin/tsc', '-p', `tsconfig.${name}.json`, '--outDir', `${whole}/${name}`];
      execFileSync(process.execPath, tsc, { stdio: 'inherit' });
    }
    commonJs(`${whole}/cjs`);
    writeFileSync(`${whole}/made-of`, made);
    rmSync('dist', { recursive: true, force: true });
    renameSync(whole, 'dist');
  } finally {
    rmSync(whole, { recursive: true, force: true });
  }
}

// As `cargo xtask wasm` built it last. Without it everything but the fall-back works.
const wasm = 'native/auth-cloud.wasm';
if (existsSync(wasm)) copyFileSync(wasm, 'dist/auth-cloud.wasm');

/** Marks the modules as CommonJS. The marker ends the reach of the manifest's `imports`, so each of those becomes a path. */
function commonJs(folder) {
  writeFileSync(`${folder}/package.json`, '{"type":"commonjs"}\n');
  for (const name of readdirSync(folder, { recursive: true }).filter(file => file.endsWith('.js'))) {
    const text = readFileSync(`${folder}/${name}`, 'utf8');
    const up = '../'.repeat(name.split(/[\\/]/).length - 1);
    writeFileSync(`${folder}/${name}`, text.replaceAll('require("#host")', `require("./${up}host.js")`));
  }
}

function madeOf(folder) {
  try {
    return readFileSync(`${folder}/made-of`, 'utf8');
  } catch {
    return undefined;
  }
}
