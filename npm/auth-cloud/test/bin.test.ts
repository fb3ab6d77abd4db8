/** The package's program: `npx @mastra/auth-cloud`. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: Record<string, string> };

function run(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin['auth-cloud'] ?? '', ...words], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('npx finds the program by the name of the package', () => {
  expect(Object.keys(bin)).toEqual(['auth-cloud']);
});

test('help is an answer; a command that does not exist, or none, is wrong usage', () => {
  expect(run('--help')).toMatchObject({ status: 0, stderr: '' });
  expect(run('--help').stdout).toContain('npx @mastra/auth-cloud COMMAND');
  expect(run()).toMatchObject({ status: 2, stdout: '' });
  const { status, stdout, stderr } = run('toString');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain('no command "toString"');
});
