// A short form of `cargo xtask soak differential-web`: no browser leaves, no reader differs but where a list says why.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SHORT, differential } from './differential.mjs';

test('return paths, cookies and answers are read as a browser and other readers read them', async () => {
  const [home, ...others] = await differential(SHORT);
  assert.deepEqual(home.rows.map((row) => row.at(-1)), [0, 0]);
  assert.equal(others.length, 3);
});
