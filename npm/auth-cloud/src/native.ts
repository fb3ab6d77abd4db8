/** Loads the addon. No other file of the package imports it. */

import addon from './addon.cjs';
import type { Native } from './addon-types.js';
import { notLoaded } from './not-loaded.js';
import type { Failure } from './not-loaded.js';

export type * from './addon-types.js';

function loaded(): Native {
  const made = addon as Native | { readonly failures: readonly Failure[] };
  if ('failures' in made) throw notLoaded(made.failures);
  return made;
}

export const native: Native = loaded();
