/** The doctor on apps without a server, and as a program. `e2e/doctor.test.mjs` runs it at real Mastra servers. */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';

import { CompositeAuth, SimpleAuth } from '@mastra/core/server';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { App } from '../dist/esm/bin/doctor/app.js';
import type { AppParts } from '../dist/esm/bin/doctor/app.js';
import { RULES, examine } from '../dist/esm/bin/doctor/examine.js';
import { lightOf, object, table } from '../dist/esm/bin/doctor/report.js';
import { visit } from '../dist/esm/bin/doctor/visit.js';
import { MastraCloudAuth } from '../dist/esm/index.js';
import { BINARY, startCloud } from './world.js';
import type { Cloud } from './world.js';

const SECRET = 'planted-secret-7f3a';
const MAIN = resolve('dist/esm/bin/main.js');
/** Within the package, so that an app finds its dependencies. */
mkdirSync('.vitest', { recursive: true });
const HOME = mkdtempSync('.vitest/doctor-');
/** A busy machine may make the Cloud slow. */
const isStable = (code: string) => code !== 'cloud-speed';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud('v1');
});
afterAll(async () => {
  await cloud.stop();
  rmSync(HOME, { recursive: true });
});

/** A folder of an app, with packages that are only a name and a version. */
function folder(manifest: object, packages: Record<string, string> = {}): string {
  const made = mkdtempSync(join(HOME, 'app-'));
  writeFileSync(join(made, 'package.json'), JSON.stringify(manifest));
  for (const [place, version] of Object.entries(packages)) {
    mkdirSync(join(made, 'node_modules', place), { recursive: true });
    writeFileSync(join(made, 'node_modules', place, 'package.json'), JSON.stringify({ version }));
  }
  return made;
}

const provider = (options = {}) => new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, ...options });

function app(parts: Partial<AppParts> = {}): App {
  const auth = provider();
  const whole = { folder: folder({}), source: '', env: {}, node: '22.13.0', warnings: [], mayTrySignIn: true, server: { auth, rbac: auth } };
  return new App({ ...whole, ...parts });
}

/** Again where it gave up waiting, for that a busy machine does. */
async function wrong(one: App, tries = 1): Promise<string[]> {
  const findings = await examine(one);
  const isLate = findings.some(({ verdict }) => verdict.seen.includes('no whole answer came within'));
  if (isLate && tries < 10) return wrong(new App(one.parts), tries + 1);
  return findings.filter(({ verdict }) => verdict.is === 'wrong').map(({ rule }) => rule.code).filter(isStable);
}

test('nothing is wrong with an app in order, in either dialect', async () => {
  expect(await wrong(app())).toEqual([]);
  const byKeys = provider({ verification: 'keys' });
  expect(await wrong(app({ server: { auth: byKeys, rbac: byKeys } }))).toEqual([]);
  const pkce = await startCloud('pkce');
  const auth = provider({ baseUrl: pkce.url, dialect: 'pkce', verification: 'cloud' });
  expect(await wrong(app({ server: { auth, rbac: auth } }))).toEqual([]);
  await pkce.stop();
});

test('what is installed and how it runs turns its own code', async () => {
  const cases: [string, Partial<AppParts>][] = [
    ['options', { server: {}, refused: 'projectId must be a string' }],
    ['core-version', { folder: folder({}, { '@mastra/core': '1.49.9' }) }],
    ['core-once', { folder: folder({}, { '@mastra/core': '1.71.0', '@mastra/hono': '1.0.0', '@mastra/hono/node_modules/@mastra/server': '1.69.0', '@mastra/hono/node_modules/@mastra/core': '1.71.0' }) }],
    ['server-version', { folder: folder({}, { '@mastra/hono': '1.0.0', '@mastra/hono/node_modules/@mastra/server': '1.66.9' }) }],
    ['server-version', { folder: folder({}, { '@mastra/hono': '1.0.0', '@mastra/hono/node_modules/@mastra/server': '1.70.0' }) }],
    ['server-stray', { folder: folder({}, { '@mastra/server': '2.0.4' }) }],
    ['node-version', { node: '20.19.0' }],
    ['addon', { warnings: ['MASTRA_AUTH_CLOUD_ADDON'] }],
    ['externals', { source: 'bundler: { externals: [] }' }],
    ['externals', { source: "const url = 'http://a'; const bundler = { externals: ['ws' /* '@mastra/auth-cloud' */] }" }],
    ['folder-dependency', { folder: folder({ dependencies: { '@mastra/auth-cloud': 'file:../auth-cloud' } }), env: { NODE_ENV: 'production', MASTRA_EE_LICENSE: SECRET } }],
    ['licence', { env: { NODE_ENV: 'production' } }],
    ['local-cloud', { server: { auth: provider({ localCloudForTests: true }) }, env: { NODE_ENV: 'production' } }],
    ['worker-token', { env: { MASTRA_WORKER_AUTH_TOKEN: SECRET } }],
  ];
  for (const [code, parts] of cases) expect(await wrong(app(parts)), code).toEqual([code]);
});

test('the same in order turns nothing', async () => {
  const server = { '@mastra/hono': '1.0.0', '@mastra/hono/node_modules/@mastra/server': '1.69.9' };
  const production = { NODE_ENV: 'production', MASTRA_LICENSE_KEY: SECRET };
  const cases: Partial<AppParts>[] = [
    { folder: folder({}, { '@mastra/core': '1.50.0' }) },
    { folder: folder({}, server) },
    // Nothing of an adapter counts that the app does not name.
    { folder: folder({ dependencies: { '@mastra/hono': '*' } }, { ...server, '@mastra/express': '1.0.0', '@mastra/express/node_modules/@mastra/server': '1.0.0' }) },
    { source: "externals: ['ws', '@mastra/auth-cloud']" },
    { source: 'externals: true' },
    { source: "// externals: ['ws']\n/* externals: [] */" },
    // These may name it.
    ...['[...shared]', "['ws', NAME]", '[`${NAME}`]', 'shared', 'shared()'].map(list => ({ source: `bundler: { externals: ${list} }` })),
    { source: 'bundler: { externals }' },
    { folder: folder({ dependencies: { '@mastra/auth-cloud': 'file:./vendor/mastra-auth-cloud-2.0.0.tgz' } }), env: production },
    { folder: folder({ dependencies: { '@mastra/auth-cloud': 'file:../auth-cloud' } }) },
    { env: { NODE_ENV: 'production', MASTRA_DEV: 'true' } },
    { server: { auth: provider({ localCloudForTests: true }) } },
    { server: { auth: provider() }, env: production },
  ];
  for (const [at, parts] of cases.entries()) expect(await wrong(app(parts)), String(at)).toEqual([]);
});

test('a token of workers may end, though not as soon as a session', async () => {
  const seen = (days: number) => {
    const exp = Math.round(Date.now() / 1_000) + days * 86_400;
    const token = `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`;
    const auth = new SimpleAuth({ tokens: { [token]: { id: 'robot' } }, mapUserToResourceId: user => user.id });
    return wrong(app({ server: { auth }, env: { MASTRA_WORKER_AUTH_TOKEN: token } }));
  };
  for (const days of [-1, 1, 29]) expect(await seen(days), String(days)).toEqual(['provider', 'worker-token']);
  for (const days of [31, 365, 1e9]) expect(await seen(days), String(days)).toEqual(['provider']);
});

test('a Cloud without keys, and one whose clock is off, turn their own codes', async () => {
  let answer: { status: number; date: Date; body: string; age?: { page?: string; keys?: string } } = { status: 404, date: new Date(), body: '' };
  const server = createServer((request, response) => {
    const isPage = request.url?.startsWith('/auth/oss') === true;
    const isOwn = request.url === '/own';
    if (isOwn) return void response.end('{"keys":[{}]}');
    const age = isPage ? answer.age?.page : answer.age?.keys;
    const headers = { date: answer.date.toUTCString(), ...(age !== undefined && { age }) };
    response.writeHead(isPage ? 200 : answer.status, headers).end(isPage ? '' : answer.body);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const seen = (options: object = { verification: 'keys' }) => wrong(app({ server: { auth: provider({ baseUrl, ...options }) } }));
  expect(await seen()).toEqual(['keys']);
  // A provider that fetches no keys, or other ones, needs none of the Cloud's.
  for (const options of [{}, { verification: { by: 'keys', secret: SECRET.repeat(2) } }, { verification: { by: 'keys', jwksUrl: `${baseUrl}/own` } }]) {
    expect(await seen(options), JSON.stringify(options)).toEqual([]);
  }
  answer = { status: 200, date: new Date(Date.now() - 60_000), body: '{"keys":[{}]}' };
  expect(await seen()).toEqual(['clock']);
  expect(await seen({ verification: { by: 'keys', leeway: 120 } })).toEqual([]);
  // An answer from a cache shows when it was kept. The other one may show the clock.
  answer.age = { page: '60' };
  expect(await seen()).toEqual(['clock']);
  expect(await seen({})).toEqual([]);
  answer.age = { page: '60', keys: '60' };
  expect(await seen()).toEqual([]);
  server.close();
});

test('the Cloud is asked with the fetch of the provider', async () => {
  const there = (url: string, init: RequestInit) => fetch(url.replace('http://localhost:9', cloud.url), init);
  const [baseUrl, verification] = ['http://localhost:9', 'keys'];
  expect(await wrong(app({ server: { auth: provider({ baseUrl, verification, fetch: there }) } }))).toEqual([]);
  expect(await wrong(app({ server: { auth: provider({ baseUrl, verification }) } }))).toEqual(['cloud']);
});

test('a Cloud that takes longer than the plugin waits turns its own code', async () => {
  const seen = async (took: number) => {
    const slow = app();
    const visit = await slow.visit();
    slow.visit = () => Promise.resolve({ ...visit, page: { status: 200, text: '', lead: 0, took }, keys: { status: 200, text: '{"keys":[{}]}', lead: 0, took: 1 } });
    const findings = await examine(slow);
    return findings.filter(({ verdict }) => verdict.is === 'wrong').map(({ rule }) => rule.code);
  };
  vi.stubEnv('MASTRA_CALL_TIMEOUT', '');
  expect(await seen(3_000)).toEqual([]);
  expect(await seen(3_001)).toEqual(['cloud-speed']);
  vi.stubEnv('MASTRA_CALL_TIMEOUT', '4');
  expect(await seen(4_000)).toEqual([]);
  expect(await seen(4_001)).toEqual(['cloud-speed']);
  vi.unstubAllEnvs();
});

test('another provider is looked at too, and its error is not repeated', async () => {
  class Other extends SimpleAuth<{ id: string }> {
    getLoginUrl(): string {
      throw new Error(SECRET);
    }
  }
  const tokens = { key: { id: 'robot' } };
  const findings = await examine(app({ server: { auth: new Other({ tokens, mapUserToResourceId: user => user.id }) } }));
  expect(findings.filter(({ verdict }) => verdict.is === 'wrong').map(({ rule }) => rule.code)).toEqual(['login']);
  expect(JSON.stringify(object(findings))).not.toContain(SECRET);
  // Its base class shadows a method of a subclass, so the server is never given a resource.
  class Shadowed extends SimpleAuth<{ id: string }> {
    override mapUserToResourceId(user: { id: string }) {
      return user.id;
    }
  }
  expect(await wrong(app({ server: { auth: new Shadowed({ tokens }) } }))).toEqual(['provider', 'resource-id']);
});

test('a provider that is always Secure is right in production', async () => {
  const auth = provider({ secure: true });
  expect(await wrong(app({ server: { auth } }))).toEqual(['cookie-kept']);
  expect(await wrong(app({ server: { auth }, env: { NODE_ENV: 'production' } }))).toEqual([]);
});

test('each provider of several is looked at', async () => {
  const keys = (options = {}) => new SimpleAuth({ tokens: { key: { id: 'robot' } }, ...options });
  const cloudAnd = (other: SimpleAuth<{ id: string }>) => app({ server: { auth: new CompositeAuth([provider(), other]) } });
  expect(await wrong(cloudAnd(keys({ mapUserToResourceId: (user: { id: string }) => user.id })))).toEqual([]);
  expect(await wrong(cloudAnd(keys()))).toEqual(['resource-id']);
  expect(await wrong(cloudAnd(keys({ mapUserToResourceId: async () => 'robot' })))).toEqual(['sync-methods']);
  expect(await wrong(cloudAnd(keys({ mapUserToResourceId: () => Promise.resolve('robot') })))).toEqual(['sync-methods']);
});

test('a rule that fails is not tested, and the others are', async () => {
  const broken = { get authenticateToken(): never { throw new Error(SECRET); }, get getLoginUrl(): never { throw new Error(SECRET); } };
  const findings = await examine(app({ server: { auth: broken } }));
  expect(findings).toHaveLength(RULES.length);
  expect(JSON.stringify(object(findings))).not.toContain(SECRET);
});

test('a provider that never answers is given up', async () => {
  vi.useFakeTimers();
  try {
    const never = { getLoginUrl: () => new Promise(() => undefined), getLoginCookies: () => [], mapUserToResourceId: () => 'a' };
    const seen = wrong(app({ server: { auth: never } }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await seen).toEqual(['login']);
  } finally {
    vi.useRealTimers();
  }
});

test('a sign-in that never ends is given up, and what is looked at next meets the real Cloud', async () => {
  const real = globalThis.fetch;
  vi.useFakeTimers();
  try {
    const never = { getLoginUrl: () => 'http://localhost:9/', getLoginCookies: () => [], setCallbackCookieHeader: () => undefined, handleCallback: () => new Promise(() => undefined) };
    const rule = RULES.find(({ code }) => code === 'callback-cookies');
    const seen = rule?.judge(app({ server: { auth: never } }));
    await vi.advanceTimersByTimeAsync(59_000);
    expect(globalThis.fetch).toBe(real);
    expect(await seen).toEqual({ is: 'not tested', seen: 'the sign-in ended with TimeoutError' });
  } finally {
    vi.useRealTimers();
    globalThis.fetch = real;
  }
});

test('a login page without an end is read as far as the limit', async () => {
  const sent = Buffer.alloc(300 * 1_024, 'a');
  // It ends neither the page nor the connection.
  const server = createServer((_, response) => void response.writeHead(200).write(sent));
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const closed = new Promise<void>(done => server.once('connection', socket => socket.once('close', () => done())));
  const { page } = await visit(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
  expect(page).toMatchObject({ status: 200 });
  expect((page as { text: string }).text.length).toBeLessThanOrEqual(256 * 1_024);
  await closed;
  server.closeAllConnections();
  server.close();
});

test('the report fits into 80 columns, without colour in a pipe, and no text steers a terminal', async () => {
  const findings = (await examine(app({ refused: `\u001b[2J\u202e ${'x'.repeat(200)}` }))).map(({ rule, verdict }) => ({ rule, verdict: { ...verdict, is: 'wrong' as const } }));
  const text = table(findings);
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  for (const one of ['\u001b', '\u202e']) expect(text).not.toContain(one);
  expect(text).toContain('\\u001b[2J');
  expect(findings.map(lightOf)).toContain('yellow');
  // What a rule is called, saw and wants done stand below one another, whatever its code.
  const begun = text.split('\n').flatMap(line => /^(?:\S{2,4} +[a-z-]+ +| {12}(?:seen|do) +)/.exec(line)?.[0].length ?? []);
  expect(new Set(begun)).toEqual(new Set([24]));
});

test('the guide lists what is looked at', () => {
  const guide = readFileSync('../../docs/guide/doctor.md', 'utf8');
  const rows = RULES.map(({ code, light, holds, mend }) => `| \`${code}\` | ${light} | ${holds} | ${mend} |\n`).join('');
  expect(guide.includes(rows), `the guide's second table must be:\n${rows}`).toBe(true);
  expect(new Set(RULES.map(({ code }) => code)).size).toBe(RULES.length);
});

// The program

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function doctor(cwd: string, words: string[], env: Record<string, string> = {}, tries = 1): Promise<Ended> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MASTRA_|NODE_ENV$|NO_COLOR$|FORCE_COLOR$)/.test(name)));
  const ended = await new Promise<Ended>(done => {
    execFile(process.execPath, [MAIN, 'doctor', ...words], { cwd, env: { ...clean, ...env } }, (error, stdout, stderr) => {
      done({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
  const isLate = /no whole answer came within|was not loaded within/.test(ended.stdout + ended.stderr);
  return isLate && tries < 10 ? doctor(cwd, words, env, tries + 1) : ended;
}

/** An app in TypeScript: an entry and what it imports by the name of the JavaScript. */
function project(entry: string, more: Record<string, string> = {}): string {
  const made = folder({ type: 'module' });
  mkdirSync(join(made, 'src/mastra'), { recursive: true });
  mkdirSync(join(made, 'node_modules/@mastra'), { recursive: true });
  symlinkSync(resolve('.'), join(made, 'node_modules/@mastra/auth-cloud'));
  for (const [name, text] of Object.entries({ 'src/mastra/index.ts': entry, ...more })) writeFileSync(join(made, name), text);
  return made;
}

const ENTRY = `
import { writeSync } from 'node:fs';
import { MastraCloudAuth } from '@mastra/auth-cloud';
import { roles } from './roles.js';
console.log('what the app prints');
writeSync(1, 'what it writes');
setInterval(() => undefined, 1_000);
export const mastra = { getServer: (): object => ({ auth: new MastraCloudAuth({ projectId: process.env.PLANTED as string, roleMapping: roles }) }) };
`;
const ROLES = { 'src/mastra/roles.ts': "export const roles: Record<string, string[]> = { owner: ['*'] };" };

test('the program reads TypeScript and .env files, ends though the app does not, and prints JSON alone', async () => {
  const made = project(ENTRY, {
    ...ROLES,
    '.env': `PLANTED=unknown\nMASTRA_CLOUD_URL=${cloud.url}`,
    '.env.development': 'PLANTED=demo',
    '.env.production': `PLANTED=${'two words'}`,
  });
  const seen = await doctor(made, ['--json']);
  const report = JSON.parse(seen.stdout) as ReturnType<typeof object>;
  expect(report.findings.find(({ code }) => code === 'provider')?.seen).toBe(`MastraCloudAuth at ${cloud.url}, project demo`);
  expect([seen.status, report.red]).toEqual([0, 0]);
  for (const text of ['what the app prints', 'what it writes']) expect(seen.stderr).toContain(text);

  const production = await doctor(made, ['--production']);
  expect(production.status).toBe(1);
  expect(production.stdout).toContain('FAIL  options');

  const tested = project(ENTRY, { ...ROLES, '.env.production': `PLANTED=demo\nMASTRA_LOCAL_CLOUD_FOR_TESTS=true\nMASTRA_CLOUD_URL=${cloud.url}` });
  expect((await doctor(tested, ['--production'])).stdout).toContain('FAIL  local-cloud');
});

test('the same program looks at a server from outside', async () => {
  const made = project(ENTRY, { ...ROLES, '.env': `PLANTED=demo\nMASTRA_CLOUD_URL=${cloud.url}` });
  const env = { MASTRA_AUTH_BINARY: BINARY };
  const json = await doctor(made, ['--json', '--server', cloud.url], env);
  expect(json.status).toBe(1);
  const report = JSON.parse(json.stdout) as { red: number; outside: { findings: { code: string; light: string }[] } };
  expect(report.red).toBe(0);
  expect(report.outside.findings.filter(({ light }) => light === 'red').map(({ code }) => code)).toEqual(['server']);
  const both = await doctor(made, ['--server', cloud.url], env);
  expect([both.status, both.stdout.includes('ok    options'), both.stdout.includes('FAIL  server')]).toEqual([1, true, true]);
  expect((await doctor(made, ['--json', '--server', 'http://localhost:9'], env)).status).toBe(4);
});

test('the program outside looks below the path of the app, or below one that is given', async () => {
  const program = join(HOME, 'words.mjs');
  writeFileSync(program, `#!${process.execPath}\nconsole.log(JSON.stringify(process.argv.slice(2)));`, { mode: 0o755 });
  const entry = (server: string) => project(`export const mastra = { getServer: () => (${server}) };`);
  const words = async (server: string, ...more: string[]) => {
    const { stdout } = await doctor(entry(server), ['--json', '--server', 'http://localhost:9', ...more], { MASTRA_AUTH_BINARY: resolve(program) });
    return (JSON.parse(stdout) as { outside: string[] }).outside.slice(3);
  };
  expect(await words('{}')).toEqual(['--json']);
  expect(await words("{ apiPrefix: '/mastra' }")).toEqual(['--api-prefix', '/mastra', '--json']);
  expect(await words("{ apiPrefix: '/mastra' }", '--api-prefix', '/proxied')).toEqual(['--api-prefix', '/proxied', '--json']);
});

test('a warning of the package at load is heard, and repeated', async () => {
  const made = project(`process.emitWarning('planted text', { code: 'MASTRA_AUTH_CLOUD_ADDON' }); export const mastra = { getServer: () => ({}) };`);
  const { stdout } = await doctor(made, ['--json']);
  const { findings } = JSON.parse(stdout) as ReturnType<typeof object>;
  expect(findings.find(({ code }) => code === 'addon')).toMatchObject({ light: 'yellow', seen: 'MASTRA_AUTH_CLOUD_ADDON: planted text' });
});

test('an app that ends the process is no green report, nor is an addon that cannot be loaded at all', async () => {
  const [exits, json, crashes, none] = await Promise.all([
    doctor(project('process.exit(0);'), []),
    doctor(project('process.exit(0);'), ['--json']),
    doctor(project('process.kill(process.pid, "SIGKILL");'), []),
    doctor(project(ENTRY, ROLES), [], { MASTRA_AUTH_FORCE: 'native', NODE_OPTIONS: '--no-addons' }),
  ]);
  for (const { status, stdout, stderr } of [exits, json, crashes, none]) {
    expect([status, stdout, stderr.trimEnd().split('\n').length], stderr).toEqual([2, '', 1]);
  }
  for (const { stderr } of [exits, json]) expect(stderr).toContain('the app ended its process, with status 0,');
  expect(crashes.stderr).toContain('with SIGKILL');
  expect(none.stderr).toContain('Node was told to load no addons');
});

test('wrong usage is status 2, and says why without a value of the app', async () => {
  const throws = (text: string) => project(`throw ${text};`);
  const cases: [string, string[], RegExp][] = [
    [folder({}), [], /no src\/mastra\/index\.ts here/],
    [folder({}), ['--entry', 'gone.ts'], /no file gone\.ts/],
    [folder({}), ['--planted'], /--planted/],
    [folder({}), ['--server', 'http://localhost:9'], /MASTRA_AUTH_BINARY/],
    [project('export const a = 1;'), [], /exports neither a Mastra instance nor a provider/],
    [project("import './gone.js';"), [], /cannot be loaded: .*ERR_MODULE_NOT_FOUND/],
    [throws(`new Error('${SECRET}')`), [], /cannot be loaded: Error at .*index\.ts:1$/m],
    [throws(`new Error('cannot fetch https://cfg.example/app?token=${SECRET} by proxy 10.0.0.1:3128')`), [], /cannot be loaded: Error at .*index\.ts:1$/m],
    [throws(`new Error('twice\\n    at https://cfg.example/${SECRET}:1')`), [], /cannot be loaded: Error at .*index\.ts:1$/m],
    [throws(`JSON.parse('{"a": ${SECRET}')`), [], /cannot be loaded: SyntaxError at /],
    [throws(`'${SECRET}'`), [], /a value that is no error/],
    [project('enum Planted { One }'), [], /ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX/],
  ];
  const ended = await Promise.all(cases.map(([made, words]) => doctor(made, words)));
  for (const [at, [, , says]] of cases.entries()) {
    const { status, stdout, stderr } = ended[at] as Ended;
    expect([status, stdout], stderr).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain(SECRET);
  }
});

test('the example is looked at as it stands', async () => {
  const made = folder({ type: 'module' });
  cpSync('../../examples/mastra/src', join(made, 'src'), { recursive: true });
  mkdirSync(join(made, 'node_modules/@mastra'), { recursive: true });
  symlinkSync(resolve('.'), join(made, 'node_modules/@mastra/auth-cloud'));
  const { status, stdout, stderr } = await doctor(made, ['--json', '--try-sign-in'], { MASTRA_CLOUD_URL: cloud.url });
  expect(status, stderr + stdout).toBe(0);
  const { findings } = JSON.parse(stdout) as ReturnType<typeof object>;
  expect(findings.filter(({ code, light }) => isStable(code) && (light === 'red' || light === 'yellow'))).toEqual([]);
});

test('help and the list load no app', async () => {
  const nowhere = folder({});
  expect((await doctor(nowhere, ['--help'])).stdout).toContain('--try-sign-in');
  const [text, json] = await Promise.all([doctor(nowhere, ['--list']), doctor(nowhere, ['--list', '--json'])]);
  expect(text.stdout.trim().split('\n')).toHaveLength(RULES.length);
  expect(JSON.parse(json.stdout)).toHaveLength(RULES.length);
});
