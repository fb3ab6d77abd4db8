/** `npx @mastra/auth-cloud dev`. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { expect, test } from 'vitest';

import { BINARY } from './world.js';

function dev(words: readonly string[], binary = BINARY) {
  const env = { ...process.env, MASTRA_AUTH_BINARY: binary };
  return spawn(process.execPath, ['dist/esm/bin/main.js', 'dev', ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function ready(child: ReturnType<typeof dev>): Promise<string> {
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  expect(line).toMatch(/^ready cloud=http:\/\/localhost:\d+$/);
  return line.slice('ready cloud='.length);
}

const isGone = (url: string) => expect.poll(() => fetch(url).then(() => 'answers', () => 'is gone')).toBe('is gone');

test.each(['SIGINT', 'SIGTERM'] as const)('it runs the local Cloud until %s', async signal => {
  const child = dev(['--port', '0', '--dialect', 'pkce']);
  const url = await ready(child);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  child.kill(signal);
  expect(await once(child, 'close')).toEqual([0, null]);
  await isGone(url);
});

test('the Cloud ends with a process that is killed', async () => {
  const child = dev(['--port', '0']);
  const url = await ready(child);
  child.kill('SIGKILL');
  await isGone(url);
});

test('wrong words and a program that is not there are said, and the status tells', async () => {
  for (const [words, binary, status, said] of [
    [['--no-such-option'], BINARY, 2, '--no-such-option'],
    [['--bind', '0.0.0.0'], BINARY, 2, '--i-know-this-checks-no-password'],
    [[], '/no/such/program', 1, 'error: /no/such/program cannot be run (ENOENT)'],
  ] as const) {
    const child = dev(words, binary);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => void (errors += part));
    expect(await once(child, 'close')).toEqual([status, null]);
    expect(errors).toContain(said);
  }
});
