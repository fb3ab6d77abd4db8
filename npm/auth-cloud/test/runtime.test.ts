/** Runtimes that are not Node: nothing begins before the first request, and nothing of Node is needed. */

import { afterEach, expect, test, vi } from 'vitest';

import { MastraCloudAuth, MastraCloudClient } from '../dist/esm/index.js';
import type { RevocationChannel } from '../dist/esm/index.js';
import { forward } from '../dist/esm/timeout.js';
import { REDIRECT } from './world.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** As at the module scope of a Worker. */
function forbidRandomness() {
  return vi.spyOn(crypto, 'getRandomValues').mockImplementation(() => {
    throw new Error('Disallowed operation called within global scope.');
  });
}

const subscribe = vi.fn(() => Promise.resolve({ standing: [], close: () => undefined }));
const channel: RevocationChannel = { publish: () => Promise.resolve(), subscribe };

test('where no randomness is allowed yet, nothing begins until the first use', async () => {
  const forbidden = forbidRandomness();
  const auth = new MastraCloudAuth({ projectId: 'p', revocations: channel });
  const client = new MastraCloudClient({ projectId: 'p' });
  expect(subscribe).not.toHaveBeenCalled();
  forbidden.mockRestore();
  expect(auth.getLoginUrl(REDIRECT, 'state')).toContain('https://cloud.mastra.ai/auth/oss');
  expect(client.getLoginUrl({ redirectUri: REDIRECT, state: 'state' })).toContain('https://cloud.mastra.ai/auth/oss');
  expect(subscribe).toHaveBeenCalledOnce();
  await auth.close();
});

test.each([
  ['a value that the core refuses', { projectId: 'two words' }],
  ['a value of another type', { projectId: 'p', cache: { maxEntries: 0.5 } }],
  ['a channel that is none', { projectId: 'p', revocations: {} as RevocationChannel }],
  ['a flag that is none', { projectId: 'p', traceRequests: 'yes' as unknown as boolean }],
])('the constructor still throws for %s', (_, options) => {
  forbidRandomness();
  expect(() => new MastraCloudAuth(options)).toThrow(expect.objectContaining({ code: 'invalid_configuration' }));
});

test('without a process there are no variables, no files, and warnings go to the console', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  vi.stubGlobal('process', undefined);
  const throwing = () => {
    throw new Error('secret');
  };
  const auth = new MastraCloudAuth({ projectId: 'p', onEvent: throwing });
  auth.endUser('u');
  expect(warn).toHaveBeenCalledExactlyOnceWith('(MASTRA_AUTH_CLOUD_LISTENER) Warning: The onEvent of MastraCloudAuth threw.');
  expect(() => new MastraCloudAuth({ projectId: 'p', verification: { by: 'keys', jwksFile: 'keys.json' } })).toThrow('has no files');
});

test('a clock that is set back does not go back', () => {
  const times = [1000, 1500, 200, 300, 300];
  const read = forward(() => times.shift() ?? 0);
  expect([read(), read(), read(), read(), read()]).toEqual([0, 500, 500, 600, 600]);
});
