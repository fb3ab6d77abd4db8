/** How long something is waited for, and how long until it is tried again. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { TimedOut, IdleTimeout, withTimeout } from '../dist/esm/timeout.js';
import { exchange } from '../dist/esm/exchange.js';
import { Events } from '../dist/esm/events.js';
import type { CloudAuthEvent, RevocationChannel, RevocationSubscription } from '../dist/esm/index.js';
import { native } from '../dist/esm/native.js';
import type { NativeEngine } from '../dist/esm/native.js';
import { RevocationWorker } from '../dist/esm/revocation/worker.js';

// Not `setImmediate`: a time-out comes after what has arrived.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);

test('what does not come in time is late', async () => {
  const waiting = expect(withTimeout(1000, never)).rejects.toBeInstanceOf(TimedOut);
  await vi.advanceTimersByTimeAsync(1000);
  await waiting;
  expect(await withTimeout(1000, Promise.resolve(1))).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('threat_080_a_sign_of_it_renews_the_patience_and_the_lack_of_one_ends_it', async () => {
  const timeout = new IdleTimeout(1000);
  let isOver = false;
  const waiting = timeout.wait(never).catch(() => (isOver = true));
  for (let turn = 0; turn < 10; turn++) {
    await vi.advanceTimersByTimeAsync(900);
    timeout.restart();
  }
  // The time is over, and what has arrived is not read yet.
  vi.advanceTimersByTime(1000);
  timeout.restart();
  await vi.advanceTimersByTimeAsync(999);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await waiting;
  expect(isOver).toBe(true);
  timeout.restart();
  expect(vi.getTimerCount()).toBe(0);
});

/** What arrives while the event loop stands still, for longer than a time-out of a millisecond. */
async function arriving<T>(wait: (arrival: Promise<unknown>) => Promise<T>): Promise<T> {
  vi.useRealTimers();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const waiting = wait(once(server, 'connection'));
  // Another process connects, and this one waits for its end.
  const program = `const socket = require('net').connect(${port}, '127.0.0.1', () => socket.destroy())`;
  execFileSync(process.execPath, ['--eval', program]);
  return waiting.finally(() => server.close());
}

test('threat_031_what_came_while_the_event_loop_stood_still_is_in_time', async () => {
  expect(await arriving(arrival => withTimeout(1, arrival))).toHaveLength(1);
  const request = { url: 'https://cloud.example', method: 'GET' as const, headers: [], timeout: 1, maxResponseBytes: 9 };
  const answer = (arrival: Promise<unknown>) => arrival.then(() => new Response('{}'));
  expect(await arriving(arrival => exchange(request, () => answer(arrival)))).toMatchObject({ status: 200 });
});

function opened(): NativeEngine {
  const engine = native.open({ projectId: 'demo', production: false, development: false }, new Uint8Array(32));
  if ('failure' in engine) throw new Error(engine.failure);
  return engine;
}

test('a subscription that comes too late is closed, and what it gives is ignored', async () => {
  const late = Promise.withResolvers<RevocationSubscription>();
  const callbacks: ((texts: readonly string[]) => void)[] = [];
  const channel: RevocationChannel = {
    publish: async () => {},
    subscribe: async onTexts => (callbacks.push(onTexts) === 1 ? late.promise : { standing: [], close() {} }),
  };
  const events: CloudAuthEvent[] = [];
  const worker = new RevocationWorker(opened(), channel, new Events(() => undefined, event => events.push(event)));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(events).toEqual([{ type: 'revocations_disconnected', error: 'no answer in time' }]);
  await vi.advanceTimersByTimeAsync(100);
  expect(worker.status().connected).toBe(true);
  callbacks[0]?.(['']);
  let closed = 0;
  late.resolve({ standing: [''], close: () => void (closed += 1) });
  await vi.advanceTimersByTimeAsync(0);
  expect(closed).toBe(1);
  expect(worker.status()).toMatchObject({ connected: true, unreadable: 0, lost: 0 });
  await worker.close();
});

// Numbers that the core makes the least share and the whole of a wait of.
test.each([[0.001517, 0.5], [0.414543, 1]])('threat_031_a_publication_that_failed_is_repeated_after_a_jitter_of_%s', async (random, share) => {
  vi.spyOn(Math, 'random').mockReturnValue(random);
  let tries = 0;
  const engine = opened();
  const channel = {
    publish: async () => {
      tries += 1;
      throw new Error('down');
    },
    subscribe: async () => ({ standing: [], close() {} }),
  };
  const worker = new RevocationWorker(engine, channel, new Events(() => undefined, undefined));
  engine.endUser('usr_mei');
  worker.flush();
  await vi.advanceTimersByTimeAsync(0);
  expect(tries).toBe(1);
  // 50 and then 100 milliseconds, less by up to half.
  for (const [at, pause] of [50, 100].entries()) {
    await vi.advanceTimersByTimeAsync(pause * share - 1);
    expect(tries).toBe(at + 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(tries).toBe(at + 2);
  }
  const closing = worker.close();
  await vi.advanceTimersByTimeAsync(10_000);
  await closing;
  vi.restoreAllMocks();
});
