/** The program `mastra-auth`: where it is, how it starts and how it ends. */

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

import ownRequire from '../own-require.cjs';
import { LocalCloudError } from './error.js';

/** In milliseconds. A Cloud is ready within 150; a busy machine may need much longer. */
const START_TIMEOUT = 60_000;
const READY = /^ready cloud=(\S+)\r?\n/;

/** A running Cloud. */
export interface Running {
  readonly url: string;
  /** Ends the program, and waits until it has ended. May be called again. */
  end(): Promise<void>;
}

/** The package that brings the program along, for every platform. */
export const LOCAL = '@mastra/auth-cloud-local';

/** Packages that hold the program for this platform. npm installs one: the C library of a Linux system is not detected. */
function packages(): string[] {
  const abis = { linux: ['-gnu', '-musl'], win32: ['-msvc'] }[process.platform as string] ?? [''];
  return abis.map(abi => `${LOCAL}-${process.platform}-${process.arch}${abi}`);
}

/** The path of the program: `binary`, else the variable `MASTRA_AUTH_BINARY`, else the one that `@mastra/auth-cloud-local` brings along. */
export function findProgram(binary: string | undefined): string {
  const named = binary ?? process.env['MASTRA_AUTH_BINARY'];
  if (named) return named;
  for (const name of packages()) {
    try {
      // A strict package manager shows it to that package alone.
      const within = createRequire(ownRequire().resolve(`${LOCAL}/package.json`));
      return within.resolve(`${name}/mastra-auth${process.platform === 'win32' ? '.exe' : ''}`);
    } catch {
      // The next one, or the error below.
    }
  }
  const install = `Install ${LOCAL} on this platform as a development dependency`;
  throw new LocalCloudError('program_not_found', `There is no program mastra-auth. ${install}, or name the program in MASTRA_AUTH_BINARY.`);
}

/**
 * Starts `mastra-auth dev`, which ends with this process at the latest. It keeps no process alive.
 *
 * @throws LocalCloudError `not_started`, with what the program said. Then it has ended.
 */
export async function startProgram(program: string, options: readonly string[]): Promise<Running> {
  const failed = (why: string, cause?: unknown) => new LocalCloudError('not_started', `The local Cloud did not start: ${why}`, cause);
  let child;
  try {
    child = spawn(program, ['dev', '--end-with-stdin', ...options], { windowsHide: true });
  } catch (cause) {
    throw failed(`${program} cannot be run (${String(Object(cause).code)})`, cause);
  }
  const { stdin, stdout, stderr } = child;
  const parts = [child, stdin as Socket, stdout as Socket, stderr as Socket];
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()));
  const end = () => {
    for (const part of parts) part.ref();
    // Its state is in memory alone, so there is nothing to finish.
    child.kill('SIGKILL');
    return closed;
  };

  let [output, complaint] = ['', ''];
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<string>((resolve, reject) => {
    timer = setTimeout(() => reject(failed(`${program} was not ready within ${START_TIMEOUT / 1_000} seconds`)), START_TIMEOUT);
    stdout.setEncoding('utf8').on('data', (part: string) => {
      if (output.includes('\n')) return;
      output += part;
      const url = READY.exec(output)?.[1];
      if (url !== undefined) resolve(url);
      else if (output.includes('\n') || output.length > 1_000) reject(failed(`${program} is not mastra-auth, or another version of it`));
    });
    stderr.setEncoding('utf8').on('data', (part: string) => {
      complaint = `${complaint}${part}`.slice(0, 2_000);
    });
    child.once('error', (cause: NodeJS.ErrnoException) => reject(failed(`${program} cannot be run (${cause.code})`, cause)));
    child.once('close', status => {
      const said = complaint.trim().replace(/^error: /, '').replaceAll(/\s+/g, ' ');
      reject(failed(said || `${program} ended with ${String(status)} before it was ready`));
    });
  });
  try {
    const url = await ready;
    for (const part of parts) part.unref();
    return { url, end };
  } catch (error) {
    await end();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
