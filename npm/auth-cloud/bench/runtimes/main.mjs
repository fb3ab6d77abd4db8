// In Node, Bun and Deno: one line of JSON asks, one answers.

import { run } from './run.mjs';

console.log(JSON.stringify(await run(JSON.parse(globalThis.process.argv[2]))));
