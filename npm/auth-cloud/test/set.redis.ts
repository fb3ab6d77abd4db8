/** The set that a real Redis keeps: how much of it is read, how long it is kept, and what follows where it is gone. */

import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { redisChannel } from '../dist/esm/revocation/redis.js';
import { RedisServer } from './redis-server.js';
import { until } from './world.js';

const REALM = '0'.repeat(32);
const NAME = `mastra-auth:revocations:${REALM}`;
const HOUR = 3_600_000;

let redis: RedisServer;
let client: ReturnType<typeof createClient>;
beforeAll(async () => {
  redis = await RedisServer.start();
  client = createClient({ url: redis.url });
  await client.connect();
});
beforeEach(() => client.flushAll());
afterAll(async () => {
  client.destroy();
  await redis.kill();
});

/** What an instance reads when it joins, part by part. */
async function joined(most: number): Promise<{ parts: number; texts: string[]; leftOut: number | undefined }> {
  const parts: (readonly string[])[] = [];
  const told = (texts: readonly string[]) => void parts.push(texts);
  const { standing, leftOut, close } = await redisChannel(redis.url).subscribe(told, () => undefined, REALM, most);
  await close();
  return { parts: parts.length, texts: [...parts, standing].flat(), leftOut };
}

test('what is kept is read to its end in pages', async () => {
  const hour = Date.now() + HOUR;
  // More than two pages end in the same millisecond, and some before and after.
  const score = (n: number) => (n < 1500 ? hour - n - 1 : n < 6500 ? hour : hour + n);
  const members = Array.from({ length: 7000 }, (_, n) => ({ score: score(n), value: `s${n}` }));
  await client.zAdd(NAME, [...members, { score: Date.now() - 1000, value: 'over' }]);
  const { parts, texts, leftOut } = await joined(200_000);
  expect([parts, texts.length, new Set(texts).size, leftOut]).toEqual([3, 7000, 7000, 0]);
  expect(texts).not.toContain('over');
});

test('threat_080_a_set_larger_than_can_be_known_is_read_in_part_and_that_is_told', async () => {
  await client.zAdd(
    NAME,
    Array.from({ length: 7000 }, (_, n) => ({ score: Date.now() + HOUR + n, value: `s${n}` })),
  );
  const { texts, leftOut } = await joined(5000);
  expect([texts.length, new Set(texts).size, leftOut]).toEqual([5000, 5000, 2000]);
  // What ends soonest is what is not known.
  expect([texts.includes('s1999'), texts.includes('s2000'), texts.includes('s6999')]).toEqual([false, true, true]);
});

test('threat_085_a_clock_that_is_ahead_takes_away_nothing_that_stands', async () => {
  // To a clock that is almost a day ahead, what ends in an hour is over.
  await client.zAdd(NAME, [
    { score: Date.now() - 23 * HOUR, value: 'kept' },
    { score: Date.now() - 25 * HOUR, value: 'gone' },
  ]);
  await redisChannel(redis.url).publish([{ text: 'next', until: Date.now() + HOUR, kept: true }], REALM);
  expect(await client.zRange(NAME, 0, -1)).toEqual(['kept', 'next']);
  expect((await joined(200_000)).texts).toEqual(['next']);
});

test('threat_031_a_redis_that_was_emptied_is_noticed_once', async () => {
  const channel = redisChannel(redis.url);
  const message = (text: string) => ({ text, until: Date.now() + HOUR, kept: true });
  await channel.publish([message('before')], REALM);
  let lost = 0;
  const join = () => channel.subscribe(() => undefined, () => (lost += 1), REALM, 100);
  const first = await join();
  await client.flushAll();
  // It keeps something again, and not what it kept.
  await channel.publish([message('since')], REALM);
  await until(() => lost > 0);
  await first.close();
  const again = await join();
  lost = 0;
  await new Promise(resolve => setTimeout(resolve, 6500));
  expect(lost).toBe(0);
  await again.close();
});

test('threat_031_a_set_that_redis_gave_up_for_want_of_memory_is_noticed', async () => {
  const channel = redisChannel(redis.url);
  await channel.publish([{ text: 'before', until: Date.now() + HOUR, kept: true }], REALM);
  let lost = 0;
  const { close } = await channel.subscribe(() => undefined, () => (lost += 1), REALM, 100);
  // Only one key is abandoned.
  await client.del(NAME);
  await until(() => lost > 0);
  await close();
});

test('threat_085_what_a_clock_takes_away_that_is_days_ahead_is_noticed', async () => {
  const channel = redisChannel(redis.url);
  await channel.publish([{ text: 'before', until: Date.now() + HOUR, kept: true }], REALM);
  let lost = 0;
  const { close } = await channel.subscribe(() => undefined, () => (lost += 1), REALM, 100);
  // What such a one does with its next write.
  await client.zRemRangeByScore(NAME, '-inf', Date.now() + 2 * HOUR);
  await until(() => lost > 0);
  await close();
});
