/** A short form of the long run over worker threads. */

import { expect, test } from 'vitest';

import { run } from '../scripts/soak/workers.mjs';

test('workers load and unload the addon', async () => {
  expect(await run(110)).toMatch(/^workers: 110 loads/);
});
