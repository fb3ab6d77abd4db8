// `cargo xtask bench node`: one table for who is known already, and one per algorithm for tokens that nobody has seen before.
// `--json` prints the same as JSON. `server.mjs` belongs to `cargo xtask bench http`.

import { begin, print } from './report.mjs';
import { uncached } from './uncached.mjs';
import { warm } from './warm.mjs';

const machine = begin();
print(machine, [await warm(), ...(await uncached())]);
