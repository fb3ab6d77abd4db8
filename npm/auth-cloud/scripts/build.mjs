// Writes `dist`: the sources once as ES modules and once as CommonJS. Does nothing where it is made of today's sources.
//
// By a rename: another step may use the old one meanwhile.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

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
