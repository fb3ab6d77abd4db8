// `cargo xtask bench node`: one table for cached sessions, and one per algorithm for unseen tokens.
// `--json` prints the same as JSON. `server.mjs` belongs to `cargo xtask bench http`.

import { begin, print } from './report.mjs';
import { uncached } from './uncached.mjs';
import { warm } from './warm.mjs';

const machine = begin();
print(machine, [await warm(), ...(await uncached())]);
