/**
 * A lock between processes, in Rust and in Node alike: a file that exists while a process holds it.
 *
 * The file names its holder: process, machine and a nonce. A lock is taken over where its process is gone, and after a minute in
 * any case. What that allows, and why it is enough, stands in `lock.rs` of the Rust crate, which does the same.
 */

import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { configurationError } from '../error.js';

/** In milliseconds. No holder works longer than the first; it writes its name right after it made the file. */
const LONGEST = 60_000;
const UNNAMED = 2_000;
/** How long one process waits for others, and between two looks. */
const PATIENCE = 90_000;
const PAUSE = 20;

/** Waits for the lock of this file; the result releases it. */
export async function takeLock(file: string): Promise<() => Promise<void>> {
  const path = `${file}.lock`;
  const nonce = randomBytes(16).toString('hex');
  const own = JSON.stringify({ pid: process.pid, host: hostname(), nonce });
  const until = performance.now() + PATIENCE;
  try {
    while (!(await make(path, own))) {
      const gone = await withoutHolder(path);
      if (gone !== undefined) await takeAway(file, path, gone, nonce);
      else if (performance.now() >= until) break;
      else await sleep(PAUSE);
    }
  } catch (error) {
    throw configurationError(`${path} cannot be made: ${String(Object(error).code)}`);
  }
  if ((await unlessAbsent(readFile(path, 'utf8'))) !== own) {
    throw configurationError(`Another program holds ${path} for too long. Remove it if none is at work.`);
  }
  return async () => {
    // What is not removed, as on a broken disk, is taken over once this process is gone: no result is lost for it.
    const holder = await readFile(path, 'utf8').catch(() => undefined);
    if (holder === own) await rm(path, { force: true }).catch(() => undefined);
  };
}

/** Where the holder of a lock writes what replaces the file: known to the process that takes the lock over. */
export function unfinished(file: string, pid: number): string {
  return `${file}.${pid}.tmp`;
}

/** `undefined` where there is no such file. */
export async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (Object(error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the lock; false where there is one. */
async function make(path: string, own: string): Promise<boolean> {
  try {
    await writeFile(path, own, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (Object(error).code === 'EEXIST') return false;
    throw error;
  }
}

/** The lock's text, if its holder is gone. */
async function withoutHolder(path: string): Promise<string | undefined> {
  const found = await unlessAbsent(Promise.all([readFile(path, 'utf8'), stat(path)]));
  if (found === undefined) return undefined;
  const [text, { mtimeMs }] = found;
  const age = Date.now() - mtimeMs;
  const isGone = age > LONGEST || (text === '' && age > UNNAMED) || isOfDead(text);
  return isGone ? text : undefined;
}

/** Removes what the holder that is gone was writing, and then its lock. A lock that was made meanwhile is put back. */
async function takeAway(file: string, path: string, gone: string, nonce: string): Promise<void> {
  const pid = holder(gone)?.pid;
  if (pid !== undefined) await rm(unfinished(file, pid), { force: true });
  const aside = `${path}.${nonce}`;
  const moved = await unlessAbsent(rename(path, aside).then(() => true));
  if (moved === undefined) return;
  if ((await readFile(aside, 'utf8')) !== gone) {
    // Where one more process was as fast, that one holds it now.
    await link(aside, path).catch(() => undefined);
  }
  await rm(aside);
}

/** The process and the machine that a lock names. */
function holder(text: string): { pid: number; host: string } | undefined {
  try {
    const { pid, host } = Object(JSON.parse(text));
    return Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    return undefined;
  }
}

function isOfDead(text: string): boolean {
  const named = holder(text);
  if (named === undefined || named.host === '' || named.host !== hostname()) return false;
  try {
    process.kill(named.pid, 0);
    return false;
  } catch (error) {
    return Object(error).code === 'ESRCH';
  }
}
