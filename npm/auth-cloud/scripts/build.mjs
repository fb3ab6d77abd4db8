// Writes `dist`: the sources once as ES modules and once as CommonJS. Does nothing where it is made of today's sources.
//
// By a rename: another step may use the old one meanwhile.
//
// Puts a stub in the place of the addon's package, which leads to the addon that `cargo xtask` built: so the package finds it in
// one way only, that of its users. npm removes the stub at each install.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

import { PLATFORM } from './platform.mjs';

const stub = { name: `@mastra/auth-cloud-${PLATFORM}`, version: '0.0.0', main: '../../../native/addon.node' };
mkdirSync(`node_modules/${stub.name}`, { recursive: true });
writeFileSync(`node_modules/${stub.name}/package.json`, JSON.stringify(stub));

const kinds = { esm: 'module', cjs: 'commonjs' };

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
    for (const [name, type] of Object.entries(kinds)) {
      const tsc = ['node_modules/typescript/bin/tsc', '-p', `tsconfig.${name}.json`, '--outDir', `${whole}/${name}`];
      execFileSync(process.execPath, tsc, { stdio: 'inherit' });
      writeFileSync(`${whole}/${name}/package.json`, `${JSON.stringify({ type })}\n`);
    }
    writeFileSync(`${whole}/made-of`, made);
    rmSync('dist', { recursive: true, force: true });
    renameSync(whole, 'dist');
  } finally {
    rmSync(whole, { recursive: true, force: true });
  }
}

function madeOf(folder) {
  try {
    return readFileSync(`${folder}/made-of`, 'utf8');
  } catch {
    return undefined;
  }
}
