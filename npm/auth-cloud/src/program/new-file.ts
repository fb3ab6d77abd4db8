/**
 * What replaces the credentials file.
 *
 * The text goes to a new file beside it, which is flushed to the disk and renamed. A process that is killed at any moment leaves the
 * old content or the new one. A file that is mounted alone cannot be replaced and is written in place: a process that is killed in
 * that moment may leave a part.
 */

import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { unfinished, unlessAbsent } from './lock.js';

/** Both tokens of the longest kind, in bytes; each of a refresh token may take two in JSON. */
const LONGEST_TOKENS = 3 * 8192;
/** For the names of members that a refresh adds, and for what another program writes meanwhile. */
const MARGIN = 1024;

export class NewFile {
  readonly #target: string;
  readonly #temporary: string;
  readonly #failed: (error: unknown) => never;
  #file: FileHandle | undefined;

  constructor(target: string, failed: (error: unknown) => never) {
    this.#target = target;
    this.#temporary = unfinished(target, process.pid);
    this.#failed = failed;
  }

  /**
   * Makes the new file before there is anything to write, and as long as a refresh can make it: so a full or forbidden place is found
   * out first.
   */
  async make(): Promise<void> {
    const make = async () => {
      const text = (await unlessAbsent(readFile(this.#target, 'utf8'))) ?? '';
      await rm(this.#temporary, { force: true });
      this.#file = await open(this.#temporary, 'wx', 0o600);
      // Some file systems store little of what they can compress.
      await put(this.#file, randomBytes(Buffer.byteLength(indented(text)) + LONGEST_TOKENS + MARGIN));
    };
    await make().catch(this.#failed);
  }

  /** Replaces the file by these members. */
  async write(members: object): Promise<void> {
    const content = Buffer.from(`${JSON.stringify(members, null, 2)}\n`);
    const write = async (file: FileHandle) => {
      await put(file, content);
      // Some systems rename no file that is open.
      await this.#close();
      const isMounted = await rename(this.#temporary, this.#target).then(() => false, mounted);
      // As containers are given one file of their host.
      await (isMounted ? overwrite(this.#target, content) : flushFolder(dirname(this.#target)));
    };
    if (this.#file) await write(this.#file).catch(this.#failed);
  }

  /** Leaves nothing beside the file. What cannot be removed is, once this process is gone: no result is lost for it. */
  async end(): Promise<void> {
    await this.#close().catch(() => undefined);
    await rm(this.#temporary, { force: true }).catch(() => undefined);
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Whether a file cannot be replaced, for it is mounted alone. Any other failure is thrown. */
function mounted(error: unknown): true {
  if (['EBUSY', 'EXDEV'].includes(Object(error).code)) return true;
  throw error;
}

/** Makes this a file's whole content. */
async function put(file: FileHandle, content: Buffer): Promise<void> {
  await writeAt(file, content, 0);
  await file.truncate(content.length);
  await file.sync();
}

/** Writes a file in place; its mode stays. On a full disk it stays as it was. */
async function overwrite(target: string, content: Buffer): Promise<void> {
  const file = await open(target, 'r+');
  try {
    const before = (await file.stat()).size;
    try {
      // White space behind the old content changes nothing of what that says.
      await writeAt(file, Buffer.alloc(Math.max(0, content.length - before), 32), before);
      await file.sync();
    } catch (error) {
      await file.truncate(before);
      throw error;
    }
    await put(file, content);
  } finally {
    await file.close();
  }
}

/** A write may take a part alone. */
async function writeAt(file: FileHandle, content: Buffer, position: number): Promise<void> {
  for (let done = 0; done < content.length; ) {
    done += (await file.write(content, done, content.length - done, position + done)).bytesWritten;
  }
}

/** As the file will be written. */
function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The rename is on the disk once the folder is. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
