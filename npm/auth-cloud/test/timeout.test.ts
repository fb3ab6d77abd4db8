/** How long something is waited for, and how long until it is tried again. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Late, Patience, within } from '../dist/esm/timeout.js';
import { spread } from '../dist/esm/revocation/worker.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);

test('what does not come in time is late', async () => {
  const waiting = expect(within(1000, never)).rejects.toBeInstanceOf(Late);
  await vi.advanceTimersByTimeAsync(1000);
  await waiting;
  expect(await within(1000, Promise.resolve(1))).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('threat_080_a_sign_of_it_renews_the_patience_and_the_lack_of_one_ends_it', async () => {
  const patience = new Patience(1000);
  let isOver = false;
  const waiting = patience.wait(never).catch(() => (isOver = true));
  for (let turn = 0; turn < 10; turn++) {
    await vi.advanceTimersByTimeAsync(900);
    patience.renew();
  }
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1000);
  await waiting;
  expect(isOver).toBe(true);
  patience.renew();
  expect(vi.getTimerCount()).toBe(0);
});

test('threat_031_instances_that_lost_a_channel_at_once_do_not_join_it_at_once', () => {
  const waits = Array.from({ length: 1000 }, () => spread(1000));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500);
  expect(Math.max(...waits)).toBeLessThan(1500);
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(800);
});
