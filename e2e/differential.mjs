// Return paths, cookies and the Cloud's answers before a browser and other readers. `node differential.mjs` is the whole run, which
// prints its tables as JSON: `cargo xtask soak differential-web`. `differential.test.mjs` is a short one.
import { createRequire } from 'node:module';

import { cookies } from './differential/cookies.mjs';
import { envelopes } from './differential/envelopes.mjs';
import { paths } from './differential/paths.mjs';
import { withPython } from './differential/python.mjs';

const ADDON = process.env.ADDON ?? new URL('../npm/auth-cloud/native/addon.node', import.meta.url).pathname;
/** How many texts, headers and documents are generated, and how many cookies a browser is told to keep one by one. */
const WHOLE = { texts: 12_000, headers: 4000, documents: 4000, pages: 250 };
export const SHORT = { texts: 400, headers: 400, documents: 400, pages: 10 };

/** The tables of a run; fails at a difference that no list has. */
export async function differential({ texts, headers, documents, pages } = WHOLE) {
  const native = createRequire(import.meta.url)(ADDON);
  const [read, answered] = await withPython(async (python) => [await cookies(native, python, headers, pages), await envelopes(native, python, documents)]);
  const isWhole = texts >= WHOLE.texts;
  const rows = [read, answered].flatMap(({ differences }) => differences.rows({ isWhole }));
  const listed = { title: 'Where others differ from the core, as the lists in `e2e/differential` have it:', columns: ['reader', 'way', 'times', 'why'], rows };
  return [await paths(native, texts), ...read.tables, ...answered.tables, listed];
}

if (process.argv[1] === import.meta.filename) console.log(JSON.stringify({ tables: await differential() }));
