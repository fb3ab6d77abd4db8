/** `@mastra/auth-cloud/testing`: people who are signed in, and a Cloud that a test drives. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { LocalCloudError, startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud, LocalCloudOptions, SignedIn } from '../dist/esm/testing.js';
import { BINARY, request } from './world.js';

const APP = 'http://localhost:4111';
const DIALECTS = ['v1', 'pkce', 'platform'] as const;
const start = (options: LocalCloudOptions = {}): Promise<LocalCloud> => startLocalCloud({ binary: BINARY, ...options });
/** Asks the Cloud about each request. */
const appOf = ({ url, projectId }: LocalCloud, dialect: (typeof DIALECTS)[number] = 'v1') =>
  new MastraCloudAuth({ projectId, baseUrl: url, dialect, cache: { fresh: 0 } });
const byCookie = (auth: MastraCloudAuth, { cookie }: SignedIn, app = APP) => {
  const raw = new Request(`${app}/api/agents`, { headers: { cookie } });
  return auth.authenticateToken('', { raw, headers: raw.headers, header: (name: string) => raw.headers.get(name) ?? undefined });
};
const byBearer = (auth: MastraCloudAuth, { token }: SignedIn) => auth.authenticateToken(token, request({ authorization: `Bearer ${token}` }));

let cloud: LocalCloud;
beforeAll(async () => void (cloud = await start()));
afterEach(() => cloud.reset());
afterAll(() => cloud.close());

test.each(DIALECTS)('a member is signed in by cookie and by bearer, and two people at once (%s)', async dialect => {
  await using own = await start({ dialect });
  const auth = appOf(own, dialect);
  const [member, viewer] = await Promise.all([own.signIn('member'), own.signIn('victor@example.com')]);
  expect(member.userId).toBe('usr_mei');
  expect(Date.parse(member.expiresAt)).toBeGreaterThan(Date.now());
  for (const user of [await byCookie(auth, member), await byBearer(auth, member)]) {
    expect(user).toMatchObject({ id: 'usr_mei', email: 'mei@example.com', roles: ['member'] });
  }
  expect(await byCookie(auth, viewer)).toMatchObject({ id: 'usr_victor', roles: ['viewer'] });
});

test('the cookie has the name that the plugin reads at the address, and the form that Playwright loads', async () => {
  const plain = await cloud.signIn('member');
  expect(plain.cookie).toBe(`mastra_session=${plain.token}`);
  const attributes = { path: '/', expires: -1, httpOnly: true, sameSite: 'Lax' };
  expect(plain.storageState).toEqual({
    cookies: [{ name: 'mastra_session', value: plain.token, domain: 'localhost', secure: false, ...attributes }],
    origins: [],
  });
  const app = 'https://app.example.com';
  const secure = await cloud.signIn('member', { app });
  expect(secure.cookie).toBe(`__Host-mastra_session=${secure.token}`);
  expect(secure.storageState.cookies).toEqual([
    { name: '__Host-mastra_session', value: secure.token, domain: 'app.example.com', secure: true, ...attributes },
  ]);
  const auth = appOf(cloud);
  for (const port of ['', ':8443']) expect(await byCookie(auth, secure, `${app}${port}`)).toMatchObject({ id: 'usr_mei' });
  // Over https the other name would not count.
  expect(await byCookie(auth, plain, app)).toBeNull();
  for (const other of ['http://app.example.com', 'http://localhost:4111/below', 'localhost:4111', '']) {
    await expect(cloud.signIn('member', { app: other }), other).rejects.toMatchObject({ code: 'unusable_app' });
  }
});

test('a session ends, and so do all of a person, by any of their names', async () => {
  const auth = appOf(cloud);
  const one = await cloud.signIn('member');
  const two = await cloud.signIn('member');
  const three = await cloud.signIn('member');
  const other = await cloud.signIn('admin');
  await cloud.endSession(one.sessionId);
  expect(await byCookie(auth, one)).toBeNull();
  expect(await byCookie(auth, two)).not.toBeNull();
  await expect(cloud.endSession(one.sessionId)).rejects.toMatchObject({ code: 'refused' });
  expect(await cloud.endSessionsOf('Mei Tanaka')).toBe(2);
  expect([await byCookie(auth, two), await byCookie(auth, three)]).toEqual([null, null]);
  expect(await byCookie(auth, other)).not.toBeNull();
});

test('a role changes, and a reset brings the old one back and ends every session', async () => {
  const auth = appOf(cloud);
  const before = await cloud.signIn('member');
  await cloud.setRole('member', 'admin');
  expect(await byCookie(auth, before)).toMatchObject({ roles: ['admin'] });
  await expect(cloud.setRole('member', 'king')).rejects.toMatchObject({ code: 'refused', message: 'There is no such role.' });
  await cloud.reset();
  expect(await byCookie(auth, before)).toBeNull();
  expect(await byCookie(auth, await cloud.signIn('member'))).toMatchObject({ roles: ['member'] });
});

test('keys rotate: tokens of the old one and of the new one are good', async () => {
  const before = await cloud.signIn('member');
  await cloud.rotateKeys();
  const after = await cloud.signIn('member');
  const kid = ({ token }: SignedIn) => (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
  expect(kid(after)).not.toBe(kid(before));
  const auth = appOf(cloud);
  for (const person of [before, after]) expect(await byBearer(auth, person)).toMatchObject({ id: 'usr_mei' });
});

test('the clock goes past the end of a token, and of a session', async () => {
  const auth = appOf(cloud);
  const short = await cloud.signIn('member', { lifetime: 60 });
  const long = await cloud.signIn('member');
  expect(await byBearer(auth, short)).not.toBeNull();
  await cloud.advance(61);
  expect(await byBearer(auth, short)).toBeNull();
  expect(await byBearer(auth, long)).not.toBeNull();
  await cloud.advance(86_400);
  expect(await byBearer(auth, long)).toBeNull();
  await expect(cloud.advance(0.5)).rejects.toMatchObject({ code: 'refused' });
  const old = await cloud.signIn('member', { age: 100, lifetime: 60 });
  expect(await byBearer(auth, old)).toBeNull();
});

test('lifetimes of all tokens and sessions are options', async () => {
  await using own = await start({ tokenLifetime: 60, sessionLifetime: 120 });
  const member = await own.signIn('member');
  expect(Date.parse(member.expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
  await own.advance(121);
  await expect(own.endSession('none')).rejects.toBeInstanceOf(LocalCloudError);
  expect(await byBearer(appOf(own), member)).toBeNull();
});

test('faults are set and cleared, and requests are counted', async () => {
  const auth = appOf(cloud);
  const member = await cloud.signIn('member');
  expect((await cloud.requests()).counts).toEqual({});
  await cloud.faults.set({ kind: 'status', status: 503 });
  await expect(byCookie(auth, member)).rejects.toMatchObject({ status: 503 });
  await cloud.faults.clear();
  const failed = (await cloud.requests()).counts['verify'] ?? 0;
  expect(failed).toBeGreaterThan(0);
  expect(await byCookie(appOf(cloud), member)).toMatchObject({ id: 'usr_mei' });
  const { counts, log } = await cloud.requests();
  expect(counts['verify']).toBe(failed + 1);
  expect(log.findLast(({ endpoint }) => endpoint === 'verify')).toMatchObject({ method: 'POST', status: 200 });
  await expect(cloud.faults.set({ kind: 'status', status: 200 })).rejects.toMatchObject({ code: 'refused' });
});

test('an unknown person is an error that lists the people', async () => {
  const unknown = { name: 'LocalCloudError', code: 'unknown_person', message: 'There is no such person. There are: owner, admin, member, viewer.' };
  await expect(cloud.signIn('nobody')).rejects.toMatchObject(unknown);
  await expect(cloud.setRole('nobody', 'admin')).rejects.toMatchObject(unknown);
  await expect(cloud.endSessionsOf('nobody')).rejects.toMatchObject(unknown);
});

const seeds = () => readdirSync(tmpdir()).filter(name => name.startsWith('mastra-auth-seed-'));

test('people, roles and projects come from an object or a file', async () => {
  const seed = {
    people: [{ handle: 'ada', name: 'Ada "the first" Lovelace', email: 'ada@example.com', role: 'the chief' }],
    roles: { 'the chief': ['agents:*'] },
    projects: [{ id: 'shop', redirectUris: ['https://shop.example.com/cb'] }, { id: 'other' }],
  };
  const before = seeds();
  await using own = await start({ seed });
  expect(seeds()).toEqual(before);
  expect(own.projectId).toBe('shop');
  expect(await byCookie(appOf(own), await own.signIn('the chief'))).toMatchObject({ id: 'usr_ada', name: 'Ada "the first" Lovelace', roles: ['the chief'] });
  await using filed = await start({ seed: join(import.meta.dirname, '../../../examples/seed.toml') });
  expect((await filed.signIn('operator')).userId).toBe('usr_op_1');
  expect(filed.projectId).toBe('demo');
  for (const [wrong, said] of [
    [{ people: [] }, 'at least one'],
    [{ projects: [{ id: 'a b' }] }, 'a b'],
    [{ users: 'ada' }, 'users'],
    ['no-such-file.toml', 'no-such-file.toml'],
  ] as [string | object, string][]) {
    await expect(start({ seed: wrong })).rejects.toMatchObject({ code: 'not_started', message: expect.stringContaining(said) });
  }
  expect(seeds()).toEqual(before);
});

test('the platform keeps a sealed session in the cookie, and rotates it as it is told', async () => {
  const seed = {
    people: [{ handle: 'ada', name: 'Ada', email: 'ada@example.com', role: 'admin' }],
    organizations: [{ id: 'org_a', name: 'A', members: { ada: 'viewer' } }],
  };
  const platform = { rotateAfter: 0, rotationLeeway: 60, redirectQuery: 'drop', callbackState: 'echo', redirectHosts: ['app.example.com'] } as const;
  await using own = await start({ dialect: 'platform', platform, seed });
  const ada = await own.signIn('ada');
  const [kept] = ada.storageState.cookies;
  expect(kept).toMatchObject({ name: 'wos-session', value: expect.stringContaining('*'), domain: 'localhost' });
  expect(ada.cookie).toBe(`wos-session=${kept?.value}`);
  expect((await own.signIn('ada', { app: 'https://app.example.com' })).cookie).toMatch(/^__Host-wos-session=/);
  const me = () => fetch(`${own.url}/v1/auth/me`, { headers: { cookie: ada.cookie } });
  for (const answer of [await me(), await me()]) {
    expect(answer.headers.get('set-cookie')).toMatch(/^wos-session=/);
    expect(await answer.json()).toMatchObject({ organizationId: 'org_a', role: 'viewer', memberOrgIds: ['org_a'] });
  }
  const verified = await fetch(`${own.url}/v1/auth/verify`, { headers: { authorization: `Bearer ${ada.token}` } });
  expect(await verified.json()).toMatchObject({ user: { id: 'usr_ada' }, authType: 'user' });
  expect(ada.refreshToken).toMatch(/^rt_/);
  expect((await own.requests()).counts).toMatchObject({ me: 2, verify: 1, rotation: 2 });
  const login = 'product=deploy&redirect_uri=https://app.example.com/cb';
  expect((await fetch(`${own.url}/v1/auth/login?${login}`, { redirect: 'manual' })).status).toBe(302);
  await own.faults.set({ kind: 'without', member: 'memberOrgIds', endpoint: 'verify', times: 1 });
  await expect(start({ seed: { ...seed, organizations: [{ id: 'org_a', name: 'A', members: { bob: 'admin' } }] } })).rejects.toMatchObject({
    code: 'not_started',
    message: expect.stringContaining('bob'),
  });
});

test('what does not start is an error that says why', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), 'auth-cloud-'));
  const script = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
    return join(folder, name);
  };
  const handles = process.getActiveResourcesInfo().filter(name => /Process|Pipe/.test(name)).length;
  try {
    for (const [options, said] of [
      [{ port }, `port ${port} is in use`],
      [{ tokenLifetime: 0 }, '--token-lifetime'],
      [{ binary: join(folder, 'absent') }, 'ENOENT'],
      [{ binary: script('a text', 'no program') }, 'a text'],
      [{ binary: script('ends', '#!/bin/sh\nexit 7') }, 'ended with 7'],
      [{ binary: join(folder, 'ends', 'below') }, 'ENOTDIR'],
      [{ binary: script('other', '#!/bin/sh\necho hello; exec sleep 1000') }, 'is not mastra-auth'],
    ] as [LocalCloudOptions, string][]) {
      await expect(start(options)).rejects.toMatchObject({ name: 'LocalCloudError', code: 'not_started', message: expect.stringContaining(said) });
    }
  } finally {
    taken.close();
    rmSync(folder, { recursive: true });
  }
  await expect.poll(() => process.getActiveResourcesInfo().filter(name => /Process|Pipe/.test(name)).length).toBe(handles);
});

test('the program is named by an option or a variable; without it the error says what to install', async () => {
  vi.stubEnv('MASTRA_AUTH_BINARY', BINARY);
  try {
    await using own = await startLocalCloud();
    expect(own.url).toMatch(/^http:\/\/localhost:\d+$/);
    vi.stubEnv('MASTRA_AUTH_BINARY', '');
    const install = { code: 'program_not_found', message: expect.stringMatching(/@mastra\/auth-cloud-local .*MASTRA_AUTH_BINARY/) };
    await expect(startLocalCloud()).rejects.toMatchObject(install);
  } finally {
    vi.unstubAllEnvs();
  }
});

test('it is closed twice, and says so afterwards', async () => {
  const own = await start();
  await Promise.all([own.close(), own.close()]);
  await own.close();
  await expect(own.signIn('member')).rejects.toMatchObject({ code: 'not_running', message: 'The local Cloud is closed.' });
  await expect(fetch(own.url)).rejects.toThrow();
});

/** Runs a program with `start` in a process of its own. */
function program(text: string) {
  const kit = new URL('../dist/esm/testing.js', import.meta.url);
  const whole = `import { startLocalCloud } from ${JSON.stringify(kit)}; const start = () => startLocalCloud(); ${text}`;
  const env = { ...process.env, MASTRA_AUTH_BINARY: BINARY };
  return spawn(process.execPath, ['--input-type=module', '-e', whole], { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

test('a hundred Clouds in one process, twenty at once, leave no handle behind', async () => {
  const child = program(`
    const open = () => process.getActiveResourcesInfo().sort().join();
    const before = open();
    for (let round = 0; round < 5; round += 1) {
      const clouds = await Promise.all(Array.from({ length: 20 }, start));
      for (const cloud of clouds) await cloud.signIn('member');
      await Promise.all(clouds.map(cloud => cloud.close()));
    }
    // The loop frees a closed handle at the end of its turn.
    for (let turn = 0; turn < 2; turn += 1) await new Promise(resolve => setImmediate(resolve));
    console.log(JSON.stringify([before, open()]));
  `);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const [before, after] = JSON.parse(line) as [string, string];
  expect(after).toBe(before);
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
});

test('a Cloud that nobody closed keeps no process alive, and ends with it', async () => {
  const child = program(`const { url } = await start(); console.log(url);`);
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  await expect.poll(() => fetch(url).then(() => 'answers', () => 'is gone')).toBe('is gone');
});

test('a Cloud ends with a process that is killed', async () => {
  const child = program(`const { url } = await start(); console.log(url); setInterval(() => {}, 1_000);`);
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  child.kill('SIGKILL');
  await expect.poll(() => fetch(url).then(() => 'answers', () => 'is gone')).toBe('is gone');
});
