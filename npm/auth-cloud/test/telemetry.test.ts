/** Events and figures: each comes from its cause, and none holds a value. */

import { readFileSync, readdirSync } from 'node:fs';
import { inspect } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { EVENT_LEVELS } from '../dist/esm/event-types.js';
import { MastraCloudAuth } from '../dist/esm/index.js';
import { native } from '../dist/esm/native.js';
import type { CloudAuthEvent, CloudAuthStatistics, MastraCloudAuthOptions } from '../dist/esm/index.js';
import { comeBack, goAndPick, request, signIn, startCloud } from './world.js';
import type { Cloud } from './world.js';

/** The addon itself, as far as it is looked at here. */
const addon = native as unknown as {
  open(options: object, entropy: Uint8Array): {
    statistics(): CloudAuthStatistics;
    authenticator(): (cookie: null, authorization?: null, token?: string, isCounted?: boolean) => object;
  };
};

/** The figures as Prometheus would name them, those that are not 0. */
function figures(of: CloudAuthStatistics): Record<string, number> {
  const named = (name: string, rows: readonly object[]) =>
    rows.map(row => {
      const { count, ...labels } = row as { count: number };
      return [`${name} ${Object.values(labels).join(' ')}`, count] as const;
    });
  const all = [
    ...named('requests', of.requests),
    ...named('logins', of.logins),
    ...named('signOuts', of.signOuts),
    ...named('cloudCalls', of.cloudCalls),
    ...named('cacheEntries', of.cacheEntries),
  ];
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}

/** Each form in which a text may stand somewhere, cut into parts of twelve characters. */
function parts(secret: string): Set<string> {
  const bytes = Buffer.from(secret);
  const forms = [secret, encodeURIComponent(secret), bytes.toString('hex')];
  for (const skip of [0, 1, 2]) {
    const whole = bytes.subarray(skip, skip + Math.floor((bytes.length - skip) / 3) * 3);
    forms.push(whole.toString('base64'), whole.toString('base64url'));
  }
  const found = new Set<string>();
  for (const form of forms) for (let at = 0; at + 12 <= form.length; at += 1) found.add(form.slice(at, at + 12));
  return found;
}

for (const dialect of ['v1', 'pkce'] as const) {
  describe(dialect, () => {
    let cloud: Cloud;
    let events: CloudAuthEvent[] = [];
    const take = () => events.splice(0);
    const provider = (options: MastraCloudAuthOptions = {}) =>
      new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect, onEvent: event => events.push(event), ...options });
    beforeAll(async () => {
      cloud = await startCloud(dialect);
    });
    afterAll(() => cloud.stop());

    test('sign-ins, refusals and sign-outs of two people are told and counted', async () => {
      const auth = provider();
      const [one, two] = [await signIn(auth, 'owner'), await signIn(auth, 'viewer')];
      const signedIn = take().filter(event => event.type === 'signed_in');
      expect(signedIn).toMatchObject([one, two].map(({ user }) => ({ outcome: 'succeeded', userId: user.id })));
      expect(new Set(signedIn.map(event => event.sessionId)).size).toBe(2);
      const back = await goAndPick(auth, crypto.randomUUID(), 'admin');
      await comeBack(auth, { ...back, cookies: '' }).catch(() => undefined);
      expect(take().at(-1)).toMatchObject({ type: 'sign_in_failed', outcome: 'failed', code: 'login_cookie_missing' });

      expect(await auth.authenticateToken('junk', request({ 'x-request-id': 'req-1' }))).toBeNull();
      expect(await auth.authenticateToken('junk', request({ 'x-request-id': 'req-2' }))).toBeNull();
      expect(await auth.authenticateToken('a,b', request({}))).toBeNull();
      const refused = take().filter(event => event.type === 'credential_rejected');
      expect(refused).toMatchObject([
        { outcome: 'rejected', source: 'cloud', requestId: 'req-1', durationSeconds: expect.any(Number) },
        { outcome: 'rejected', source: 'cache', requestId: 'req-2' },
        { outcome: 'rejected', source: 'none', code: 'invalid_token' },
      ]);

      await auth.destroySession(one.user.sessionToken);
      const out = take().find(event => event.type === 'signed_out');
      expect(out).toMatchObject({ outcome: 'ended', userId: one.user.id, sessionId: signedIn[0]?.sessionId });
      await auth.destroySession(one.user.sessionToken);
      expect(take().at(-1)).toMatchObject({ type: 'signed_out', outcome: 'already_gone' });
      expect(figures(auth.statistics())).toMatchObject({
        'logins succeeded': 2,
        'logins failed': 1,
        'signOuts ended': 1,
        'signOuts already_gone': 1,
        'requests rejected cloud': 1,
        'requests rejected cache': 1,
        'requests rejected none': 1,
        'cacheEntries identities': 1,
      });
    });

    test('every request is counted once, whichever way it goes', async () => {
      const [{ cookie }, { cookie: other }] = [await signIn(provider(), 'owner'), await signIn(provider(), 'viewer')];
      const auth = provider();
      const ask = (header: string) => auth.authenticateToken('', request({ cookie: header }));
      const counted = () => {
        const { 'requests authenticated cache': cache = 0, 'requests authenticated cloud': asked = 0 } = figures(auth.statistics());
        return [cache, asked];
      };
      await ask(cookie);
      await ask(other);
      expect(counted()).toEqual([0, 2]);
      await Promise.all(Array.from({ length: 50 }, (_, at) => ask(at % 2 === 0 ? cookie : other)));
      expect(counted()).toEqual([50, 2]);
      await ask('');
      expect(figures(auth.statistics())).toMatchObject({ 'requests anonymous none': 1, 'cloudCalls verify_token 2xx': 2 });
      const times = auth.statistics().cloudCallTimes;
      expect(times.map(({ le }) => le)).toEqual(
        ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1.0', '2.5', '5.0', '10.0', '+Inf'],
      );
      expect(times.at(-1)).toEqual({ operation: 'verify_token', le: '+Inf', count: 2 });
    });

    test('each request is told only where that is asked for', async () => {
      const { user, cookie } = await signIn(provider(), 'owner');
      take();
      const quiet = provider();
      await quiet.authenticateToken('', request({ cookie }));
      await quiet.authenticateToken('', request({ cookie }));
      expect(take().map(event => event.type)).toEqual(['cloud_call']);
      const loud = provider({ traceRequests: true });
      const ask = (headers: Record<string, string>) => loud.authenticateToken('', request(headers));
      expect((await ask({ cookie, 'x-request-id': 'req-1' }))?.id).toBe(user.id);
      expect(await ask({ cookie, 'x-request-id': 'req-2' })).toBe(await ask({ cookie }));
      expect(await ask({})).toBeNull();
      const told = take().filter(event => !event.type.startsWith('cloud_call'));
      const known = { type: 'request_authenticated', outcome: 'authenticated', userId: user.id, durationSeconds: expect.any(Number) };
      expect(told).toMatchObject([
        { ...known, source: 'cloud', requestId: 'req-1' },
        { ...known, source: 'cache', requestId: 'req-2' },
        { ...known, source: 'cache' },
        { type: 'request_anonymous', outcome: 'anonymous', source: 'none' },
      ]);
      expect(figures(loud.statistics())).toMatchObject({
        'requests authenticated cloud': 1,
        'requests authenticated cache': 2,
        'requests anonymous none': 1,
      });
    });

    test('an outage shows in the figures', async () => {
      const own = await startCloud(dialect);
      const auth = provider({ baseUrl: own.url });
      const { user } = await signIn(auth, 'owner');
      expect(auth.statistics().breaker).toBe('closed');
      await own.stop();
      take();
      for (let at = 0; at < 6; at += 1) {
        await auth.authenticateToken(`new-${at}`, request({})).catch(() => undefined);
      }
      await auth.destroySession(user.sessionToken);
      expect(take().filter(event => !event.type.startsWith('cloud_call')).map(({ type, source }) => [type, source])).toEqual([
        ...Array.from({ length: 5 }, () => ['authentication_unavailable', 'cloud']),
        ['authentication_unavailable', 'none'],
        ['sign_out_not_confirmed', undefined],
      ]);
      expect(auth.statistics().breaker).toBe('open');
      expect(figures(auth.statistics())).toMatchObject({
        'requests unavailable cloud': 5,
        'requests unavailable none': 1,
        'signOuts not_confirmed': 1,
        'cloudCalls verify_token connect': expect.any(Number),
      });
    });

    test('threat_104_no_event_and_no_figure_holds_a_secret', async () => {
      const said: string[] = [];
      const write = (message: string, details?: Record<string, unknown>) => said.push(message, inspect(details, { depth: 9 }));
      events = [];
      const auth = provider({ traceRequests: true, logger: { debug: write, info: write, warn: write } });
      const secrets: string[] = ['olivia@example.com', 'victor@example.com', 'canary-in-an-authorization-header'];
      for (const person of ['owner', 'viewer'] as const) {
        const state = crypto.randomUUID();
        const back = await goAndPick(auth, state, person);
        const { user, cookies } = await comeBack(auth, back);
        await comeBack(auth, back).catch((error: unknown) => said.push(inspect(error)));
        const cookie = cookies?.at(-1)?.split(';')[0] ?? '';
        await auth.authenticateToken('', request({ cookie }));
        await auth.authenticateToken('', request({ authorization: 'Bearer canary-in-an-authorization-header', cookie }));
        await auth.authenticateToken('canary-in-an-authorization-header', request({ 'x-request-id': 'canary\tin an id' }));
        await auth.getPermissions(user);
        await auth.destroySession(user.sessionToken);
        await auth.authenticateToken('', request({ cookie }));
        // What the first segment of a token says is the same for all of them.
        secrets.push(user.sessionToken.split('.').slice(1).join('.'), state, back.code);
        // Of the login cookie, version, time and the digests of project and Cloud are no secrets.
        secrets.push(...(back.cookies.split('=')[1] ?? '').split('.').slice(4));
      }
      const text = [...said, inspect(events, { depth: 9 }), JSON.stringify(events), JSON.stringify(auth.statistics())].join('\n');
      expect(text).toContain('signed_out');
      for (const name of ['Olivia Okafor', 'Victor Reyes', 'canary\tin']) expect(text).not.toContain(name);
      const windows = new Set(Array.from({ length: text.length }, (_, at) => text.slice(at, at + 12)));
      for (const secret of secrets) for (const part of parts(secret)) expect(windows.has(part), part).toBe(false);
    });
  });
}

test('a request that was counted is not counted again', () => {
  const engine = addon.open({ projectId: 'demo', production: false, development: false }, new Uint8Array(32));
  const anonymous = () => engine.statistics().requests.find(({ outcome }) => outcome === 'anonymous')?.count;
  const authenticate = engine.authenticator();
  const answer = { outcome: { verdict: { kind: 'anonymous', source: 'none' } } };
  expect([authenticate(null, null, '', true), anonymous()]).toEqual([answer, 0]);
  expect([authenticate(null, null, '', false), anonymous()]).toEqual([answer, 1]);
  expect([authenticate(null), anonymous()]).toEqual([answer, 2]);
});

test('names of figures, events and fields hold still', () => {
  const auth = new MastraCloudAuth({ projectId: 'demo' });
  expect(Object.keys(auth.statistics()).toSorted()).toEqual(
    ['breaker', 'cacheEntries', 'cloudCallTimes', 'cloudCalls', 'logins', 'requests', 'signOuts'],
  );
  expect(auth.statistics().requests.map(({ outcome, source }) => `${outcome} ${source}`)).toEqual([
    'authenticated cache',
    'authenticated keys',
    'authenticated cloud',
    'anonymous none',
    'rejected cache',
    'rejected keys',
    'rejected cloud',
    'rejected none',
    'unavailable keys',
    'unavailable cloud',
    'unavailable none',
  ]);
  expect(() => new MastraCloudAuth({ projectId: 'demo', traceRequests: 'yes' as unknown as boolean })).toThrow('traceRequests');
});

/** An event that is not listed does not compile. */
test('every listed event is emitted in the source', () => {
  const folder = new URL('../src/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /\.c?ts$/.test(name) && name !== 'event-types.ts');
  const text = files.map(name => readFileSync(new URL(name, folder), 'utf8')).join('\n');
  // What stands behind `type:`, or is the first argument of `failed`, up to the next comma.
  const places = [...text.matchAll(/(?:\btype: |\.failed\()([^,}]*)/g)].map(([, place]) => place ?? '');
  const named = places.flatMap(place => [...place.matchAll(/'(\w+)'/g)].map(([, name]) => name ?? ''));
  const emitted = new Set(named.filter(name => Object.hasOwn(EVENT_LEVELS, name)));
  expect([...emitted].toSorted()).toEqual(Object.keys(EVENT_LEVELS).toSorted());
});
