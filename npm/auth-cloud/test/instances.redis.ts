/** Sign-outs from instance to instance over a real Redis, in Node and between Node and Rust; also where Redis is killed. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { RedisServer } from './redis-server.js';
import { RustInstance } from './rust-instance.js';
import { PEOPLE, comeBack, goAndPick, request, signIn, startCloud, until } from './world.js';
import type { Cloud } from './world.js';

let cloud: Cloud;
let redis: RedisServer;
beforeAll(async () => {
  [cloud, redis] = await Promise.all([startCloud('v1'), RedisServer.start()]);
});
afterAll(async () => {
  await Promise.all([cloud.stop(), redis.kill()]);
});

const instance = () =>
  new MastraCloudAuth({
    projectId: 'demo',
    baseUrl: cloud.url,
    cache: { fresh: 3600 },
    revocations: { redis: redis.url },
  });

const connected = (auth: MastraCloudAuth, isSo = true) =>
  until(() => auth.revocationStatus()?.connected === isSo);

const isIn = async (auth: MastraCloudAuth, token: string) => (await auth.authenticateToken(token, request({}))) !== null;

const isOut = (auth: MastraCloudAuth, token: string) =>
  until(async () => !(await isIn(auth, token)));

test('threat_031_a_sign_out_is_known_to_three_others', async () => {
  const all = [instance(), instance(), instance(), instance()];
  for (const auth of all) await connected(auth);
  for (let turn = 0; turn < 60; turn++) {
    const here = all[turn % 4]!;
    const { sessionToken } = (await signIn(here, PEOPLE[turn % 4]!)).user;
    for (const auth of all) expect(await isIn(auth, sessionToken)).toBe(true);
    const ending = here.destroySession(sessionToken);
    expect(await isIn(here, sessionToken)).toBe(false);
    for (const auth of all) await isOut(auth, sessionToken);
    await ending;
  }
  for (const auth of all) await auth.close();
});

test('threat_031_an_instance_in_rust_and_one_in_node_end_each_others_sessions', async () => {
  const rust = new RustInstance(cloud.url, redis.url);
  const node = instance();
  expect(await rust.line()).toBe('ready');
  await connected(node);
  const people = [];
  for (const person of PEOPLE) people.push((await signIn(node, person)).user);
  for (const { id, sessionToken } of people) expect(await rust.ask(`verify ${sessionToken}`)).toBe(`user ${id}`);
  const [one, two, three, four] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0], (typeof people)[0]];
  const refused = 'rejected signed_out';
  const isRefusedInRust = (token: string) =>
    until(async () => (await rust.ask(`verify ${token}`)) === refused);

  await node.destroySession(one.sessionToken);
  await isRefusedInRust(one.sessionToken);
  expect(await rust.ask(`sign-out ${two.sessionToken}`)).toBe('ended');
  await isOut(node, two.sessionToken);
  node.endUser(three.id);
  await isRefusedInRust(three.sessionToken);
  expect(await rust.ask(`end-user ${four.id}`)).toBe('over');
  await isOut(node, four.sessionToken);
  // The other instance hears of a revocation before Redis answers the one that told it.
  await until(() => node.revocationStatus()?.pending === 0);
  expect(node.revocationStatus()).toMatchObject({ unreadable: 0 });
  rust.stop();
  await node.close();
});

test('threat_031_redis_killed_in_the_middle_loses_nothing_and_holds_nobody_up', async () => {
  const [here, there] = [instance(), instance()];
  for (const auth of [here, there]) await connected(auth);
  // A user who was revoked above can sign in again in the next second: a token's issue time is in whole seconds.
  await new Promise(resolve => setTimeout(resolve, 1100));
  const tokens: string[] = [];
  for (let n = 0; n < 4; n++) tokens.push((await signIn(here, 'member')).user.sessionToken);
  for (const token of tokens) expect(await isIn(there, token)).toBe(true);
  const [before, between, after, bystander] = tokens as [string, string, string, string];
  await here.destroySession(before);
  await isOut(there, before);
  await redis.kill();
  await there.destroySession(between);
  for (const auth of [here, there]) await connected(auth, false);
  expect(there.revocationStatus()?.pending).toBeGreaterThan(0);
  const begun = performance.now();
  for (let n = 0; n < 1000; n++) expect(await isIn(here, bystander)).toBe(true);
  expect(performance.now() - begun).toBeLessThan(1000);
  await redis.startAgain();
  await here.destroySession(after);
  const late = instance();
  await connected(late);
  // Asked before it was told, the Cloud would have refused them.
  await until(() => (late.revocationStatus()?.received ?? 0) >= 6);
  for (const auth of [here, there, late]) {
    for (const token of [before, between, after]) await isOut(auth, token);
    expect(await isIn(auth, bystander)).toBe(true);
    await auth.close();
  }
});

test('a used callback is known to another instance, and is not kept', async () => {
  const [here, there] = [instance(), instance()];
  for (const auth of [here, there]) await connected(auth);
  const mine = await goAndPick(here, crypto.randomUUID(), 'member');
  await comeBack(here, mine);
  // A code that cannot be one is refused later than a callback that was used.
  const tried = () => comeBack(there, { ...mine, code: '' }).then(() => '', (error: { code: string }) => error.code);
  await until(async () => (await tried()) === 'callback_replayed');
  const late = instance();
  await connected(late);
  await expect(comeBack(late, { ...mine, code: '' })).rejects.toMatchObject({ code: 'code_malformed' });
  for (const auth of [here, there, late]) await auth.close();
});

test('a Redis that died without a word is noticed', async () => {
  const [here, there] = [instance(), instance()];
  for (const auth of [here, there]) await connected(auth);
  const { sessionToken } = (await signIn(here, 'viewer')).user;
  expect(await isIn(there, sessionToken)).toBe(true);
  redis.signal('SIGSTOP');
  await here.destroySession(sessionToken);
  for (const auth of [here, there]) await connected(auth, false);
  redis.signal('SIGCONT');
  await isOut(there, sessionToken);
  for (const auth of [here, there]) await auth.close();
});

test('a process that has nothing else to do ends, and close tells first', async () => {
  const script = `
    import { MastraCloudAuth } from '${new URL('../dist/esm/index.js', import.meta.url).href}';
    const options = { projectId: 'demo', baseUrl: '${cloud.url}', revocations: { redis: '${redis.url}' } };
    const auth = new MastraCloudAuth(options);
    auth.endUser('usr_of_a_script');
    if (process.argv[1] === 'close') await auth.close();
  `;
  const watching = instance();
  await connected(watching);
  for (const how of ['leave', 'close']) {
    const begun = performance.now();
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, how], { stdio: 'inherit' });
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(performance.now() - begun).toBeLessThan(15_000);
  }
  await until(() => (watching.revocationStatus()?.received ?? 0) >= 1);
  await watching.close();
});
