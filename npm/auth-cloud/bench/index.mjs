// `cargo xtask bench node`: one table for cached sessions, and one per algorithm for unseen tokens, as one line of JSON.
// `server.mjs` belongs to `cargo xtask bench http`.

import { uncached } from './uncached.mjs';
import { warm } from './warm.mjs';

const tables = [await warm(), ...(await uncached())];
process.stdout.write(`${JSON.stringify({ bench: 'node', tables })}\n`);
