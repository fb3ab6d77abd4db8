// Permission matching, compared with the host's own exported function: on every pair of its patterns, and on random ones.
//
// Every difference must belong to a class that is listed here with its reason.

import { PERMISSION_PATTERNS, matchesPermission } from '@mastra/core/auth/ee';

import { native } from '../../dist/esm/native.js';
import { generator } from '../random.mjs';

const hasOddParts = text => text.split(':').some(part => part === '' || /[\s\p{Cc}]/u.test(part));

/** Where the two differ, which way, and why. */
const DIFFERENCES = [
  ['granted', '`*:*` grants all, so also what is required as `*`; no route requires that', (grant, required) => grant === '*:*' && required === '*'],
  ['denied', 'a part is empty or holds white space: what its author meant is a guess', (grant, required) => hasOddParts(grant) || hasOddParts(required)],
  ['denied', 'there is no action: a bare resource grants nothing and is nothing to require', (grant, required) =>
    [grant, required].some(text => text !== '*' && !text.includes(':'))],
];

const WORDS = ['agents', 'tools', 'workflows', 'stored', 'stored-agents', 'stored-skills', 'auth', 'Agents', '*', '', 'a b', 'x'];
const ACTIONS = ['read', 'write', 'execute', 'delete', 'publish', '*', 'READ', '', 'create'];
const IDS = ['x', 'y', '*', '', 'X', 'read'];

function* pairs(random) {
  const patterns = Object.keys(PERMISSION_PATTERNS);
  for (const grant of patterns) for (const required of patterns) yield [grant, required];
  const next = generator(20260101);
  const pick = all => all[Math.floor(next() * all.length)];
  const text = () => {
    const parts = [WORDS, ACTIONS, IDS, IDS].slice(0, 1 + Math.floor(next() * 4)).map(pick);
    return parts.join(':');
  };
  for (let at = 0; at < random; at += 1) yield [text(), text()];
}

/** Compares every pair of patterns and `random` more; fails on a difference of no listed class. */
export async function run(random = 1_000_000) {
  const counts = DIFFERENCES.map(() => 0);
  let compared = 0;
  let granted = 0;
  for (const [grant, required] of pairs(random)) {
    const ours = native.permissionCovers(grant, required);
    const theirs = matchesPermission(grant, required);
    compared += 1;
    if (ours) granted += 1;
    if (ours === theirs) continue;
    const at = DIFFERENCES.findIndex(([way, , holds]) => (way === 'granted') === ours && holds(grant, required));
    if (at < 0) throw new Error(`${JSON.stringify(grant)} over ${JSON.stringify(required)}: ours ${ours}, the host's ${theirs}`);
    counts[at] += 1;
  }
  const classes = DIFFERENCES.map(([way, reason], at) => `  ${counts[at]} ${way} only here: ${reason}`);
  return [`permissions: ${compared} pairs, ${granted} granted, no difference but`, ...classes].join('\n');
}
