/** Where a sign-in leads back to, by the login URL's state. */

import { expect, test } from 'vitest';

import { MastraCloudAuth, MastraCloudClient } from '../dist/esm/index.js';
import type { CloudAuthEvent } from '../dist/esm/index.js';
import { REDIRECT } from './world.js';

function world() {
  const events: CloudAuthEvent[] = [];
  const logged: unknown[][] = [];
  const log = (...line: unknown[]) => logged.push(line);
  const options = { projectId: 'demo', logger: { debug: log, info: log, warn: log }, onEvent: (event: CloudAuthEvent) => events.push(event) };
  return { auth: new MastraCloudAuth(options), client: new MastraCloudClient(options), events, logged };
}

/** The way back that the host reads from the state of a login URL. */
function wayBack(login: string): string | undefined {
  const [, path] = (new URL(login).searchParams.get('state') ?? '').split('|');
  return path === undefined ? undefined : decodeURIComponent(path);
}

test('a long return path comes back whole, or without its query and with an event', () => {
  const { auth, client, events, logged } = world();
  const urlOf = [
    (state: string) => auth.getLoginUrl(REDIRECT, state),
    (state: string) => client.getLoginUrl({ redirectUri: REDIRECT, state }),
  ];
  for (const make of urlOf) {
    for (const bytes of [2100, 6000]) {
      const wanted = `/agents?filter=${'x'.repeat(bytes)}`;
      expect(wayBack(make(`id|${encodeURIComponent(wanted)}`))).toBe(wanted);
    }
    expect(events).toEqual([]);
    const wanted = `/agents?filter=${'x'.repeat(7000)}`;
    expect(wayBack(make(`id|${encodeURIComponent(wanted)}`))).toBe('/agents');
    const told = { bytes: 7027, limit: 6144 };
    expect(events.splice(0)).toEqual([{ type: 'return_path_truncated', ...told }]);
    expect(logged.splice(0)).toEqual([['mastra cloud auth: return_path_truncated', told]]);
  }
});

test('Studio on another port of this machine is led back to, and nothing else elsewhere', () => {
  const { auth } = world();
  const back = (redirect: string, wanted: string) => wayBack(auth.getLoginUrl(redirect, `id|${encodeURIComponent(wanted)}`));
  for (const studio of ['http://localhost:3000/agents?tab=1', 'http://127.0.0.1:3000/', 'http://[::1]:3000/a']) {
    expect(back('http://localhost:4111/api/auth/sso/callback', studio)).toBe(studio);
    expect(back('https://app.example.com/api/auth/sso/callback', studio)).toBe('/');
  }
  for (const elsewhere of ['https://evil.example/a', 'http://localhost.evil.example/a', 'http://localhost:3000@evil.example/']) {
    expect(back('http://localhost:4111/api/auth/sso/callback', elsewhere)).toBe('/');
  }
});
