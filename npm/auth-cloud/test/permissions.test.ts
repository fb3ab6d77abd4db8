/** A short form of the comparison with the host's own permission matching. */

import { expect, test } from 'vitest';

import { run } from '../scripts/soak/permissions.mjs';

test('permissions match as in the host, but for what is denied with a reason', async () => {
  expect(await run(20_000)).toMatch(/no difference but/);
});
