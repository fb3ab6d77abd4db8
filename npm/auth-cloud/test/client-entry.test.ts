/** `@mastra/auth-cloud/client` works where no `@mastra/core` is installed. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');
const INSTALLED = join(PACKAGE, 'node_modules', '@mastra');

/** A project with this package and its addon, and nothing else. */
let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'auth-cloud-')));
  const scope = join(folder, 'node_modules', '@mastra');
  for (const part of ['dist', 'package.json']) cpSync(join(PACKAGE, part), join(scope, 'auth-cloud', part), { recursive: true });
  // The packages of the addon name it from where they stand.
  symlinkSync(join(PACKAGE, 'native'), join(folder, 'native'), 'junction');
  for (const addon of readdirSync(INSTALLED).filter(name => name.startsWith('auth-cloud-'))) {
    symlinkSync(join(INSTALLED, addon), join(scope, addon), 'junction');
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]) => spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' });

test.each([
  ['import', '--input-type=module', (name: string) => `await import('${name}')`],
  ['require', '--input-type=commonjs', (name: string) => `require('${name}')`],
])('%s loads the client, and the whole package needs its host', (_, type, load) => {
  const use = `const { MastraCloudClient, CloudApiError } = ${load('@mastra/auth-cloud/client')};
    const client = new MastraCloudClient({ projectId: 'demo' });
    const url = client.getLoginUrl({ redirectUri: 'http://localhost:4111/cb', state: 'id|/' });
    try { new MastraCloudClient({ projectId: '?' }); } catch (error) { console.log(error instanceof CloudApiError, error.code); }
    console.log(new URL(url).host);`;
  const used = run(type, '-e', use);
  expect(used.stderr).toBe('');
  expect(used.stdout).toBe('true invalid_configuration\ncloud.mastra.ai\n');
  const whole = run(type, '-e', load('@mastra/auth-cloud'));
  expect(whole.status).toBe(1);
  expect(whole.stderr).toMatch(/Cannot find (package|module) '@mastra\/core/);
});

test('its types name nothing of the host', () => {
  const program = `
    import { MastraCloudClient, isCloudApiError } from '@mastra/auth-cloud/client';
    import type { CloudAuthEvent, CloudUser, ErrorCode, ExchangedCode, MastraCloudClientOptions } from '@mastra/auth-cloud/client';
    const onEvent = (event: CloudAuthEvent): void => console.log(event.type, event.durationSeconds);
    const options: MastraCloudClientOptions = { projectId: 'demo', onEvent };
    export const user: Promise<CloudUser | null> = new MastraCloudClient(options).verifyToken({ token: 't' });
    export const exchanged: Promise<ExchangedCode> = new MastraCloudClient(options).exchangeCode({ code: 'c' });
    export const code = (error: unknown): ErrorCode | undefined => (isCloudApiError(error) ? (error.code as ErrorCode) : undefined);
  `;
  for (const file of ['esm.mts', 'cjs.cts']) writeFileSync(join(folder, file), program);
  const tsc = join(PACKAGE, 'node_modules', 'typescript', 'bin', 'tsc');
  const types = ['--types', 'node', '--typeRoots', join(PACKAGE, 'node_modules', '@types')];
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,dom', '--skipLibCheck', 'false'];
  const { stdout, status } = run(tsc, ...options, ...types, 'esm.mts', 'cjs.cts');
  expect(stdout).toBe('');
  expect(status).toBe(0);
});
