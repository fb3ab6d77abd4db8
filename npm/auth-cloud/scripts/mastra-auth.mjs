#!/usr/bin/env node
// `mastra-auth`: starts the program of this platform's package, and ends as it ends. Packed as a file of the local Cloud's package.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { name, optionalDependencies } = require('./package.json');
const { platform, arch } = process;
const packages = Object.keys(optionalDependencies).filter(one => one.startsWith(`${name}-${platform}-${arch}`));

function found(one) {
  try {
    return [require.resolve(`${one}/mastra-auth${platform === 'win32' ? '.exe' : ''}`)];
  } catch {
    // The next one, or the error below.
    return [];
  }
}

const [program] = packages.flatMap(found);
if (program === undefined) {
  console.error(`error: ${name} has no program for ${platform}-${arch} here: install it again on this platform, with its optional dependencies`);
  process.exit(1);
}
const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('error', ({ code }) => {
  console.error(`error: ${program} cannot be run (${code})`);
  process.exit(1);
});
child.on('close', status => process.exit(status ?? 1));
