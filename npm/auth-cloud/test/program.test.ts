/** `@mastra/auth-cloud/program`: a token that is refreshed once, for however many callers in however many processes, in Node and in Rust. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { promises, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { TokenSource } from '../dist/esm/program.js';
import { readAnswer } from '../dist/esm/program/answer.js';
import { userIdOf } from '../dist/esm/program/platform.js';
import { BINARY } from './world.js';

const DIST = new URL('../dist/esm/', import.meta.url).href;
const PERSON = { id: 'user_1', email: 'ada@example.com', firstName: 'Ada', lastName: null };

/** The platform: `access-N` is good, and what refreshes it is `refresh-(N-1)`. */
let server: Server;
let baseUrl: string;
let generation: number;
let asked: { verify: number; refresh: number };
/** Runs before the first refresh is answered, and may answer it. */
let meanwhile: (() => number | undefined) | undefined;
/** How many verifications come before the first one is answered. */
let together: number;
let waiting: (() => void)[];
/** Verifications are refused with this, whatever the token. */
let outage: number | undefined;
/** The text of each answer, whatever its status would say. */
let said: string | undefined;
let home: string;
let file: string;

beforeEach(async () => {
  [generation, asked, meanwhile, together, waiting] = [1, { verify: 0, refresh: 0 }, undefined, 1, []];
  [outage, said] = [undefined, undefined];
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  home = mkdtempSync(join(tmpdir(), 'program-'));
  file = join(home, '.mastra', 'credentials.json');
  mkdirSync(join(home, '.mastra'), { mode: 0o700 });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  server.close();
  server.closeAllConnections();
  rmSync(home, { recursive: true });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, body: object) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(said ?? JSON.stringify(body));
  const problem = { type: 'unauthorized', title: 'Unauthorized', status: 401 };
  if (request.url === '/v1/auth/verify') {
    asked.verify += 1;
    const isGood = request.headers.authorization === `Bearer access-${generation}`;
    await new Promise<void>(resolve => {
      waiting.push(resolve);
      if (waiting.length >= together) waiting.forEach(go => go());
    });
    if (outage !== undefined) return reply(outage, {});
    return isGood ? reply(200, { user: PERSON, organizationId: 'org_1', role: 'admin' }) : reply(401, problem);
  }
  const { refreshToken } = JSON.parse(await text(request)) as { refreshToken: string };
  asked.refresh += 1;
  const status = meanwhile?.();
  if (status !== undefined || refreshToken !== `refresh-${generation - 1}`) return reply(status ?? 401, problem);
  return reply(200, { accessToken: `access-${generation}`, refreshToken: `refresh-${generation}` });
}

/** A sign-in as Mastra's command line writes it, with what a later version of it may add. */
const signedIn = (n = 1) => ({
  token: `access-${n}`,
  refreshToken: `refresh-${n}`,
  user: PERSON,
  organizationId: 'org_1',
  theme: { dark: [true, null, 1.5] },
});
const signIn = (n = 1) => writeFileSync(file, JSON.stringify(signedIn(n)));
const held = () => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
const names = () => readdirSync(join(home, '.mastra'));
const source = () => new TokenSource({ baseUrl, file });

test('a good token is verified once, and no file is written', async () => {
  signIn();
  const before = readFileSync(file, 'utf8');
  const one = source();
  expect(await Promise.all(Array.from({ length: 20 }, () => one.token()))).toEqual(Array(20).fill('access-1'));
  expect(await one.token()).toBe('access-1');
  expect(asked).toEqual({ verify: 1, refresh: 0 });
  expect(await one.organizationId()).toBe('org_1');
  expect(readFileSync(file, 'utf8')).toBe(before);
});

test('callers share one refresh, and what another program wrote stays', async () => {
  signIn();
  generation = 2;
  chmodSync(file, 0o644);
  chmodSync(join(home, '.mastra'), 0o755);
  const [one, other] = [source(), source()];
  const tokens = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? one : other).token()));
  expect(tokens).toEqual(Array(40).fill('access-2'));
  expect(asked.refresh).toBe(1);
  expect(held()).toEqual({ ...signedIn(2) });
  expect(names()).toEqual(['credentials.json']);
  if (process.platform === 'win32') return;
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, '.mastra')).mode & 0o777).toBe(0o700);
});

const environment = () => ({ ...process.env, HOME: home, USERPROFILE: home, MASTRA_PLATFORM_API_URL: baseUrl });

/** The token or the person that another process finds. */
async function run(program: string, args: string[]): Promise<string> {
  const child = spawn(program, args, { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>]);
  expect(code).toBe(0);
  return out.trim();
}

test('processes in Rust and in Node that refresh at the same moment do so once', async () => {
  for (generation of [2, 3, 4]) {
    signIn(generation - 1);
    [asked, waiting] = [{ verify: 0, refresh: 0 }, []];
    // No verification is answered before every process has asked.
    together = 4;
    const node = () => run(process.execPath, ['-e', `import(${JSON.stringify(`${DIST}program.js`)}).then(({ TokenSource }) => new TokenSource().token()).then(console.log)`]);
    const rust = () => run(BINARY, ['whoami', '--format', 'json']).then(out => (JSON.parse(out) as { user: { id: string } }).user.id);
    expect(await Promise.all([rust(), node(), rust(), node()])).toEqual(['user_1', `access-${generation}`, 'user_1', `access-${generation}`]);
    expect(asked.refresh).toBe(1);
    expect(held()).toEqual({ ...signedIn(generation) });
    expect(names()).toEqual(['credentials.json']);
  }
});

test('a refusal is followed by one refresh and one retry', async () => {
  signIn();
  const one = source();
  await one.token();
  generation = 2;
  const used: string[] = [];
  const call = async (token: string) => (used.push(token), token === 'access-2' ? 200 : 401);
  expect(await Promise.all(Array.from({ length: 10 }, () => one.call(call, status => status === 401)))).toEqual(Array(10).fill(200));
  expect(asked.refresh).toBe(1);
  expect(used).toEqual([...Array(10).fill('access-1'), ...Array(10).fill('access-2')]);
});

test('a token of the environment is used as it is, and an option comes before it', async () => {
  signIn();
  vi.stubEnv('HOME', home);
  vi.stubEnv('MASTRA_PLATFORM_API_URL', `${baseUrl}/v1/`);
  vi.stubEnv('MASTRA_API_TOKEN', 'sk_live');
  vi.stubEnv('MASTRA_ORG_ID', 'org_2');
  const one = new TokenSource();
  expect(await one.token()).toBe('sk_live');
  expect(await one.organizationId()).toBe('org_2');
  expect(await one.call(async () => 401, status => status === 401)).toBe(401);
  await expect(one.refreshed('sk_live')).rejects.toMatchObject({ code: 'session_expired', status: 401 });
  expect(asked).toEqual({ verify: 0, refresh: 0 });
  expect(await new TokenSource({ file }).token()).toBe('access-1');
  vi.stubEnv('MASTRA_API_TOKEN', 's3cret s3cret');
  expect(() => new TokenSource()).toThrow(/^MASTRA_API_TOKEN: the token must be/);
});

test.each(['http://platform.mastra.ai', 'ftp://x', 'https://u:p@x', 'https://x/?q', '/', ' '])('%s is no address of a platform', url => {
  expect(() => new TokenSource({ baseUrl: url, file })).toThrow(expect.objectContaining({ code: 'invalid_configuration' }));
});

test('a refused refresh ends the session, an outage does not, and both leave the file', async () => {
  signIn();
  const before = readFileSync(file, 'utf8');
  generation = 7;
  await expect(source().token()).rejects.toMatchObject({ code: 'session_expired', kind: 'credential' });
  meanwhile = () => 503;
  await expect(source().token()).rejects.toMatchObject({ code: 'request_failed', status: 503 });
  const nowhere = new TokenSource({ baseUrl: 'http://127.0.0.1:1', file });
  await expect(nowhere.token()).rejects.toMatchObject({ code: 'network_error', kind: 'network', status: 503 });
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(names()).toEqual(['credentials.json']);
});

test('a platform that cannot answer a verification is asked for no refresh', async () => {
  signIn();
  generation = 2;
  for (outage of [408, 425, 429, 500, 503]) await expect(source().token()).rejects.toMatchObject({ code: 'request_failed', status: outage });
  expect(asked.refresh).toBe(0);
});

test('no refusal but 401 spends the refresh token', async () => {
  signIn();
  const before = readFileSync(file, 'utf8');
  // A proxy knows nothing of tokens.
  for (const [status, code, seen] of [[403, 'request_failed', 403], [404, 'invalid_response', 502], [405, 'invalid_response', 502]] as const) {
    outage = status;
    await expect(source().token()).rejects.toMatchObject({ code, status: seen, kind: 'cloud' });
  }
  expect(asked.refresh).toBe(0);
  // Nor is any other the end of the session.
  [outage, generation] = [undefined, 2];
  for (const [status, code, seen] of [[400, 'request_failed', 400], [403, 'invalid_response', 502], [404, 'invalid_response', 502]] as const) {
    meanwhile = () => status;
    await expect(source().token()).rejects.toMatchObject({ code, status: seen, kind: 'cloud' });
  }
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(names()).toEqual(['credentials.json']);
});

test.each(['', '<html>Sign in to the network</html>', '{"detail":"The sess', '[]', 'null', '7', '"no"', 'no '.repeat(400)])('a 401 that says %j is no refusal', async text => {
  signIn();
  [generation, said] = [2, text];
  await expect(source().token()).rejects.toMatchObject({ code: 'invalid_response', status: 502 });
  expect(asked).toEqual({ verify: 1, refresh: 0 });
});

test('a text refuses with 401', async () => {
  signIn();
  [generation, said] = [7, 'Unauthorized'];
  await expect(source().token()).rejects.toMatchObject({ code: 'session_expired' });
  expect(asked).toEqual({ verify: 1, refresh: 1 });
});

test('answers are read as the vectors say', () => {
  const vectors = new URL('../../../vectors/envelopes.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as { cases: Record<string, any>[] };
  // An organization is a deployment's.
  const isOwn = ({ dialect, operation, status, organization }: Record<string, any>) =>
    dialect === 'platform' && operation === 'verify_token' && status !== undefined && organization === undefined;
  const own = cases.filter(isOwn);
  expect(own.length).toBeGreaterThan(10);
  for (const { name, status, body, data, error } of own) {
    const read = () => readAnswer(status, new TextEncoder().encode(body), { refusals: [401, 403], read: userIdOf });
    if (data !== undefined) expect(read(), name).toBe(data.id);
    else {
      // The platform's own codes are left out: they are texts of the answer.
      const code = error.code === 'invalid_response' ? 'invalid_response' : 'request_failed';
      expect(read, name).toThrow(expect.objectContaining({ status: error.status, code, kind: 'cloud' }));
      expect(code === 'request_failed' && [401, 403].includes(status), name).toBe(error.answer === 'refused');
    }
  }
});

test('a verification that names nobody proves nothing', async () => {
  signIn();
  for (said of ['{}', '{"user":{}}', '<html>']) await expect(source().token()).rejects.toMatchObject({ code: 'invalid_response', status: 502 });
  expect(asked.refresh).toBe(0);
});

test('a fetch that ignores its signal is not waited for', async () => {
  signIn();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const called = Promise.withResolvers<AbortSignal>();
  const fetch = (_: string, { signal }: RequestInit) => (called.resolve(signal!), new Promise<Response>(() => undefined));
  const token = new TokenSource({ baseUrl, file, fetch }).token();
  const failed = expect(token).rejects.toMatchObject({ code: 'timeout', kind: 'network', status: 503 });
  const signal = await called.promise;
  vi.advanceTimersByTime(15_000);
  await failed;
  expect(signal.aborted).toBe(true);
});

test('an answer is read up to a cap', async () => {
  signIn();
  let sent = 0;
  const part = new Uint8Array(64 * 1024).fill(32);
  const endless = new ReadableStream({ pull: controller => (sent += part.length, controller.enqueue(part)) });
  const fetch = async () => new Response(endless);
  await expect(new TokenSource({ baseUrl, file, fetch }).token()).rejects.toMatchObject({ code: 'response_too_large', kind: 'network', status: 503 });
  expect(sent).toBeLessThan(1024 * 1024);
});

test('a refusal that joins an older look is not answered with the same token', async () => {
  signIn();
  together = 2;
  const one = source();
  const older = one.token();
  await vi.waitFor(() => expect(asked.verify).toBe(1), { timeout: 60_000 });
  // It was good when the platform looked, and is refused before the answer comes.
  generation = 2;
  const newer = one.refreshed('access-1');
  for (const go of waiting) go();
  expect(await Promise.all([older, newer])).toEqual(['access-1', 'access-2']);
  expect(asked).toEqual({ verify: 1, refresh: 1 });
});

test('what a program without a lock does meanwhile counts', async () => {
  for (const status of [401, undefined]) {
    signIn();
    generation = 2;
    meanwhile = () => (signIn(9), status);
    expect(await source().token()).toBe('access-9');
    expect(held()['refreshToken']).toBe('refresh-9');
  }
  signIn();
  meanwhile = () => (rmSync(file), undefined);
  await expect(source().token()).rejects.toMatchObject({ code: 'not_signed_in' });
  expect(names()).toEqual([]);
});

test('nothing is spent where the answer could not be kept', async () => {
  signIn();
  generation = 2;
  mkdirSync(`${file}.${process.pid}.tmp`);
  await expect(source().token()).rejects.toMatchObject({ code: 'invalid_configuration', message: expect.stringContaining('cannot be written') });
  expect(asked.refresh).toBe(0);
  rmSync(`${file}.${process.pid}.tmp`, { recursive: true });
});

/** A limit on the size of files stands for the disk: an empty file fits, and a sign-in of the longest tokens does not. */
test.runIf(process.platform !== 'win32')('on a full disk nothing is spent', async () => {
  signIn();
  generation = 2;
  const before = readFileSync(file, 'utf8');
  const script = `import(${JSON.stringify(`${DIST}program.js`)}).then(({ TokenSource }) => new TokenSource().token()).catch(({ code }) => console.log(code))`;
  const limited = 'trap "" XFSZ; ulimit -f 16; exec "$0" "$@"';
  expect(await run('sh', ['-c', limited, process.execPath, '-e', script])).toBe('invalid_configuration');
  expect(asked).toEqual({ verify: 1, refresh: 0 });
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(names()).toEqual(['credentials.json']);
});

test('the new file has room for the longest tokens', async () => {
  // Indented it is longer than it is here.
  writeFileSync(file, '{"token":"t","refreshToken":"r","theme":[[[[1,2],[3]],[{"a":[{"b":[1,2,3,4,5]}]}]]]}');
  let room = 0;
  const pair = { accessToken: 'a'.repeat(8192), refreshToken: '"'.repeat(8192) };
  const fetch = async (url: string) => {
    if (url.endsWith('verify')) return Response.json({ title: 'Unauthorized' }, { status: 401 });
    room = statSync(`${file}.${process.pid}.tmp`).size;
    return Response.json(pair);
  };
  expect(await new TokenSource({ baseUrl, file, fetch }).token()).toBe(pair.accessToken);
  expect(held()['refreshToken']).toBe(pair.refreshToken);
  expect(statSync(file).size).toBeGreaterThan(3 * 8192);
  expect(statSync(file).size).toBeLessThanOrEqual(room);
});

test('an answer that cannot be written is not lost', async () => {
  signIn();
  generation = 2;
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const lose = () => (rmSync(`${file}.${process.pid}.tmp`), undefined);
  meanwhile = lose;
  const one = source();
  expect(await one.token()).toBe('access-2');
  expect(held()['refreshToken']).toBe('refresh-1');
  expect(warned).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('could not be written'), expect.objectContaining({ code: 'MASTRA_AUTH_CLOUD_SIGN_IN_NOT_KEPT' }));
  // This process goes on with it, and tries again to write it with the next one.
  expect(await one.token()).toBe('access-2');
  for (generation of [3, 4]) {
    expect(await one.refreshed(await one.token())).toBe(`access-${generation}`);
    meanwhile = undefined;
  }
  expect(held()['refreshToken']).toBe('refresh-4');
  expect(warned).toHaveBeenCalledTimes(2);
  expect(asked.refresh).toBe(3);
  // A sign-out or a new sign-in counts more.
  [meanwhile, generation] = [lose, 5];
  await one.refreshed(await one.token());
  rmSync(file);
  await expect(one.token()).rejects.toMatchObject({ code: 'not_signed_in' });
  signIn(5);
  expect(await one.token()).toBe('access-5');
  warned.mockRestore();
});

test('a file that another program is writing loses no answer', async () => {
  signIn();
  generation = 2;
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  meanwhile = () => (writeFileSync(file, '{"token":"acc'), undefined);
  const one = source();
  expect(await one.token()).toBe('access-2');
  signIn();
  expect(await one.token()).toBe('access-2');
  expect(asked.refresh).toBe(1);
  warned.mockRestore();
});

test.each(['EBUSY', 'EXDEV'])('a file that cannot be replaced (%s) is written in place, and nothing stays beside it', async code => {
  // The file is mounted alone.
  const rename = vi.spyOn(promises, 'rename').mockRejectedValue(Object.assign(new Error(code), { code }));
  syncBuiltinESMExports();
  try {
    for (const more of ['', ' '.repeat(1000)]) {
      generation = 2;
      writeFileSync(file, `${JSON.stringify(signedIn())}${more}`);
      expect(await source().token()).toBe('access-2');
      expect(rename).toHaveBeenCalled();
      expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(signedIn(2), null, 2)}\n`);
      expect(names()).toEqual(['credentials.json']);
    }
  } finally {
    rename.mockRestore();
    syncBuiltinESMExports();
  }
});

test('a write that fails leaves nothing beside the file', async () => {
  signIn();
  generation = 2;
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const rename = vi.spyOn(promises, 'rename').mockRejectedValue(Object.assign(new Error('EIO'), { code: 'EIO' }));
  syncBuiltinESMExports();
  try {
    expect(await source().token()).toBe('access-2');
  } finally {
    rename.mockRestore();
    syncBuiltinESMExports();
    warned.mockRestore();
  }
  expect(held()['token']).toBe('access-1');
  expect(names()).toEqual(['credentials.json']);
});

test.each([
  ['s3cret', 'the whole'],
  ['["s3cret"]', 'the whole'],
  ['{"token":["s3cret"]}', 'token'],
  ['{"token":"s3cret s3cret"}', 'token'],
  ['{"token":"t","refreshToken":{"s3cret":1}}', 'refreshToken'],
])('the broken file %s is named, and nothing of it is told', async (content, member) => {
  writeFileSync(file, content);
  const error: unknown = await source().token().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'invalid_configuration', message: expect.stringContaining(`${file} is no credentials file: ${member} `) });
  expect(inspect(error)).not.toContain('s3cret');
});

test('a lock is taken over from a process that is gone, with what that was writing', async () => {
  const dead = spawn(process.execPath, ['-e', '']);
  await once(dead, 'exit');
  const { hostname } = await import('node:os');
  const lock = (pid: number, host: string) => JSON.stringify({ pid, host, nonce: 'n' });
  for (const [content, age] of [[lock(dead.pid!, hostname()), 0], [lock(1, 'another machine'), 61], ['', 3]] as const) {
    signIn();
    [generation, asked] = [2, { verify: 0, refresh: 0 }];
    writeFileSync(`${file}.lock`, content);
    if (age === 0) writeFileSync(`${file}.${dead.pid}.tmp`, 's3cret');
    const then = Date.now() / 1000 - age;
    utimesSync(`${file}.lock`, then, then);
    expect(await source().token()).toBe('access-2');
    expect(names()).toEqual(['credentials.json']);
  }
});

test('a lock of another machine is waited for', async () => {
  signIn();
  generation = 2;
  const dead = spawn(process.execPath, ['-e', '']);
  await once(dead, 'exit');
  const content = JSON.stringify({ pid: dead.pid, host: 'another machine', nonce: 'n' });
  writeFileSync(`${file}.lock`, content);
  const token = source().token();
  expect(await Promise.race([token, new Promise(resolve => setTimeout(resolve, 200, 'waiting'))])).toBe('waiting');
  expect(readFileSync(`${file}.lock`, 'utf8')).toBe(content);
  rmSync(`${file}.lock`);
  expect(await token).toBe('access-2');
});

test('no addon is loaded', async () => {
  const script = `await import(${JSON.stringify(`${DIST}program.js`)}); console.log(process.report.getReport().sharedObjects.join());`;
  const loaded = await run(process.execPath, ['--input-type=module', '-e', script]);
  expect(loaded).not.toMatch(/addon\.node/);
});

test('a process that is killed at its work leaves one of two whole contents', async () => {
  // Each write is a refresh, whose answer the process makes up itself.
  const script = `
    const { TokenSource } = await import(${JSON.stringify(`${DIST}program.js`)});
    let n = 0;
    const pair = () => ({ accessToken: n % 2 ? 'a'.repeat(4000) : 'b', refreshToken: n % 2 ? 'a'.repeat(4000) : 'b' });
    const fetch = async url => (url.endsWith('verify') ? Response.json({ user: { id: 'u' } }) : (n += 1, Response.json(pair())));
    const source = new TokenSource({ baseUrl: 'http://127.0.0.1:1', file: process.argv[1], fetch });
    for (let token = await source.token(); ; console.log('written')) token = await source.refreshed(token);`;
  for (let kill = 0; kill < 12; kill += 1) {
    if (!existsSync(file)) writeFileSync(file, '{"token":"t","refreshToken":"r"}');
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    await new Promise(resolve => setTimeout(resolve, kill % 7));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { token, refreshToken } = held();
    expect(['a'.repeat(4000), 'b', 't']).toContain(token);
    expect(refreshToken).toBe(token === 't' ? 'r' : token);
    expect(names().filter(name => name.endsWith('.tmp')).length).toBeLessThan(2);
  }
});
