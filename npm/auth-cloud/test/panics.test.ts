/** A panic in every export of the addon, which is built for that when it is tested. */

import { expect, test } from 'vitest';

import { native } from '../dist/esm/native.js';
import { panics } from '../scripts/panics.mjs';

test('threat_086_a_panic_is_thrown_and_the_process_lives', () => {
  expect(panics(native, 1)).toMatch(/every one thrown as internal/);
});
