/** A short form of the long run over worker threads. */

import { expect, test } from 'vitest';

import { run } from '../scripts/soak/workers.mjs';

test('workers load and unload the addon', async () => {
  expect(await run(100)).toMatch(/^workers: 100 loads/);
}, 60_000);
