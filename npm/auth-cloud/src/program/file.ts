/**
 * The credentials file, which Mastra's command line and programs in Rust read and write too.
 *
 * The file is replaced whole, as `new-file.ts` says. Folder and file are for their owner alone.
 */

import { chmod, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { configurationError } from '../error.js';
import { takeLock, unlessAbsent } from './lock.js';
import { NewFile } from './new-file.js';

const FOLDER = '.mastra';
export const TOKEN = /^[A-Za-z0-9\-._~+/=]{1,8192}$/;

/** The file's members, those of another program among them. */
export interface Credentials {
  readonly token: string;
  readonly refreshToken?: string;
  readonly organizationId?: string;
  readonly currentOrgId?: string;
}

/** The file of Mastra's command line. */
export function homeFile(): string {
  return join(homedir(), FOLDER, 'credentials.json');
}

export class CredentialsFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads the credentials; `undefined` where there is no file, or no token in it. An error names the path and nothing of the content. */
  async read(): Promise<Credentials | undefined> {
    const text = await unlessAbsent(readFile(this.#path, 'utf8')).catch((error: unknown) => this.#failed('cannot be read', error));
    if (text === undefined) return undefined;
    const held = parsed(text);
    const bad = held === undefined ? 'the whole' : OWN.find(name => held[name] != null && typeof held[name] !== 'string');
    if (held === undefined || bad !== undefined) throw this.#broken(bad ?? 'the whole');
    if (held['token'] == null) return undefined;
    if (!TOKEN.test(String(held['token']))) throw this.#broken('token');
    // `null` counts as absent.
    return Object.fromEntries(Object.entries(held).filter(([name, value]) => value !== null || !OWN.includes(name))) as unknown as Credentials;
  }

  /** Runs this work while no other process works on the file. It must end within a minute. */
  async locked<T>(work: (place: NewFile) => Promise<T>): Promise<T> {
    const failed = (error: unknown) => this.#failed('cannot be made ready', error);
    await makePrivate(dirname(this.#path)).catch(failed);
    // Another program may have put a link in the file's place: what it leads to is replaced, and not the link.
    const target = (await unlessAbsent(realpath(this.#path)).catch(failed)) ?? this.#path;
    const unlock = await takeLock(target);
    const place = new NewFile(target, error => this.#failed('cannot be written', error));
    try {
      return await work(place);
    } finally {
      await place.end();
      await unlock();
    }
  }

  #broken(member: string): Error {
    const why = `${member} is missing or has the wrong form. Sign in again to replace it.`;
    return configurationError(`${this.#path} is no credentials file: ${why}`);
  }

  #failed(what: string, error: unknown): never {
    throw configurationError(`${this.#path} ${what}: ${String(Object(error).code)}`);
  }
}

const OWN = ['token', 'refreshToken', 'organizationId', 'currentOrgId'];

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A folder for its owner alone. One of another name that exists stays as it is: it may be everybody's. */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (process.platform === 'win32' || basename(folder) !== FOLDER) return;
  const { mode } = await stat(folder);
  if ((mode & 0o077) !== 0) await chmod(folder, 0o700);
}
