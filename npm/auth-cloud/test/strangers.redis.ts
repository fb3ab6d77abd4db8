/**
 * What another writer in the same Redis can do to the set and the channel: neither keep an instance from joining, nor fill its memory.
 * And which rights our Redis user needs, so that others can be denied them.
 */

import { readFile } from 'node:fs/promises';

import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { redisChannel } from '../dist/esm/revocation/redis.js';
import { RedisServer } from './redis-server.js';
import { slowWay } from './redis-slow.js';
import { until } from './world.js';

const REALM = '0'.repeat(32);
const NAME = `mastra-auth:revocations:${REALM}`;
const HOUR = 3_600_000;

let redis: RedisServer;
let stranger: ReturnType<typeof createClient>;
beforeAll(async () => {
  redis = await RedisServer.start();
  stranger = createClient({ url: redis.url });
  await stranger.connect();
});
beforeEach(() => stranger.flushAll());
afterAll(async () => {
  stranger.destroy();
  await redis.kill();
});

/** Joins, and tells what comes. */
async function joined(url: string): Promise<{ texts: string[]; lost: () => number; close: () => Promise<void> | void }> {
  const texts: string[] = [];
  let lost = 0;
  const told = (some: readonly string[]) => void texts.push(...some);
  const { standing, close } = await redisChannel(url).subscribe(told, () => (lost += 1), REALM, 200_000);
  texts.push(...standing);
  return { texts, lost: () => lost, close };
}

test('threat_080_a_member_that_is_no_text_keeps_nobody_from_joining', async () => {
  await stranger.zAdd(NAME, [
    { score: Infinity, value: Buffer.from([0xff, 0xfe]) },
    { score: Infinity, value: 'x'.repeat(5000) },
    { score: Date.now() + HOUR, value: 'good' },
  ]);
  const { texts, close } = await joined(redis.url);
  expect([texts.length, texts[1], texts[2]]).toEqual([3, '', 'good']);
  await stranger.publish(NAME, 'x'.repeat(20_000));
  await until(() => texts.length > 3);
  // Told as one that cannot be read, and not held.
  expect(texts[3]).toBe('');
  await close();
});

test('threat_080_members_too_long_for_a_page_keep_nobody_from_joining', async () => {
  const auth = (url: string) =>
    new MastraCloudAuth({ projectId: 'demo', baseUrl: 'http://127.0.0.1:9', revocations: { redis: url } });
  const connected = (one: MastraCloudAuth) =>
    until(() => one.revocationStatus()?.connected);
  const first = auth(redis.url);
  await connected(first);
  const [name] = await stranger.keys('*');
  const long = Array.from({ length: 100 }, (_, n) => ({ score: Infinity, value: `${n} ${'x'.repeat(20_000)}` }));
  // The last takes longer than a command may, alone.
  await stranger.zAdd(name!, [...long, { score: Date.now() + HOUR, value: 'y'.repeat(2_000_000) }]);
  first.endUser('usr_mei');
  await until(() => first.revocationStatus()?.pending === 0);
  const way = await slowWay(redis, 1_000_000);
  const late = auth(way.url);
  await connected(late);
  // More where the instance had to join again: what it reads then counts again.
  const { received, unreadable } = late.revocationStatus()!;
  expect(received).toBeGreaterThanOrEqual(1);
  expect(unreadable).toBeGreaterThanOrEqual(101);
  await Promise.all([first.close(), late.close()]);
  way.close();
});

test('threat_031_the_user_that_the_guide_makes_may_do_what_is_needed', async () => {
  const guide = await readFile(new URL('../../../docs/guide/revocations.md', import.meta.url), 'utf8');
  const line = guide.split('\n').find(text => text.startsWith('ACL SETUSER '));
  await stranger.sendCommand(line!.split(' '));
  const url = redis.url.replace('redis://', 'redis://sign-outs:PASSWORD@');
  const { texts, lost, close } = await joined(url);
  await redisChannel(url).publish([{ text: 'news', until: Date.now() + HOUR, kept: true }], REALM);
  // Long enough that it looks whether what was kept is there.
  await new Promise(resolve => setTimeout(resolve, 6500));
  expect([texts, lost()]).toEqual([['news'], 0]);
  await close();
});
