/** What ends on one instance ends on the other, over a channel of one's own that can fall and forget. */


import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { native } from '../dist/esm/native.js';
import type { CloudAuthEvent, MastraCloudAuthOptions, RevocationChannel, RevocationMessage } from '../dist/esm/index.js';
import { comeBack, goAndPick, issue, pair, request, signIn, startCloud, until } from './world.js';
import type { Cloud } from './world.js';

const addon = native as unknown as { injectPanic: (name: string) => void };

/** What all instances reach. */
class Board {
  readonly kept = new Map<string, number>();
  readonly told: string[] = [];
  readonly #listening = new Set<{ told: (texts: string[]) => void; lost: () => void }>();
  isDown = false;
  leftOut = 0;
  /** The deployment's, once an instance joined. */
  realm = '';

  /** One instance's way to it. */
  readonly channel: RevocationChannel = {
    publish: async (messages: readonly RevocationMessage[]) => {
      if (this.isDown) throw new Error('down');
      for (const { text, until, kept } of messages) this.tell(text, until, kept);
    },
    subscribe: async (told, lost, realm) => {
      this.realm = realm;
      if (this.isDown) throw new Error('down');
      const listener = { told, lost };
      this.#listening.add(listener);
      // A part of it before the rest.
      const [first, ...standing] = this.kept.keys();
      if (first !== undefined) told([first]);
      return { standing, leftOut: this.leftOut, close: () => void this.#listening.delete(listener) };
    },
  };

  tell(text: string, until = Infinity, kept = true): void {
    this.told.push(text);
    if (kept) this.kept.set(text, until);
    for (const { told } of this.#listening) told([text]);
  }

  /** Tells what another instance ended, for an hour. */
  end(kind: 'session' | 'user', id: string, at = Date.now()): void {
    this.tell(`1 ${this.realm} ${kind} ${at} ${at + 3_600_000} ${id}`);
  }

  /** Of what is kept, how many say so. */
  count(kind: 'token' | 'session' | 'user'): number {
    return [...this.kept.keys()].filter(text => text.split(' ')[2] === kind).length;
  }

  /** Disconnects, and loses all entries. */
  fall(): void {
    this.isDown = true;
    this.kept.clear();
    for (const { lost } of this.#listening) lost();
  }
}

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud('v1');
});
afterAll(() => cloud.stop());
afterEach(() => void vi.useRealTimers());

const instance = (revocations: RevocationChannel, events: CloudAuthEvent[] = [], more: MastraCloudAuthOptions = {}) =>
  new MastraCloudAuth({
    projectId: 'demo',
    baseUrl: cloud.url,
    cache: { fresh: 3600 },
    revocations,
    onEvent: event => events.push(event),
    ...more,
  });

/** What the log says of the connection, without the detail. */
const linksOf = (events: CloudAuthEvent[]) =>
  events.map(({ type }) => type).filter(type => ['revocations_connected', 'revocations_disconnected'].includes(type));

const isIn = async (auth: MastraCloudAuth, token: string) => (await auth.authenticateToken(token, request({}))) !== null;

/** What a token says of itself. */
function claims(token: string): { sid: string; iat: number; exp: number } {
  const [, payload] = token.split('.');
  return JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as { sid: string; iat: number; exp: number };
}

test('threat_031_what_ends_on_one_instance_ends_on_the_other_and_nothing_else_does', async () => {
  const board = new Board();
  const [sent, heard]: [CloudAuthEvent[], CloudAuthEvent[]] = [[], []];
  const [here, there] = [instance(board.channel, sent), instance(board.channel, heard)];
  const mine = (await signIn(here, 'member')).user;
  const other = (await signIn(here, 'viewer')).user;
  for (const { sessionToken } of [mine, other]) {
    expect([await isIn(here, sessionToken), await isIn(there, sessionToken)]).toEqual([true, true]);
  }
  const ending = here.destroySession(mine.sessionToken);
  expect(await isIn(here, mine.sessionToken)).toBe(false);
  await until(async () => !(await isIn(there, mine.sessionToken)));
  await ending;
  expect(await isIn(there, other.sessionToken)).toBe(true);
  expect([...board.kept.keys()].join()).not.toContain(mine.sessionToken);
  here.endUser(other.id);
  expect(await isIn(here, other.sessionToken)).toBe(false);
  await until(async () => !(await isIn(there, other.sessionToken)));
  const told = there.revocationStatus();
  expect(told).toMatchObject({ connected: true, received: 3, unreadable: 0, pending: 0, lost: 0 });
  expect(told?.lag).toBeLessThan(60);
  expect(there.statistics().revocations?.lag).toBe(told?.lag);
  const published = sent.filter(({ type }) => type === 'revocations_published').map(({ count }) => count ?? 0);
  const received = heard.filter(({ type }) => type === 'revocations_received');
  expect(published.reduce((sum, count) => sum + count)).toBe(3);
  expect(received.reduce((sum, event) => sum + (event.new ?? 0), 0)).toBe(3);
  expect(received.at(-1)?.lagSeconds).toBe(told?.lag);
  await Promise.all([here.close(), there.close()]);
});

test('a callback that was used on one instance is used on the other', async () => {
  const board = new Board();
  const events: CloudAuthEvent[] = [];
  const [here, there] = [instance(board.channel, events), instance(board.channel, events)];
  await until(() => here.revocationStatus()?.connected && there.revocationStatus()?.connected);
  const mine = await goAndPick(here, crypto.randomUUID(), 'member');
  const { cookies } = await comeBack(here, mine);
  await until(() => board.told.some(text => text.split(' ')[2] === 'spent'));
  expect(board.kept.size).toBe(0);
  // The browser still has the cookie that it began with: nothing else stands in the way.
  await expect(comeBack(there, mine)).rejects.toMatchObject({ code: 'callback_replayed' });
  const again = await comeBack(there, { ...mine, cookies: `${mine.cookies}; ${pair(cookies?.at(-1) ?? '')}` });
  expect(again.user.roles).toEqual(['member']);
  expect(events.filter(({ operation }) => operation === 'exchange_code')).toHaveLength(1);
  expect(board.told.join()).not.toContain(mine.state);
  for (const auth of [here, there]) {
    expect(auth.revocationStatus()).toMatchObject({ pending: 0, sent: 0, received: 0, unreadable: 0 });
  }
  await Promise.all([here.close(), there.close()]);
});

test('threat_031_a_channel_that_falls_and_forgets_loses_nothing', async () => {
  const board = new Board();
  const events: CloudAuthEvent[] = [];
  const [here, there] = [instance(board.channel, events), instance(board.channel)];
  const tokens: string[] = [];
  for (let n = 0; n < 4; n++) tokens.push((await signIn(here, 'member')).user.sessionToken);
  for (const token of tokens) expect(await isIn(there, token)).toBe(true);
  const [before, between, elsewhere, bystander] = tokens as [string, string, string, string];
  await here.destroySession(before);
  board.fall();
  await here.destroySession(between);
  await there.destroySession(elsewhere);
  expect(here.revocationStatus()).toMatchObject({ connected: false, lost: 1 });
  expect(here.revocationStatus()?.pending).toBeGreaterThan(0);
  expect(await isIn(there, between)).toBe(true);
  board.isDown = false;
  const late = instance(board.channel);
  for (const auth of [here, there, late]) {
    for (const token of [before, between, elsewhere]) {
      await until(async () => !(await isIn(auth, token)));
    }
    expect(await isIn(auth, bystander)).toBe(true);
  }
  await until(() => board.kept.size >= 6);
  expect(linksOf(events)).toEqual(['revocations_connected', 'revocations_disconnected', 'revocations_connected']);
});

test('a channel that is not reached at the start is told once, and so is that it is there', async () => {
  const board = new Board();
  board.isDown = true;
  const [events, warned, informed]: [CloudAuthEvent[], string[], string[]] = [[], [], []];
  let tries = 0;
  const channel: RevocationChannel = {
    publish: messages => board.channel.publish(messages, board.realm),
    subscribe: (...given) => ((tries += 1), board.channel.subscribe(...given)),
  };
  const logger = { debug() {}, info: (text: string) => informed.push(text), warn: (text: string) => warned.push(text) };
  const here = instance(channel, events, { logger });
  const since = here.revocationStatus()?.since;
  const told = () => linksOf(events);
  await until(() => tries >= 4);
  expect(told()).toEqual(['revocations_disconnected']);
  expect(warned).toEqual(['mastra cloud auth: revocations_disconnected']);
  expect(here.revocationStatus()).toMatchObject({ connected: false, since, lost: 0 });
  // What cannot be told either is no second loss.
  here.endUser('usr_mei');
  await until(() => tries >= 6);
  expect(told()).toEqual(['revocations_disconnected']);
  board.isDown = false;
  await until(() => here.revocationStatus()?.connected && here.revocationStatus()?.pending === 0);
  expect(told()).toEqual(['revocations_disconnected', 'revocations_connected']);
  expect(informed).toContain('mastra cloud auth: revocations_connected');
  board.fall();
  const before = tries;
  await until(() => tries >= before + 3);
  expect(told()).toEqual(['revocations_disconnected', 'revocations_connected', 'revocations_disconnected']);
  expect(here.revocationStatus()).toMatchObject({ connected: false, lost: 1 });
  await here.close();
});

test('what is told before the channel is joined says nothing about joining it', async () => {
  const board = new Board();
  const events: CloudAuthEvent[] = [];
  const joining = Promise.withResolvers<void>();
  let isBroken = true;
  const channel: RevocationChannel = {
    publish: (messages, realm) => board.channel.publish(messages, realm),
    subscribe: async (...given) => {
      await joining.promise;
      if (isBroken) throw new Error('down');
      return board.channel.subscribe(...given);
    },
  };
  const here = instance(channel, events);
  here.endUser('usr_mei');
  await until(() => here.revocationStatus()?.sent === 1);
  const told = () => linksOf(events);
  expect(told()).toEqual([]);
  joining.resolve();
  await until(() => told().length > 0);
  expect(told()).toEqual(['revocations_disconnected']);
  isBroken = false;
  await until(() => here.revocationStatus()?.connected);
  expect(told()).toEqual(['revocations_disconnected', 'revocations_connected']);
  await here.close();
});

test('a channel that is left before it was reached is not told as lost', async () => {
  const events: CloudAuthEvent[] = [];
  const here = instance({ publish: async () => {}, subscribe: () => new Promise(() => {}) }, events);
  await here.close();
  expect(events.map(({ type }) => type)).not.toContain('revocations_disconnected');
});

test('threat_086_a_panic_in_the_worker_stops_neither_publishing_nor_receiving', async () => {
  const board = new Board();
  const events: CloudAuthEvent[] = [];
  const here = instance(board.channel, events);
  await until(() => here.revocationStatus()?.connected);
  const broken = () => events.filter(({ type }) => type === 'background_failed').length;
  addon.injectPanic('ChannelWorker::next_batch');
  here.endSession('ses_1');
  await until(() => broken() === 1);
  here.endSession('ses_2');
  await until(() => board.count('session') === 2);
  addon.injectPanic('ChannelWorker::received');
  board.end('session', 'ses_3');
  await until(() => broken() === 2);
  // It joins again, and reads what is stored.
  await until(() => (here.revocationStatus()?.received ?? 0) > 0);
  await here.close();
});

test('a Redis that is not reached at the start is told once', async () => {
  const events: CloudAuthEvent[] = [];
  const here = new MastraCloudAuth({
    projectId: 'demo',
    baseUrl: cloud.url,
    revocations: { redis: 'redis://127.0.0.1:1' },
    onEvent: event => events.push(event),
  });
  const told = () => linksOf(events);
  await until(() => told().length > 0);
  // Long enough for more tries; one that comes later would only be missed.
  await new Promise(resolve => setTimeout(resolve, 500));
  expect(told()).toEqual(['revocations_disconnected']);
  expect(here.revocationStatus()).toMatchObject({ connected: false, lost: 0 });
  await here.close();
});

test('threat_031_a_channel_that_is_lost_as_soon_as_it_is_joined_is_joined_after_longer_and_longer_pauses', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  // A number that leaves each wait as long as its base.
  vi.spyOn(Math, 'random').mockReturnValue(0.414543);
  try {
    const [joined, left]: [number[], number[]] = [[], []];
    let holds = 0;
    const channel: RevocationChannel = {
      publish: async () => {},
      subscribe: async (_told, lost) => {
        joined.push(performance.now());
        // Without a pause it would go on for ever.
        if (joined.length < 100) setTimeout(() => (left.push(performance.now()), lost()), holds);
        return { standing: [], close() {} };
      },
    };
    const here = instance(channel);
    await vi.advanceTimersByTimeAsync(6_000);
    const pauses = () => joined.slice(1).map((time, at) => Math.round(time - (left[at] ?? 0)));
    expect(pauses()).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000]);
    expect(here.revocationStatus()?.lost).toBe(10);
    // One that held is joined soon again.
    [holds, joined.length, left.length] = [2_000, 0, 0];
    await vi.advanceTimersByTimeAsync(8_000);
    expect(pauses()).toEqual([50, 50, 50]);
    await here.close();
  } finally {
    vi.useRealTimers();
    vi.restoreAllMocks();
  }
});

test('threat_020_an_operator_ends_one_session_by_its_id', async () => {
  const board = new Board();
  const [here, there] = [instance(board.channel), instance(board.channel)];
  const [one, two] = [(await signIn(here, 'owner')).user, (await signIn(here, 'owner')).user];
  expect([await isIn(there, one.sessionToken), await isIn(there, two.sessionToken)]).toEqual([true, true]);
  here.endSession(claims(one.sessionToken).sid);
  await until(async () => !(await isIn(there, one.sessionToken)));
  expect([await isIn(here, one.sessionToken), await isIn(here, two.sessionToken)]).toEqual([false, true]);
  expect(() => here.endSession('')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  expect(() => here.endUser(7 as unknown as string)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  await here.close();
  expect(here.revocationStatus(), 'to leave is not to lose').toMatchObject({ connected: false, lost: 0 });
});

test('threat_098_what_cannot_be_read_is_counted_and_ends_nothing', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const board = new Board();
  const events: CloudAuthEvent[] = [];
  const here = instance(board.channel, events);
  const { sessionToken } = (await signIn(here, 'admin')).user;
  await until(() => here.revocationStatus()?.connected);
  for (const text of ['', '2 of the future', 'x'.repeat(100_000), 7 as unknown as string]) board.tell(text);
  expect(here.revocationStatus()).toMatchObject({ unreadable: 4, received: 0 });
  // One warning at once; the next counts what came meanwhile.
  const warned = () => events.filter(({ type }) => type === 'revocations_unreadable').map(({ count }) => count);
  expect(warned()).toEqual([1]);
  vi.advanceTimersByTime(59_999);
  board.tell('');
  expect(warned()).toEqual([1]);
  vi.advanceTimersByTime(1);
  board.tell('');
  expect(warned()).toEqual([1, 5]);
  expect(await isIn(here, sessionToken)).toBe(true);
});

test('threat_080_what_a_channel_left_out_is_told', async () => {
  const board = new Board();
  const events: CloudAuthEvent[] = [];
  const first = instance(board.channel);
  for (const id of ['ses_1', 'ses_2', 'ses_3']) first.endSession(id);
  await first.close();
  board.leftOut = 7;
  const here = instance(board.channel, events);
  await until(() => here.revocationStatus()?.connected);
  expect(here.revocationStatus()).toMatchObject({ leftOut: 7, received: 3, pending: 0, sent: 0 });
  expect(events).toContainEqual({ type: 'revocations_truncated', count: 7 });
  expect(events).toContainEqual({ type: 'revocations_connected', stored: 3, new: 3, republished: 0 });
  await here.close();
});

test('close tells what is left, and everything else goes on', async () => {
  const board = new Board();
  const here = instance(board.channel);
  const { id, sessionToken } = (await signIn(here, 'admin')).user;
  here.endUser(id);
  await here.close();
  expect(board.kept.size).toBe(1);
  expect(await isIn(here, sessionToken)).toBe(false);
  expect(here.revocationStatus()).toMatchObject({ pending: 0, sent: 1 });
  await here.close();
  await new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url }).close();
});

test('an option that cannot be one is refused where the provider is made', () => {
  const refused = (revocations: unknown, words: string) =>
    expect(() => instance(revocations as RevocationChannel)).toThrow(
      expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining(words) }),
    );
  refused('redis://localhost', 'revocations must be');
  refused({}, 'publish and subscribe');
  refused({ publish() {} }, 'publish and subscribe');
  for (const url of ['localhost', 'http://user:hunter2@host', 7, undefined]) refused({ redis: url }, 'URL of Redis');
});

test('threat_065_whoever_holds_a_user_whose_session_ended_gets_no_permissions', async () => {
  const board = new Board();
  for (const roleMapping of [undefined, { member: ['agents:*'] }]) {
    const options = { projectId: 'demo', baseUrl: cloud.url, cache: { fresh: 3600 }, ...(roleMapping && { roleMapping }) };
    const here = new MastraCloudAuth({ ...options, revocations: board.channel });
    const there = new MastraCloudAuth({ ...options, revocations: board.channel });
    const [mine, other] = [(await signIn(here, 'member')).user, (await signIn(here, 'member')).user];
    const held = (await there.authenticateToken(mine.sessionToken, request({})))!;
    for (const auth of [here, there]) expect((await auth.getPermissions(held)).length).toBeGreaterThan(0);
    await here.destroySession(mine.sessionToken);
    for (const user of [mine, held, { ...mine, sessionToken: mine.sessionToken }]) {
      expect(await here.getPermissions(user)).toEqual([]);
      expect(await here.hasPermission(user, 'agents:read')).toBe(false);
    }
    await until(async () => (await there.getPermissions(held)).length === 0);
    expect((await here.getPermissions(other)).length).toBeGreaterThan(0);
    await Promise.all([here.close(), there.close()]);
  }
});

test('threat_031_a_burst_of_more_than_can_wait_is_told_whole', async () => {
  const board = new Board();
  const here = instance(board.channel);
  await until(() => here.revocationStatus()?.connected);
  // In one turn of the event loop, so no listener can receive any of it.
  for (let n = 0; n < 10_500; n++) here.endUser(`usr_${n}`);
  expect(here.revocationStatus()).toMatchObject({ connected: true, pending: 10_500, lost: 0 });
  await until(() => here.revocationStatus()?.pending === 0);
  expect(board.kept.size).toBe(10_500);
  expect(here.revocationStatus()).toMatchObject({ connected: true, lost: 0 });
  expect(here.revocationStatus()?.sent, 'once more, and not for ever').toBeLessThanOrEqual(21_001);
  await here.close();
});

test('threat_031_what_ends_because_of_what_was_heard_is_told_at_once', async () => {
  const board = new Board();
  const here = instance(board.channel);
  const ended = (await issue(cloud, 'member', { age: 60, lifetime: 59 })).split('=')[1]!;
  const newer = (await here.refreshSession(ended))!.id;
  expect(newer).not.toBe(ended);
  expect(board.kept.size).toBe(0);
  // Another instance ended the user before that: it saw no token that was issued later.
  board.end('user', 'usr_mei', claims(newer).iat * 1000 - 1);
  expect(await isIn(here, newer)).toBe(false);
  await until(() => here.revocationStatus()?.pending === 0);
  // And the token that it replaced.
  expect(board.count('token')).toBe(2);
  expect(here.revocationStatus()).toMatchObject({ connected: true, pending: 0, sent: 2 });
  await here.close();
});

test('threat_031_what_a_flow_ends_by_itself_is_told_at_once', async () => {
  const board = new Board();
  let ended: string | undefined;
  const here = instance(board.channel, [], {
    fetch: async (url, init) => {
      const answer = await fetch(url, init);
      // Another instance ends the session while the Cloud is asked whether it lives.
      if (ended !== undefined) board.end('session', ended);
      return answer;
    },
  });
  const { sessionToken } = (await signIn(here, 'member')).user;
  ended = claims(sessionToken).sid;
  expect(await here.refreshSession(sessionToken)).toBe(null);
  await until(() => board.count('token') === 1);
  await until(() => here.revocationStatus()?.pending === 0);
  await here.close();
});
