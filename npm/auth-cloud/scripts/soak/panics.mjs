// A panic in every export, many times over.

import { native } from '../../dist/esm/native.js';
import { panics } from '../panics.mjs';

export const run = (rounds = 100) => panics(native, rounds);
