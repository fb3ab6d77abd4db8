/** Short forms of long runs: they count, and compare no times. */

import { expect, test } from 'vitest';

import { run as account } from '../scripts/soak/account-node.mjs';
import { run as deploy } from '../scripts/soak/deploy-node.mjs';
import { run as hostile } from '../scripts/soak/hostile-node.mjs';

test.concurrent('one broken account among a hundred costs nobody else a request', async () => {
  expect(await account(1, 2)).toMatch(/500: \d+ requests of others, 0 refused.*\n.*429: \d+ requests of others, 0 refused/);
}, 120_000);

test.concurrent('threat_035_a_deploy_behind_a_round_robin_signs_nobody_out', async () => {
  const told = await deploy({ sessions: 12, seconds: 10, token: 4, pause: 600, leeway: 0 });
  expect([...told.matchAll(/, (\d+) newer tokens, \d+ that ended at once, \d+ answers 503, 0 sign-outs/g)].map(([, count]) => Number(count) >= 12)).toEqual([true, true, true]);
}, 120_000);

test.concurrent('threat_096_what_is_of_a_hostile_size_is_refused', async () => {
  expect([...(await hostile(3, 1, 0.1)).matchAll(/: refused in/g)]).toHaveLength(5);
}, 120_000);
