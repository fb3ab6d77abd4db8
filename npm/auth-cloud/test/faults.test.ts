/**
 * Faults at every byte: the client, the provider and programs, while an answer of the Cloud or a request to it breaks at one byte.
 * `vectors/faults.json` says where and how, as for the crate. A call whose answer halts ends with its time-out, whose timer is run once the answer has halted.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { MastraCloudAuth, MastraCloudClient } from '../dist/esm/index.js';
import type { CloudAuthEvent } from '../dist/esm/index.js';
import { TokenSource, isCloudApiError } from '../dist/esm/program.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud, LocalCloudEndpoint, LocalCloudPlace, LocalCloudWireFault, SignedIn } from '../dist/esm/testing.js';
import { BINARY, REDIRECT, comeBack, goAndPick, pick, request, serve } from './world.js';
import type { Back } from './world.js';
import { Front, WRONG } from './tls-front.js';

/** The time-out of `vitest.config.ts`. */
const TIMEOUT = 60_000;
/** The time-out of a program's calls. */
const OF_PROGRAMS = 15_000;
/**
 * Every so many runs of the table. Each operation meets each place, and each fault many times; over TLS, through the same code, some.
 * `cargo xtask soak bytes` names the file to which it wants how all of them ended.
 */
const RECORD = process.env['FAULTS_RECORD'];
const STRIDES = RECORD ? { http: 1, TLS: 1 } : { http: 9, TLS: 59 };

/** What a run of all of them may take. */
const HOUR = 3_600_000;

interface Case {
  readonly name: string;
  readonly at: LocalCloudPlace;
  readonly faults: LocalCloudWireFault[];
}
const { cases } = JSON.parse(readFileSync(new URL('../../../vectors/faults.json', import.meta.url), 'utf8')) as { cases: Case[] };
const RUNS = cases.flatMap(({ name, at, faults }) => [
  ...faults.map(fault => ({ name, at, fault, halts: fault === 'hold' ? ('for ever' as const) : undefined })),
  // What halts for ever may go on before the time-out as well.
  { name, at, fault: 'hold' as const, halts: 'for a moment' as const },
]);

type Dialect = 'v1' | 'pkce' | 'platform';
type End = 'good' | 'gone' | 'rejected' | 'unavailable' | 'another';

interface Scene {
  readonly cloud: LocalCloud;
  /** Where it is asked. */
  readonly url: string;
  readonly auth: MastraCloudAuth;
  readonly client: MastraCloudClient;
  readonly member: SignedIn;
  /** The session as its cookie holds it. */
  readonly session: string;
  readonly back: Back | undefined;
  readonly code: string;
  readonly source: TokenSource;
}

interface Operation {
  readonly at: LocalCloudEndpoint;
  readonly run: (scene: Scene) => Promise<End>;
  readonly isCallback?: boolean;
  readonly endsSession?: boolean;
  readonly isProgram?: boolean;
}

const who = (id: string | undefined): End => (id === undefined ? 'rejected' : id === 'usr_mei' ? 'good' : 'another');
const authenticate = async ({ auth, member }: Pick<Scene, 'auth' | 'member'>) => (await auth.authenticateToken('', request({ cookie: member.cookie })))?.id;

const verify = (at: LocalCloudEndpoint): Operation => ({ at, run: async ({ client, member }) => who((await client.verifyToken({ token: member.token }))?.id) });
const asked = (at: LocalCloudEndpoint): Operation => ({ at, run: async scene => who(await authenticate(scene)) });
const refresh = (at: LocalCloudEndpoint): Operation => ({ at, run: async ({ auth, session }) => who((await auth.refreshSession(session))?.userId) });
const signOut = (at: LocalCloudEndpoint): Operation => ({
  at,
  endsSession: true,
  run: async ({ auth, session }) => {
    const before = seen.length;
    await auth.destroySession(session);
    const told = seen.slice(before).map(({ type }) => type);
    return told.includes('sign_out_not_confirmed') ? 'unavailable' : 'good';
  },
});
const callback = (at: LocalCloudEndpoint): Operation => ({ at, isCallback: true, run: async ({ auth, back }) => who((await comeBack(auth, back!)).user.id) });
const bearer = (at: LocalCloudEndpoint): Operation => ({ at, run: async ({ auth, member }) => who((await auth.authenticateToken(member.token, request({ authorization: `Bearer ${member.token}` })))?.id) });
const byKeys: Operation = {
  at: 'jwks',
  run: async ({ cloud, url, member }) => {
    const auth = provider(cloud, url, 'v1', { verification: { by: 'keys', issuer: cloud.url } });
    return who((await auth.authenticateToken(member.token, request({ authorization: `Bearer ${member.token}` })))?.id);
  },
};
const program = (at: LocalCloudEndpoint, ask: (source: TokenSource, token: string) => Promise<string>): Operation => ({
  at,
  isProgram: true,
  run: async ({ source, member }) => ((await ask(source, member.token)) === member.token) === (at === 'verify') ? 'good' : 'another',
});
const some = (permissions: readonly string[]): End => (permissions.length > 0 ? 'good' : 'rejected');
const both = {
  verify: verify('verify'),
  validate: { at: 'validate', run: async ({ client, session }: Scene) => who((await client.validateSession({ sessionToken: session }))?.userId) },
  authenticate: asked('verify'),
  refresh: refresh('validate'),
  signOut: signOut('destroy'),
  callback: callback('exchange'),
} satisfies Record<string, Operation>;
const OPERATIONS: Record<Dialect, Record<string, Operation>> = {
  v1: {
    ...both,
    byKeys,
    getUser: { at: 'user', run: async ({ auth, session }) => who((await auth.getUser('usr_mei', session))?.id) },
    getUserPermissions: { at: 'permissions', run: async ({ client, session }) => some(await client.getUserPermissions({ userId: 'usr_mei', token: session })) },
    permissions: { at: 'permissions', run: async ({ auth, member }) => some(await auth.getPermissions((await auth.authenticateToken('', request({ cookie: member.cookie })))!)) },
    exchange: { at: 'exchange', run: async ({ client, code }) => ((await client.exchangeCode({ code })).user ? 'good' : 'another') },
  },
  pkce: { ...both, callbackVerify: callback('verify') },
  platform: {
    verify: verify('verify'), authenticate: asked('me'), bearer: bearer('verify'), refresh: refresh('refresh'), signOut: signOut('logout'), callback: callback('me'),
    programToken: program('verify', source => source.token()),
    programRefresh: program('refresh-token', (source, token) => source.refreshed(token)),
  },
};

/** What the providers told. */
const seen: CloudAuthEvent[] = [];
const onEvent = (event: CloudAuthEvent) => void seen.push(event);
const none = () => undefined;
const logger = { debug: none, info: none, warn: none, error: none };

function provider(cloud: LocalCloud, baseUrl: string, dialect: Dialect, more: { verification?: { by: 'keys'; issuer: string } } = {}) {
  const project = dialect === 'platform' ? {} : { projectId: cloud.projectId };
  const cache = { fresh: 0, staleIfError: 0, refused: 0 };
  return new MastraCloudAuth({ ...project, baseUrl, dialect, cache, onEvent, logger, ...more });
}

// The timers of the package: a call's time-out is run by hand, and a wait before another try is short.
const { setTimeout: set, clearTimeout: clear } = globalThis;
const late = new Map<unknown, () => void>();
beforeAll(() => {
  globalThis.setTimeout = ((run: () => void, milliseconds: number, ...more: []) => {
    // Not those of 499 ms, by which `fetch` tells the time of its own.
    if (![TIMEOUT, OF_PROGRAMS].includes(milliseconds)) return set(run, milliseconds > 40 && milliseconds < 450 ? 1 : milliseconds, ...more);
    const timer = set(run, milliseconds);
    late.set(timer, run);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer => {
    late.delete(timer);
    clear(timer);
  }) as typeof clearTimeout;
});
afterEach(() => expect(late.size, 'timers that still run').toBe(0));
const home = mkdtempSync(join(tmpdir(), 'faults-'));
afterAll(() => {
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  rmSync(home, { recursive: true });
});

const struck = async (cloud: LocalCloud) => (await cloud.requests()).counts['wire'] ?? 0;

/** Asks again where a connection was kept that the fault before had closed: a call of a program is made once. */
async function again<T>(ask: () => Promise<T>, times = 3): Promise<T> {
  return ask().catch((error: unknown) => {
    if (times === 0 || !isCloudApiError(error) || error.kind !== 'network') throw error;
    return again(ask, times - 1);
  });
}

/** What the work gives. While an answer halts, the time-out of its call is run. */
async function ended(cloud: LocalCloud, halts: Broken['halts'], work: Promise<End>): Promise<End> {
  let isOver = false;
  const over = work.finally(() => (isOver = true));
  over.catch(none);
  for (let before = 0; halts && !isOver; ) {
    const now = await struck(cloud);
    if (now === before) continue;
    before = now;
    if (halts === 'for a moment') await cloud.faults.clear();
    else for (const run of late.values()) run();
  }
  return over;
}

/** An operation of a dialect at a Cloud that is asked at this address. */
interface Work {
  readonly cloud: LocalCloud;
  readonly url: string;
  readonly dialect: Dialect;
  readonly name: string;
  readonly operation: Operation;
}

/** What breaks. */
interface Broken {
  readonly what: string;
  readonly halts: 'for ever' | 'for a moment' | undefined;
  readonly whole: readonly End[];
  begin(): Promise<unknown>;
  /** How often it did. */
  struck(): Promise<number>;
  end(): Promise<unknown>;
}

async function check({ cloud, url, dialect, name, operation }: Work, { what, halts, whole, begin, struck: times, end: mend }: Broken): Promise<End> {
  // Its own, for so many failures in a row would open the breaker. Their connections are shared.
  const auth = provider(cloud, url, dialect);
  const client = new MastraCloudClient({ projectId: cloud.projectId, baseUrl: url, dialect, onEvent, logger });
  await cloud.reset();
  seen.length = 0;
  const member = await cloud.signIn('member');
  const file = join(home, `${crypto.randomUUID()}.json`);
  const source = new TokenSource({ baseUrl: url, file });
  writeFileSync(file, JSON.stringify({ token: member.token, refreshToken: member.refreshToken }));
  const session = member.cookie.slice(member.cookie.indexOf('=') + 1);
  // The person is at the Cloud itself.
  const there = (login: string) => login.replace(url, cloud.url);
  const back = operation.isCallback ? await goAndPick(auth, crypto.randomUUID(), 'member', there) : undefined;
  const code = name === 'exchange' ? (await pick(there(client.getLoginUrl({ redirectUri: REDIRECT, state: crypto.randomUUID() })), 'member')).code : '';
  const before = await times();
  await begin();
  const work = operation.run({ cloud, url, auth, client, member, session, back, code, source });
  let said: unknown;
  const end = await ended(cloud, halts, work).catch((error: { status?: number }): End => {
    said = error;
    // A damaged status that says nothing, as 300, is an error of its own.
    const { status } = error;
    return status !== undefined && (status < 400 || status >= 500) ? 'unavailable' : 'rejected';
  });
  expect(await times(), `${what}: ${end} ${inspect(said)}`).toBeGreaterThan(before);
  await mend();
  expect(whole, `${what}: ${inspect(said)}`).toContain(end);
  if (operation.isCallback && end !== 'good') expect(seen.map(({ type }) => type), what).toContain('sign_in_failed');
  // The same session is good, and another person is that person.
  if (!operation.endsSession) expect((await serve(auth, member.cookie)).id, what).toBe('usr_mei');
  if (operation.isProgram) {
    const token = await again(() => (name === 'programRefresh' ? source.refreshed(member.token) : source.token()));
    expect(JSON.parse(readFileSync(file, 'utf8')), what).toHaveProperty('token', token);
  }
  expect((await serve(auth, (await cloud.signIn('viewer')).cookie)).id, what).toBe('usr_victor');
  const told = inspect([said, seen], { depth: 12, showHidden: true });
  for (const secret of [member.token, member.refreshToken, session, code, back?.code, back?.cookies, 'eyJ', '@example.com']) {
    if (secret) expect(told.includes(secret.slice(-24)), `${what}: ${told}`).toBe(false);
  }
  await auth.close();
  return end;
}

const start = (dialect: Dialect) => startLocalCloud({ binary: BINARY, dialect, ...(dialect === 'platform' && { platform: { rotationLeeway: 600 } }) });

/** How all runs ended, by what broke. */
const ENDS = new Map<string, Map<End, number>>();

function count(kind: string, end: End): void {
  const ends = ENDS.get(kind) ?? new Map<End, number>();
  ENDS.set(kind, ends.set(end, (ends.get(end) ?? 0) + 1));
}

afterAll(() => {
  if (!RECORD) return;
  const ends = ['good', 'unavailable'] as const;
  const rows = [...ENDS].toSorted().map(([kind, of]) => [kind, ...ends.map(end => `${of.get(end) ?? 0}`)]);
  const total = [...ENDS.values()].flatMap(of => [...of.values()]).reduce((sum, some) => sum + some, 0);
  writeFileSync(RECORD, JSON.stringify({ tables: [{ title: `In Node, in ${total} runs:`, columns: ['fault', ...ends], rows }] }));
});

for (const [dialect, operations] of Object.entries(OPERATIONS) as [Dialect, Record<string, Operation>][]) {
  for (const [over, stride] of Object.entries(STRIDES)) {
    test(`threat_073_no_byte_at_which_an_answer_breaks_signs_anyone_out (${dialect}, ${over})`, async () => {
      await using cloud = await start(dialect);
      await using front = over === 'TLS' ? await Front.start(cloud.url) : undefined;
      let number = 0;
      for (const [name, operation] of Object.entries(operations)) {
        for (const { name: place, at, fault, halts } of RUNS) {
          number += 1;
          if (number % stride !== 0) continue;
          const isLost = ['hold', 'cut', 'reset'].includes(String(fault));
          // A newer session arrives with the headers.
          const mayBeRefreshed = dialect === 'platform' && name === 'refresh' && 'body' in at;
          const kind = halts === 'for a moment' ? 'delay' : typeof fault === 'object' ? 'corrupt' : fault;
          const end = await check({ cloud, url: front?.url ?? cloud.url, dialect, name, operation }, {
            what: `${dialect} ${over} ${name} ${place} ${JSON.stringify(fault)} ${halts}`,
            halts,
            whole: fault === 'repeat' || halts === 'for a moment' ? ['good'] : isLost && !mayBeRefreshed ? ['unavailable'] : ['good', 'unavailable'],
            begin: () => cloud.faults.set({ kind: 'wire', at, fault, endpoint: operation.at }),
            struck: () => struck(cloud),
            end: () => cloud.faults.clear(),
          });
          count(`${over}: ${'request' in at ? 'request: ' : ''}${kind}`, end);
        }
      }
      expect(number / stride).toBeGreaterThan(over === 'TLS' ? 20 : 110);
    }, HOUR);
  }

  test(`threat_073_no_certificate_that_is_wrong_signs_anyone_out (${dialect})`, async () => {
    await using cloud = await start(dialect);
    await using front = await Front.start(cloud.url);
    for (const [name, operation] of Object.entries(operations)) {
      for (const certificate of WRONG) {
        const end = await check({ cloud, url: front.url, dialect, name, operation }, {
          what: `${dialect} ${name}: a certificate that is ${certificate}`,
          halts: undefined,
          whole: ['unavailable'],
          begin: () => front.present(certificate),
          struck: () => Promise.resolve(front.wrong),
          end: () => front.present('good'),
        });
        count(`TLS: a certificate that is ${certificate}`, end);
      }
    }
  });
}
