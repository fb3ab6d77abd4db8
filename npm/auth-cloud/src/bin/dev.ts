/** `npx @mastra/auth-cloud dev`: the local Cloud, by the program of this platform's package. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import { LocalCloudError } from '../testing/error.js';
import { LOCAL, findProgram } from '../testing/program.js';

const LIFELINE = '--end-with-stdin';

/** Runs `mastra-auth dev` with these words until it ends, and answers its exit status. It ends with this process at the latest. */
export async function run(words: readonly string[]): Promise<number> {
  const [program = '', ...first] = command();
  const isOurs = !words.includes(LIFELINE);
  const child = spawn(program, [...first, 'dev', ...(isOurs ? [LIFELINE] : []), ...words], {
    stdio: [isOurs ? 'pipe' : 'inherit', 'inherit', 'inherit'],
    shell: process.platform === 'win32' && program === 'npx',
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (isOurs ? child.stdin?.end() : child.kill(signal)));
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    return status ?? 1;
  } catch (error) {
    process.stderr.write(`error: ${program} cannot be run (${String((error as NodeJS.ErrnoException).code)})\n`);
    return 1;
  }
}

/** The program; where it is not installed npm fetches it, as it has fetched this package. */
function command(): string[] {
  try {
    return [findProgram(undefined)];
  } catch (error) {
    if (!(error instanceof LocalCloudError)) throw error;
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
    return ['npx', '--yes', `--package=${LOCAL}@${version}`, '--', 'mastra-auth'];
  }
}
