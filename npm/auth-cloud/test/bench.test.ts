import { expect, test } from 'vitest';

import { contest } from '../bench/runtimes/contest.mjs';

/** The figures say nothing: the script is only kept from rotting. */
test('the bench of the runtimes runs', async () => {
  const { known, unseen } = await contest({ rounds: 1, tokens: 64, turn: 0 });
  expect(Object.keys(known)).toEqual(['ours', 'fast-jwt, cache', 'fast-jwt, cache, cookie']);
  expect(Object.keys(unseen)).toEqual(['HS256', 'RS256', 'ES256', 'EdDSA']);
});
