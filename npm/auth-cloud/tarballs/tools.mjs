// The bundlers and runtimes that `tools/package.json` pins. `TOOLS` names the folder that they are installed in; `cargo xtask tarballs` and
// `cargo xtask runtimes` give it.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

export const { TOOLS } = process.env;
if (!TOOLS) throw new Error('TOOLS is not set: run `cargo xtask tarballs` or `cargo xtask runtimes`');

export const tool = (...words) => path.join(TOOLS, 'node_modules', ...words);
export const versionOf = name => JSON.parse(readFileSync(tool(name, 'package.json'), 'utf8')).version;

/** The program of this name in a package's packages of platforms. */
function program(scope, name) {
  const all = readdirSync(tool(scope), { recursive: true }).filter(file => path.parse(file).name === name && !file.endsWith('.md'));
  const files = all.filter(file => path.basename(path.dirname(file)) === 'bin' || scope === '@deno');
  assert.ok(files.length > 0, `${tool(scope)} holds no ${name}`);
  return tool(scope, files[0]);
}

export const BUN = program('@oven', 'bun');
export const DENO = program('@deno', 'deno');
export const WORKERD = program('@cloudflare', 'workerd');
/** The Nodes beside the one that runs this: those that are pinned for this platform. */
export const NODES = Object.keys(JSON.parse(readFileSync(path.join(TOOLS, 'package.json'), 'utf8')).optionalDependencies)
  .filter(name => name.endsWith(`-${process.platform}-${process.arch}`))
  .map(name => tool(name, 'bin', 'node'));

/** Deno with what the package needs to call the Cloud; for the addon it needs `--allow-ffi` too. */
export const DENO_RUN = ['run', '--no-prompt', '--allow-read', '--allow-env', '--allow-net'];
export const DENO_ENV = { DENO_DIR: path.join(TOOLS, 'deno-cache'), NO_COLOR: '1' };
