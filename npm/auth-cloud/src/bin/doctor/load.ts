/** Loads the entry of an app as `mastra dev` runs it: TypeScript without a build, and variables from `.env` files. */

import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { App, folderOf } from './app.js';
import { call, has, members, named } from './members.js';
import type { Members } from './members.js';

/** Where Mastra looks for an app. */
const ENTRIES = ['src/mastra/index.ts', 'src/mastra/index.js', 'mastra/index.ts', 'mastra/index.js'];
/** The first file that sets a variable wins, and the environment wins over all. */
const FILES = { development: ['.env.development', '.env.local', '.env'], production: ['.env.production', '.env.local', '.env'] };
const PATIENCE = 60_000;

export interface LoadOptions {
  readonly entry: string | undefined;
  readonly isProduction: boolean;
  readonly mayTrySignIn: boolean;
}

/** An entry that cannot be used; its message says why. */
export class EntryError extends Error {}

/** Loads the app. `warnings` is where the process puts those that it causes. */
export async function load({ entry, isProduction, mayTrySignIn }: LoadOptions, warnings: readonly string[]): Promise<App> {
  const file = resolve(entry ?? ENTRIES.find(name => existsSync(name)) ?? '');
  if (entry === undefined && file === process.cwd()) throw new EntryError(`there is no ${ENTRIES[0]} here: name the file that exports the Mastra instance with --entry`);
  if (!existsSync(file)) throw new EntryError(`there is no file ${entry}`);
  const folder = folderOf(file);
  for (const name of FILES[isProduction ? 'production' : 'development']) if (existsSync(join(folder, name))) process.loadEnvFile(join(folder, name));
  if (isProduction) process.env['NODE_ENV'] = 'production';
  else if (process.env['NODE_ENV'] !== 'production') process.env['MASTRA_DEV'] ??= 'true';

  const parts = { folder, source: readFileSync(file, 'utf8'), env: process.env, node: process.versions.node, warnings, mayTrySignIn };
  try {
    const server = serverOf(await imported(file), file);
    // Warnings come later than what they are about.
    await setImmediate();
    return new App({ ...parts, server });
  } catch (error) {
    const { name, code, message } = Object(error) as { name?: string; code?: string; message?: string };
    if (name === 'CloudApiError' && code === 'invalid_configuration') return new App({ ...parts, server: {}, refused: message });
    if (error instanceof EntryError) throw error;
    throw new EntryError(`${file} cannot be loaded: ${named(error)}${frame(error)}`);
  }
}

async function imported(file: string): Promise<Members> {
  if (/\.[mc]?ts$/.test(file)) readTypeScript();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new EntryError(`${file} was not loaded within ${PATIENCE / 1_000} s`)), PATIENCE);
  });
  try {
    return (await Promise.race([import(pathToFileURL(file).href), late])) as Members;
  } finally {
    clearTimeout(timer);
  }
}

/** The server's options, of the Mastra instance or of the provider that a file exports. */
function serverOf(exported: Members, file: string): Members {
  const values = Object.values(exported).flatMap(value => [value, members(value)?.['default']]).map(members);
  const mastra = values.find(value => has(value, 'getServer'));
  if (mastra !== undefined) {
    const server = members(call(mastra, 'getServer')) ?? {};
    const studio = has(mastra, 'getStudio') ? members(call(mastra, 'getStudio')) : undefined;
    // The people of a Studio of its own sign in there.
    return studio?.['auth'] === undefined ? server : { ...server, auth: studio['auth'], rbac: studio['rbac'] };
  }
  const auth = values.find(value => has(value, 'authenticateToken'));
  if (auth === undefined) throw new EntryError(`${file} exports neither a Mastra instance nor a provider`);
  return has(auth, 'getPermissions') ? { auth, rbac: auth } : { auth };
}

/** Lets Node import TypeScript, also by the name that its JavaScript would have. */
function readTypeScript(): void {
  if (typeof module.registerHooks !== 'function') throw new EntryError(`Node ${process.versions.node} reads no TypeScript: use 22.15 or newer, or name a JavaScript file with --entry`);
  module.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (!/^\.{1,2}\//.test(specifier) || context.parentURL === undefined) throw error;
        const wanted = fileURLToPath(new URL(specifier, context.parentURL));
        const names = [wanted.replace(/\.([mc]?)js$/, '.$1ts'), `${wanted}.ts`, `${wanted}.js`, join(wanted, 'index.ts'), join(wanted, 'index.js')];
        const found = names.find(name => name !== wanted && existsSync(name));
        if (found === undefined) throw error;
        return next(pathToFileURL(found).href, context);
      }
    },
    load(url, context, next) {
      if (!url.startsWith('file:') || !/\.m?ts$/.test(url)) return next(url, context);
      const source = module.stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'), { mode: 'strip' });
      return { format: 'module', source, shortCircuit: true };
    },
  });
}

/** A line of a stack that names a file. The first line does where a file cannot be parsed. */
const PLACE = /^(?:\s+at (?:.*\()?)?(?:file:\/\/)?(\/[^():\n]+):(\d+)(?::\d+)?\)?$/;

/** Where an error was thrown, if its stack says so: a file that is there. All else in a stack may be the message, and hold a secret. */
function frame(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const lines = String(error.stack).replace(error.message, '').split('\n');
  for (const [, file = '', line] of lines.map(one => PLACE.exec(one) ?? [])) if (existsSync(file)) return ` at ${file}:${line}`;
  return '';
}
