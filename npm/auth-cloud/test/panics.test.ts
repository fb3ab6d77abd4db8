/** A panic in every export of the addon, which is built for that when it is tested. */

import { expect, test } from 'vitest';

import { run } from '../scripts/soak/panics.mjs';

test('threat_086_a_panic_is_thrown_and_the_process_lives', async () => {
  expect(await run(1)).toMatch(/every one thrown as internal/);
});
