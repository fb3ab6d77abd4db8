/** How often a request crosses into the addon, and what becomes of requests that share work whose driver fails. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { beforeEach, describe, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { native } from '../dist/esm/native.js';
import type { NativeEngine, NativePending } from '../dist/esm/native.js';
import type { CloudAuthEvent, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { request } from './world.js';

type Function = (this: unknown, ...given: unknown[]) => unknown;

const addon = native as unknown as Record<string, Function>;
/** Whether the addon checks signatures; the WebAssembly leaves that to its host. */
const isChecking = 'verifiedClaims' in addon;
/** What these checks by one key cost at the host, if they are begun at once and the key is new. */
const atHost = (checks: number) =>
  isChecking ? [] : ['Engine.hostChecks', ...['Engine.hostKey', 'hostChecked'].flatMap(name => Array.from({ length: checks }, () => name))];
const crossings: string[] = [];

/** A function that counts its calls, and those of a function that it makes. */
function counted(name: string, call: Function): Function {
  return function (...given) {
    crossings.push(name);
    const result = call.apply(this, given);
    return typeof result === 'function' ? counted(result.name, result as Function) : result;
  };
}

for (const [name, exported] of Object.entries(addon)) {
  const prototype = exported.prototype as Record<string, Function>;
  if (!/^[A-Z]/.test(name)) addon[name] = counted(name, exported);
  else for (const method of Object.getOwnPropertyNames(prototype)) {
    if (method !== 'constructor') prototype[method] = counted(`${name}.${method}`, prototype[method]!);
  }
}
beforeEach(() => void crossings.splice(0));

const pairs = { ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }), EdDSA: generateKeyPairSync('ed25519') };
type Algorithm = keyof typeof pairs;
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwksOf = (alg: Algorithm) => ({ keys: [{ ...pairs[alg].publicKey.export({ format: 'jwk' }), kid: 'k', alg, use: 'sig' }] });

function token(sub: string, alg: Algorithm): string {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const input = `${part({ alg, kid: 'k' })}.${part({ iss: 'https://issuer', aud: 'demo', sub, sid: `ses_${sub}`, exp })}`;
  const key = { key: pairs[alg].privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return `${input}.${sign(alg === 'ES256' ? 'sha256' : null, Buffer.from(input), key).toString('base64url')}`;
}

/** A provider whose Cloud knows every token as its own user, but for the calls that `answer` answers. */
function provider(options: MastraCloudAuthOptions = {}, answer: (url: string) => Response | undefined = () => undefined) {
  const events: CloudAuthEvent[] = [];
  const calls: string[] = [];
  const auth = new MastraCloudAuth({
    projectId: 'demo',
    onEvent: event => events.push(event),
    fetch: async (url, init) => {
      calls.push(url);
      const token = new Headers(init.headers).get('authorization')?.slice('Bearer '.length);
      const user = { id: `usr_${token}`, email: 'a@example.com', created_at: Date.now() };
      return answer(url) ?? new Response(JSON.stringify({ ok: true, data: { user } }));
    },
    ...options,
  });
  crossings.length = 0;
  const ask = async (token: string) => (await auth.authenticateToken(token, request({})))?.id;
  const crossed = () => crossings.splice(0);
  return { auth, ask, crossed, calls, events };
}

describe('crossings', () => {
  test('a request with a cached identity crosses once', async () => {
    const { auth, ask, crossed } = provider();
    await ask('a');
    crossed();
    expect([await ask('a'), crossed()]).toEqual(['usr_a', ['authenticate']]);
    const headers = request({ authorization: 'Bearer a' });
    expect([(await auth.getCurrentUser(headers.raw))?.id, crossed()]).toEqual(['usr_a', ['authenticate']]);
  });

  test('an unseen token crosses twice, and twice more where the call is repeated', async () => {
    const once = provider();
    expect([await once.ask('a'), once.crossed()]).toEqual(['usr_a', ['authenticate', 'Flow.answered']]);
    let failures = 1;
    const twice = provider({}, () => (failures-- > 0 ? new Response('', { status: 503 }) : undefined));
    expect([await twice.ask('a'), twice.crossed()]).toEqual([
      'usr_a',
      ['authenticate', 'Flow.answered', 'Flow.woken', 'Flow.answered'],
    ]);
  });

  test('requests that share a call cross once each', async () => {
    const { ask, crossed, calls } = provider();
    const found = await Promise.all(Array.from({ length: 100 }, (_, at) => ask(at % 2 === 0 ? 'a' : 'b')));
    expect(found).toEqual(found.map((_, at) => (at % 2 === 0 ? 'usr_a' : 'usr_b')));
    const crossed100 = crossed();
    expect(crossed100.filter(name => name === 'authenticate')).toHaveLength(100);
    expect(crossed100.filter(name => name !== 'authenticate')).toEqual(['Flow.answered', 'Flow.answered']);
    expect(calls).toHaveLength(2);
  });

  test('a signature that is checked in the call crosses once, on the thread pool twice with its whole batch, at the host twice and once for eight', async () => {
    const by = (alg: Algorithm) => provider({ verification: { by: 'keys', issuer: 'https://issuer', jwks: jwksOf(alg) } });
    const inline = by('EdDSA');
    expect([await inline.ask(token('usr_1', 'EdDSA')), inline.crossed()]).toEqual(['usr_1', ['authenticate', ...atHost(1)]]);
    const pool = by('ES256');
    const people = Array.from({ length: 20 }, (_, at) => `usr_${at}`);
    expect(await Promise.all(people.map(id => pool.ask(token(id, 'ES256'))))).toEqual(people);
    if (isChecking) return void expect(pool.crossed()).toEqual([...people.map(() => 'authenticate'), 'Engine.checks']);
    const started = [8, 8, 4].flatMap(count => [...Array.from({ length: count }, () => 'authenticate'), ...atHost(count).slice(0, -count)]);
    expect(pool.crossed()).toEqual([...started, ...people.map(() => 'hostChecked')]);
  });

  test('keys that must be fetched first cost one crossing', async () => {
    const answer = (url: string) => (url.endsWith('jwks.json') ? new Response(JSON.stringify(jwksOf('EdDSA'))) : undefined);
    const { ask, crossed, calls } = provider({ verification: { by: 'keys', issuer: 'https://issuer' } }, answer);
    const people = ['usr_1', 'usr_2'];
    expect(await Promise.all(people.map(id => ask(token(id, 'EdDSA'))))).toEqual(people);
    expect([crossed(), calls.length]).toEqual([['authenticate', 'authenticate', 'Flow.answered', ...atHost(2)], 1]);
  });

  test('a refused credential and none cross once', async () => {
    const { auth, ask, crossed } = provider();
    expect([await ask('a,b'), crossed()]).toEqual([undefined, ['authenticate']]);
    expect([await auth.authenticateToken('', request({})), crossed()]).toEqual([null, ['authenticate']]);
  });

  test('an event for each request costs no crossing', async () => {
    const { ask, crossed, events } = provider({ traceRequests: true });
    expect([await ask('a'), crossed()]).toEqual(['usr_a', ['authenticate', 'Flow.answered']]);
    expect([await ask('a'), crossed()]).toEqual(['usr_a', ['authenticate']]);
    expect(events.map(({ type, source }) => [type, source])).toEqual([
      ['cloud_call', undefined],
      ['request_authenticated', 'cloud'],
      ['request_authenticated', 'cache'],
    ]);
  });
});

describe('a driver that fails', () => {
  const all = async (ask: (token: string) => Promise<unknown>, tokens: string[]) => {
    const settled = await Promise.allSettled(tokens.map(ask));
    return settled.map(one => (one.status === 'fulfilled' ? one.value : (one.reason as { code?: string; message: string }).code));
  };

  test('rejects every request that shares its call, and no other; the next request asks anew', async () => {
    const { ask } = provider();
    addon['injectPanic']!('Flow::answered');
    expect(await all(ask, ['a', 'a', 'a', 'b', 'b'])).toEqual(['internal', 'internal', 'internal', 'usr_b', 'usr_b']);
    expect(await all(ask, ['a', 'a', 'b'])).toEqual(['usr_a', 'usr_a', 'usr_b']);
  });

  test('rejects them also where they wait for keys', async () => {
    const answer = (url: string) => (url.endsWith('jwks.json') ? new Response(JSON.stringify(jwksOf('EdDSA'))) : undefined);
    const { ask } = provider({ verification: { by: 'keys', issuer: 'https://issuer' } }, answer);
    addon['injectPanic']!('Flow::answered');
    const tokens = ['usr_1', 'usr_2'].map(id => token(id, 'EdDSA'));
    expect(await all(ask, tokens)).toEqual(['internal', 'internal']);
  });

  test('rejects all requests where it cannot say which ones waited', async () => {
    const { ask } = provider();
    const { answered, abandon } = addon['Flow']!.prototype as { answered: Function; abandon: Function };
    const fails = () => {
      throw Object.assign(new Error('broken'), { code: 'broken' });
    };
    Object.assign(addon['Flow']!.prototype as object, { answered: fails, abandon: fails });
    try {
      expect(await all(ask, ['a', 'a', 'b'])).toEqual(['broken', 'broken', 'broken']);
    } finally {
      Object.assign(addon['Flow']!.prototype as object, { answered, abandon });
    }
    expect(await ask('c')).toBe('usr_c');
  });

  test('rejects no request but those that waited, where checks fail', async () => {
    const held = Promise.withResolvers<void>();
    const fetch = async (url: string) => {
      if (!url.endsWith('jwks.json')) await held.promise;
      return new Response(JSON.stringify(jwksOf('ES256')));
    };
    const { auth, ask } = provider({ verification: { by: 'keys', issuer: 'https://issuer' }, fetch });
    await ask(token('usr_1', 'ES256'));
    addon['injectPanic']!(isChecking ? 'Engine::checks' : 'Engine::host_checks');
    const renewed = all(() => auth.refreshSession('any'), ['any']);
    expect(await all(ask, [token('usr_2', 'ES256')])).toEqual(['internal']);
    held.resolve();
    expect(await renewed).not.toEqual(['internal']);
  });

  test('gives a flow up that it has lost', async () => {
    const engine = addon['open']!({ projectId: 'demo', production: false, development: false }, new Uint8Array(32)) as NativeEngine;
    const authenticate = engine.authenticator(0) as (...given: unknown[]) => NativePending;
    const { ticket } = authenticate(undefined, undefined, 'lost');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    let count = 0;
    const settled = async () => {
      collect();
      await new Promise(setImmediate);
      return authenticate(undefined, undefined, `other-${count++}`).step?.settled.flatMap(({ tickets }) => tickets) ?? [];
    };
    await expect.poll(settled, { interval: 10, timeout: 60_000 }).toContain(ticket);
  });

  test('reports background work that no request waits for', async () => {
    const { ask, events } = provider({ cache: { fresh: 2, refreshEarly: 0.2 } });
    await ask('a');
    const isReported = async () => {
      addon['injectPanic']!('Flow::answered');
      // Rejected where the identity is not fresh any more: asked for anew, it is fresh again.
      await ask('a').catch(() => ask('a'));
      return events.some(({ type }) => type === 'background_failed');
    };
    await expect.poll(isReported, { interval: 20 }).toBe(true);
  });
});
