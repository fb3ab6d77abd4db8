/** A host that cancels what a request began once that request has ended, and lets nothing outlive it: as Workers without `waitUntil`. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { generateKeyPairSync, sign } from 'node:crypto';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

vi.mock('../dist/esm/host.js', async original => ({ ...(await original<object>()), endsWithRequest: true, canOutlive: () => host.canOutlive }));
vi.mock('../dist/esm/transport.js', async original => {
  const { send, ...others } = await original<{ send(...given: unknown[]): Promise<unknown> }>();
  return { ...others, send: (...given: unknown[]) => Promise.race([send(...given), sending.shift() ?? never]) };
});

/** Whether the host tells its runtime of work that goes on. */
const host = { canOutlive: false };
/** How the next calls end, unless they are answered before. */
const sending: Promise<never>[] = [];

import { MastraCloudAuth } from '../dist/esm/index.js';
import type { CloudAuthEvent, MastraCloudAuthOptions, RevocationChannel, RevocationMessage } from '../dist/esm/index.js';
import { native } from '../dist/esm/host.js';
import { request } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
  vi.stubEnv('MASTRA_CALL_TIMEOUT', '3');
  const { setTimeout } = globalThis;
  const ownTimer = (work: () => void, milliseconds: number) => {
    const own = requests.getStore();
    return setTimeout(() => own?.hasEnded !== true && requests.run(own, work), milliseconds);
  };
  vi.stubGlobal('setTimeout', ownTimer);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** Ends every request that is under way: no timer of it fires any more. What it waits for must not settle either. */
function endRequests(): void {
  const now = performance.now();
  // It also sets the monotonic clock to 0.
  vi.clearAllTimers();
  vi.advanceTimersByTime(now - performance.now());
}
const never = new Promise<never>(() => undefined);

/** The request that each step belongs to, where it is one that ends by itself. */
const requests = new AsyncLocalStorage<{ hasEnded: boolean } | undefined>();

function begun<T>(work: () => Promise<T>): { readonly result: Promise<T>; end(): void } {
  const own = { hasEnded: false };
  return { result: requests.run(own, work), end: () => (own.hasEnded = true) };
}

/** The time that a call takes. It is never answered where its request ends meanwhile. */
async function called(milliseconds: number): Promise<undefined> {
  await new Promise<void>(resolve => setTimeout(resolve, milliseconds));
  return undefined;
}

/** What is stored, for as many instances as there are channels. */
class Store {
  readonly texts = new Map<string, number>();
  looks = 0;
  /** How the next calls end. */
  hangs = false;
  isFull = false;

  readonly channel: RevocationChannel = {
    publish: async (messages: readonly RevocationMessage[]) => {
      if (this.hangs) return never;
      if (this.isFull) throw new Error('full');
      for (const { text, until } of messages) this.texts.set(text, until);
    },
    subscribe: async () => {
      this.looks += 1;
      if (this.hangs) return never;
      return { standing: [...this.texts.keys()], close() {} };
    },
  };
}

function provider(options: MastraCloudAuthOptions, answer?: (url: string, token?: string) => Promise<undefined>) {
  const events: CloudAuthEvent[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    const token = new Headers(init.headers).get('authorization')?.slice('Bearer '.length);
    const user = { id: `usr_${token}`, email: 'a@example.com', created_at: Date.now() };
    const session = { id: `ses_${token}`, user_id: user.id, created_at: user.created_at, expires_at: user.created_at + 3_600_000 };
    return (await answer?.(url, token)) ?? Response.json({ ok: true, data: { user, session } });
  };
  const auth = new MastraCloudAuth({ projectId: 'demo', cache: { fresh: 3600 }, onEvent: event => events.push(event), fetch, ...options });
  const ask = async (token: string) => (await auth.authenticateToken(token, request({})))?.id;
  return { auth, ask, events, told: () => events.splice(0).map(({ type }) => type).filter(type => type.startsWith('revocations')) };
}

test('threat_031_a_request_learns_of_a_sign_out_elsewhere_if_the_last_look_is_a_second_old', async () => {
  const store = new Store();
  const [here, there] = [provider({ revocations: store.channel }), provider({ revocations: store.channel })];
  expect([await here.ask('a'), await there.ask('a')]).toEqual(['usr_a', 'usr_a']);
  here.auth.endUser('usr_a');
  await vi.waitUntil(() => store.texts.size === 1);
  // It asks no more often than once a second, and the first request after that waits for the answer.
  expect(await there.ask('a')).toBe('usr_a');
  vi.advanceTimersByTime(1_000);
  expect(await Promise.all([there.ask('a'), there.ask('a')])).toEqual([undefined, undefined]);
  expect(store.looks).toBe(3);
  expect(there.told()).toEqual(['revocations_connected', 'revocations_connected']);
  vi.advanceTimersByTime(1_000);
  await there.ask('b');
  expect([store.looks, there.told()]).toEqual([4, []]);
});

test('threat_031_a_renewal_and_every_other_use_of_a_session_learn_of_its_end_elsewhere', async () => {
  const store = new Store();
  const [here, there] = [provider({ revocations: store.channel }), provider({ revocations: store.channel })];
  const user = await there.auth.authenticateToken('a', request({}));
  await here.ask('a');
  here.auth.endUser('usr_a');
  await vi.waitUntil(() => store.texts.size === 1);
  const uses = [
    () => there.auth.refreshSession('a'),
    () => there.auth.validateSession('a'),
    () => there.auth.getUser('usr_a', 'a'),
    async () => (await there.auth.getPermissions(user!)).length,
  ];
  for (const use of uses) {
    const looks = store.looks;
    vi.advanceTimersByTime(1_000);
    expect([(await use()) || null, store.looks]).toEqual([null, looks + 1]);
  }
});

test('a callback that was used on another isolate is not exchanged again', async () => {
  const store = new Store();
  const calls: string[] = [];
  const signIn = { baseUrl: 'https://cloud.example.com', revocations: store.channel };
  const count = async (url: string) => void calls.push(url);
  const [here, there] = [provider(signIn, count), provider(signIn, count)];
  const [state, back] = [crypto.randomUUID(), 'https://app.example.com/api/auth/sso/callback'];
  const cookies = here.auth.getLoginCookies(back, state).map(line => line.split(';')[0]).join('; ');
  const callback = ({ auth }: typeof here) => {
    auth.setCallbackCookieHeader(cookies);
    const result = auth.handleCallback('code', state).catch((error: { code: string }) => error.code);
    // The next request's: this callback has taken its own.
    auth.setCallbackCookieHeader(null);
    return result;
  };
  await there.ask('a');
  calls.splice(0);
  await callback(here);
  await vi.waitUntil(() => store.texts.size === 1);
  const exchanged = calls.length;
  expect(exchanged).toBeGreaterThan(0);
  vi.advanceTimersByTime(1_000);
  expect([await callback(there), calls.length]).toEqual(['callback_replayed', exchanged]);
});

test('a look that ended with its request is taken after two seconds by a request that waits for it', async () => {
  const store = new Store();
  const { ask, told } = provider({ revocations: store.channel });
  store.hangs = true;
  void ask('a');
  endRequests();
  let answer: string | undefined;
  void ask('a').then(id => (answer = id));
  await vi.advanceTimersByTimeAsync(1_900);
  expect([answer, store.looks]).toEqual([undefined, 1]);
  store.hangs = false;
  await vi.advanceTimersByTimeAsync(200);
  expect([answer, store.looks, told()]).toEqual(['usr_a', 2, ['revocations_connected']]);
});

test('looks that end with their requests keep no request for longer than four seconds', async () => {
  const store = new Store();
  const { ask } = provider({ revocations: store.channel });
  store.hangs = true;
  begun(() => ask('a')).end();
  const second = begun(() => ask('a'));
  let answer: string | undefined;
  void ask('a').then(id => (answer = id));
  await vi.advanceTimersByTimeAsync(2_100);
  second.end();
  expect([answer, store.looks]).toEqual([undefined, 2]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect([answer, store.looks]).toEqual(['usr_a', 2]);
});

test('threat_031_a_client_that_hangs_up_during_its_look_lets_no_ended_session_in', async () => {
  const store = new Store();
  const [here, there] = [provider({ revocations: store.channel }), provider({ revocations: store.channel })];
  expect([await here.ask('a'), await there.ask('a')]).toEqual(['usr_a', 'usr_a']);
  here.auth.endUser('usr_a');
  await vi.waitUntil(() => store.texts.size === 1);
  vi.advanceTimersByTime(1_000);
  store.hangs = true;
  begun(() => there.ask('a')).end();
  store.hangs = false;
  const answers = Promise.all([there.ask('a'), there.ask('a')]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect([await answers, store.looks]).toEqual([[undefined, undefined], 4]);
});

test('threat_031_a_clock_that_is_set_back_puts_off_no_look', async () => {
  const store = new Store();
  const [here, there] = [provider({ revocations: store.channel }), provider({ revocations: store.channel })];
  expect([await here.ask('a'), await there.ask('a')]).toEqual(['usr_a', 'usr_a']);
  here.auth.endUser('usr_a');
  await vi.waitUntil(() => store.texts.size === 1);
  const now = performance.now.bind(performance);
  const setBack = vi.spyOn(performance, 'now').mockImplementation(() => now() - 3_600_000);
  await there.ask('b');
  vi.advanceTimersByTime(1_000);
  expect(await there.ask('a')).toBeUndefined();
  setBack.mockRestore();
});

test('an outage of the channel is told once, and so is its end', async () => {
  const store = new Store();
  const { ask, told } = provider({ revocations: store.channel });
  await ask('a');
  expect(told()).toEqual(['revocations_connected']);
  store.hangs = true;
  vi.advanceTimersByTime(1_000);
  const late = ask('a');
  await vi.advanceTimersByTimeAsync(2_000);
  expect([await late, told()]).toEqual(['usr_a', ['revocations_disconnected']]);
  store.hangs = false;
  vi.advanceTimersByTime(1_500);
  await ask('a');
  expect(told()).toEqual(['revocations_connected']);
});

test('a channel that takes no revocations is told of once, however often a request looks', async () => {
  const store = new Store();
  const { auth, ask, told } = provider({ revocations: store.channel });
  await ask('a');
  expect(told()).toEqual(['revocations_connected']);
  store.isFull = true;
  auth.endUser('usr_b');
  const seen = new Set<boolean | undefined>();
  for (let n = 0; n < 40; n += 1) {
    await vi.advanceTimersByTimeAsync(100);
    await ask('a');
    seen.add(auth.revocationStatus()?.connected);
  }
  expect([[...seen], store.looks]).toEqual([[false], 5]);
  expect(new Set(told())).toEqual(new Set(['revocations_disconnected', 'revocations_reconnect_failed']));
  store.isFull = false;
  await vi.advanceTimersByTimeAsync(2_000);
  const connections = told().filter(type => type !== 'revocations_published');
  expect([connections, auth.revocationStatus()?.connected]).toEqual([['revocations_connected'], true]);
});

test('threat_031_a_publication_that_ended_with_its_request_goes_on_in_the_next', async () => {
  const store = new Store();
  const { auth, ask } = provider({ revocations: store.channel });
  await ask('a');
  store.hangs = true;
  auth.endUser('usr_a');
  endRequests();
  store.hangs = false;
  vi.advanceTimersByTime(5_000);
  await ask('b');
  // It may still be under way: its time-out is five seconds.
  expect(store.texts.size).toBe(0);
  vi.advanceTimersByTime(1_000);
  await ask('b');
  await vi.waitUntil(() => store.texts.size === 1);
  await vi.waitUntil(() => auth.revocationStatus()?.pending === 0);
});

test('a call that ended with its request is made again by one that waits for it, and is no outage', async () => {
  const calls: string[] = [];
  const { auth, ask } = provider({}, async () => {
    calls.push('');
    // The first call for each token is cancelled with its request.
    return calls.length % 2 === 1 ? never : undefined;
  });
  for (const token of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    void ask(token);
    endRequests();
    const second = ask(token);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await second).toBe(`usr_${token}`);
  }
  expect([calls.length, auth.statistics().breaker]).toEqual([16, 'closed']);
});

test('threat_102_no_request_makes_the_calls_of_strangers_who_hung_up', async () => {
  const calls: string[] = [];
  let isDown = true;
  const { ask, auth } = provider({}, async url => {
    calls.push(url);
    return isDown ? never : called(2_000);
  });
  for (let n = 0; n < 40; n += 1) void ask(`stranger${n}`).catch(() => undefined);
  endRequests();
  isDown = false;
  vi.advanceTimersByTime(3_700);
  const asking = ask('a');
  await vi.advanceTimersByTimeAsync(2_500);
  expect([await asking, calls.length, auth.statistics().breaker]).toEqual(['usr_a', 41, 'closed']);
});

test('a call that fails after another request took it over takes that one along no more', async () => {
  const calls: ((answer: undefined) => void)[] = [];
  const { ask } = provider({}, () => new Promise(resolve => calls.push(resolve)));
  const late = Promise.withResolvers<never>();
  sending.push(late.promise);
  const first = begun(() => ask('a'));
  void first.result.catch(() => undefined);
  first.end();
  const second = ask('a');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(calls.length).toBe(2);
  late.reject(new Error('too late'));
  await vi.advanceTimersByTimeAsync(0);
  calls[1]?.(undefined);
  expect(await second).toBe('usr_a');
});

test.each([
  [false, 0],
  [true, 6],
])('no request begins an early refresh where that would end with it and keep the next ones waiting (%s)', (can, refreshEarly) => {
  host.canOutlive = can;
  const open = vi.spyOn(native, 'open');
  provider({ cache: { fresh: 60, refreshEarly: 6 } });
  expect(open.mock.lastCall?.[0].refreshEarly).toBe(refreshEarly);
  host.canOutlive = false;
  open.mockRestore();
});

test('a call is made again by a request that waits for it, and not by one that passes', async () => {
  const { ask } = provider({}, (_, token) => called(token === 'a' ? 700 : 600));
  const first = begun(() => ask('a'));
  void first.result.catch(() => undefined);
  first.end();
  let answer: string | undefined;
  void begun(() => ask('a')).result.then(id => (answer = id));
  for (let n = 0; n < 90; n += 1) {
    const passing = begun(() => ask(`other${n}`));
    void passing.result.then(passing.end);
    await vi.advanceTimersByTimeAsync(60);
  }
  expect(answer).toBe('usr_a');
});

/** A signed token, and the key that it is verified by. */
function signed() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = { ...publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'EdDSA' };
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'https://cloud.example.com', aud: 'demo', sub: 'usr_1', sid: 'ses_1', email: 'a@example.com', iat: now, exp: now + 3600 };
  const input = `${encoded({ alg: 'EdDSA', kid: 'k', typ: 'JWT' })}.${encoded(claims)}`;
  return { key, token: `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}` };
}

test('a call that follows a signature check is made again by a request that waits for it, if it ended with another', async () => {
  const { key, token } = signed();
  let calls = 0;
  const fetch = async () => {
    calls += 1;
    if (calls === 1) return never;
    const [created_at, expires_at] = [Date.now(), Date.now() + 3_600_000];
    return Response.json({ ok: true, data: { session: { id: 'ses_1', user_id: 'usr_1', created_at, expires_at } } });
  };
  const { ask } = provider({ baseUrl: 'https://cloud.example.com', verification: { by: 'keys+session', jwks: { keys: [key] } }, fetch });
  void ask(token);
  await vi.waitUntil(() => calls === 1);
  endRequests();
  let answer: string | undefined;
  void ask(token).then(id => (answer = id));
  await vi.waitUntil(() => answer !== undefined, { timeout: 20_000 });
  expect([answer, calls]).toEqual(['usr_1', 2]);
});

test('threat_103_a_fetch_of_the_key_set_that_ended_with_a_strangers_request_keeps_no_one_out', async () => {
  const { key, token } = signed();
  const fetch = async (url: string) => {
    await called(20);
    if (url.includes('jwks')) return Response.json({ keys: [key] });
    return Response.json({ ok: false, error: { message: 'no', status: 401 } }, { status: 401 });
  };
  const { auth, ask } = provider({ baseUrl: 'https://cloud.example.com', verification: 'keys', fetch });
  const first = begun(() => ask(token));
  void first.result.catch(() => undefined);
  first.end();
  await vi.advanceTimersByTimeAsync(6_000);
  // Another request, which needs no keys, comes first.
  const other = auth.refreshSession('other');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await other).toBeNull();
  const asking = ask(token);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await asking).toBe('usr_1');
});

test('threat_031_a_sign_out_that_ended_with_its_request_goes_on_in_the_next_one_and_one_at_a_time', async () => {
  const calls: string[] = [];
  const { auth, ask, events } = provider({}, url => {
    if (!url.includes('session')) return called(1_900);
    calls.push(url);
    return called(20);
  });
  const out = begun(() => Promise.all([auth.destroySession('a'), auth.destroySession('b')]));
  out.end();
  await vi.advanceTimersByTimeAsync(6_000);
  const told = () => events.filter(({ type }) => type.startsWith('sign')).map(({ type }) => type);
  expect([calls.length, told()]).toEqual([2, []]);
  const next = ask('c');
  await vi.advanceTimersByTimeAsync(490);
  expect(told()).toEqual(['signed_out']);
  await vi.advanceTimersByTimeAsync(1_500);
  await Promise.all([next, out.result]);
  expect([calls.length, told()]).toEqual([6, ['signed_out', 'signed_out']]);
});

test('a sign-out that no request goes on with for a minute is told of as unconfirmed', async () => {
  const { auth, ask, events } = provider({}, () => called(300));
  const out = begun(() => auth.destroySession('a'));
  const ended = out.result.catch((error: { code: string }) => error.code);
  out.end();
  await vi.advanceTimersByTimeAsync(61_000);
  void ask('other');
  expect(events.filter(({ type }) => type.startsWith('sign'))).toEqual([{ type: 'sign_out_not_confirmed', code: 'internal' }]);
  expect(await ended).toBe('internal');
});

test('a call that ended with its request is given up if no request waits for it', async () => {
  const calls: string[] = [];
  let isDown = true;
  const { auth, ask } = provider({}, async url => {
    calls.push(url);
    return isDown ? never : undefined;
  });
  for (const token of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) void ask(token).catch(() => undefined);
  endRequests();
  isDown = false;
  vi.advanceTimersByTime(10_000);
  expect([await ask('other'), calls.length]).toEqual(['usr_other', 9]);
  expect([await ask('a'), calls.length, auth.statistics().breaker]).toEqual(['usr_a', 10, 'closed']);
});

test('a browser that repeats its callback does not wait for a sign-in that ended with its request', async () => {
  const { auth } = provider({ baseUrl: 'https://cloud.example.com' }, () => never);
  const [state, back] = [crypto.randomUUID(), 'https://app.example.com/api/auth/sso/callback'];
  const cookies = auth.getLoginCookies(back, state).map(line => line.split(';')[0]).join('; ');
  const callback = () => {
    auth.setCallbackCookieHeader(cookies);
    return auth.handleCallback('code', state);
  };
  void callback().catch(() => undefined);
  endRequests();
  const again = callback().then(
    () => 'signed in',
    (error: { code: string }) => error.code,
  );
  await vi.advanceTimersByTimeAsync(6_000);
  expect(await Promise.race([again, vi.advanceTimersByTimeAsync(20_000).then(() => 'it waits')])).toMatch(/^[a-z_]+$/);
});
