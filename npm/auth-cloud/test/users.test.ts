// The table of users that were made: whose they are, and how many it holds.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { expect, test, vi } from 'vitest';

import type { NativeUser } from '../src/native.js';
import { isOwn } from '../src/user.js';
import type { CloudUser } from '../src/user.js';
import { Users } from '../src/users.js';

const DAY = 86_400_000;

/** As the addon writes it: a number, and texts of which each comes after its length. */
function user(serial: number, id: string): NativeUser {
  const texts = [`tok_${id}`, id, '', undefined, undefined, undefined, undefined];
  return `${serial}:${texts.map(text => (text === undefined ? ':' : `${text.length}:${text}`)).join('')}`;
}

test('two identities without a number are two people', () => {
  const users = new Users(10, DAY, false);
  expect(users.of(user(0, 'usr_mei')).user.id).toBe('usr_mei');
  expect(users.of(user(0, 'usr_omar')).user.id).toBe('usr_omar');
  expect(users.get(0)).toBeUndefined();
});

test('one with a number is made once', () => {
  const users = new Users(10, DAY, false);
  const made = users.of(user(7, 'usr_mei'));
  expect(users.of(user(7, 'usr_mei'))).toBe(made);
  expect(users.get(7)).toBe(made);
  expect(users.get(8)).toBeUndefined();
});

test('a user made here is told from its copies, and from anything else', () => {
  const { user: made } = new Users(10, DAY, false).of(user(7, 'usr_mei'));
  expect(isOwn(made)).toBe(true);
  const others = [{ ...made }, structuredClone(made), Object.create(made), new Proxy(made, {}), null, undefined, 'usr_mei'];
  expect((others as CloudUser[]).filter(isOwn)).toEqual([]);
});

const kept = (users: Users, serials: number) => Array.from({ length: serials }, (_, serial) => users.get(serial)).filter(known => known !== undefined);

test('what is used stays, and of the rest the oldest goes', () => {
  const users = new Users(10, DAY, false);
  const used = users.of(user(1, 'usr_mei'));
  for (let serial = 2; serial < 100; serial += 1) {
    users.of(user(serial, `usr_${serial}`));
    expect(users.get(1)).toBe(used);
  }
  expect(kept(users, 100).map(({ user: { id } }) => id)).toEqual(['usr_mei', ...Array.from({ length: 9 }, (_, at) => `usr_${91 + at}`)]);
});

test('where all are used, the one that came first goes', () => {
  const users = new Users(3, DAY, false);
  for (const serial of [1, 2, 3]) users.of(user(serial, `usr_${serial}`));
  expect(kept(users, 4)).toHaveLength(3);
  users.of(user(4, 'usr_4'));
  expect([1, 2, 3, 4].map(serial => users.get(serial)?.user.id)).toEqual([undefined, 'usr_2', 'usr_3', 'usr_4']);
});

test('a large one takes the room of several, and one larger than all stays until the next', () => {
  const users = new Users(4, DAY, false);
  for (const serial of [1, 2, 3]) users.of(user(serial, `usr_${serial}`));
  users.of(user(4, 'u'.repeat(6 * 1024)));
  expect([1, 2, 3, 4].map(serial => users.get(serial) !== undefined)).toEqual([false, true, true, true]);
  users.of(user(5, 'u'.repeat(50 * 1024)));
  expect(kept(users, 6)).toEqual([users.get(5)]);
  users.of(user(6, 'usr_6'));
  expect(kept(users, 7)).toEqual([users.get(6)]);
});

test('what no request used in its lifetime goes with the next that comes', () => {
  vi.useFakeTimers();
  try {
    const users = new Users(10, 1000, false);
    for (const serial of [1, 2]) users.of(user(serial, `usr_${serial}`));
    users.get(2);
    vi.advanceTimersByTime(1001);
    users.of(user(3, 'usr_3'));
    const has = (...serials: number[]) => serials.map(serial => users.has(user(serial, `usr_${serial}`)));
    expect(has(1, 2, 3)).toEqual([false, true, true]);
    vi.advanceTimersByTime(1001);
    users.of(user(4, 'usr_4'));
    expect(has(2, 3, 4)).toEqual([false, false, true]);
  } finally {
    vi.useRealTimers();
  }
});

test('an id that outlives its user keeps neither the token nor the rest of it', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const [count, size] = [2000, 4096];
  const users = new Users(1, DAY, false);
  const idOf = (at: number) => users.of(`0:${size}:${String(at).repeat(size).slice(0, size)}${`20:usr_${String(at).padStart(16, '0')}`}0:::::`).user.id;
  collect();
  const before = process.memoryUsage().heapUsed;
  const ids = Array.from({ length: count }, (_, at) => idOf(at));
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan((count * size) / 4);
  expect(ids[7]).toBe('usr_0000000000000007');
});
