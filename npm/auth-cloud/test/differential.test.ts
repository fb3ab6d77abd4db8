/**
 * Some thousand mutated tokens before the addon and before `jose`: none is accepted that `jose` refuses. The long run, with more
 * judges and signed mutations, is `cargo xtask soak differential`.
 */

import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { createLocalJWKSet, jwtVerify } from 'jose';
import type { JWTVerifyOptions } from 'jose';
import { expect, test } from 'vitest';

import { verifiedClaims } from './verified.js';

type Case = Record<string, any>;

/** Of each token that is accepted; each mutation is one of the same in every run. */
const MUTATIONS = 400;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Mulberry32: small, and seeded. */
function dice(seed: number): (end: number) => number {
  let state = seed;
  return end => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) % end;
  };
}

function mutated(token: string, below: (end: number) => number): string {
  const at = below(token.length);
  const digit = DIGITS.charAt(below(64));
  const parts = token.split('.');
  const which = below(3);
  const part = parts[which] ?? '';
  const withPart = (changed: string): string => parts.map((one, index) => (index === which ? changed : one)).join('.');
  switch (below(9)) {
    case 0:
      return token.slice(0, at) + digit + token.slice(at + 1);
    case 1:
      return token.slice(0, at) + token.slice(at + 1);
    case 2:
      return token.slice(0, at) + ['=', ' ', '\n', '.', '+', '/', digit, '\u00e9', '\0'][below(9)] + token.slice(at);
    case 3:
      return withPart(part + '='.repeat(1 + below(3)));
    case 4:
      return withPart(part.replaceAll('-', '+').replaceAll('_', '/'));
    case 5:
      // The last digit's unused bits.
      return withPart(part.slice(0, -1) + DIGITS.charAt(DIGITS.indexOf(part.slice(-1)) ^ (1 + below(3))));
    case 6: {
      const bytes = Buffer.from(part, 'base64url');
      const bit = below(bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return withPart(bytes.toString('base64url'));
    }
    case 7:
      return withPart(part.slice(0, below(part.length)));
    default:
      return [`${token}.`, `.${token}`, `${token}.${part}`, withPart(''), parts.toReversed().join('.'), token][below(6)] ?? token;
  }
}

/** Values that a claim may get, of every type. */
const VALUES = [
  'null', 'true', '7', '-1', '0', '1e400', '1769594400', '1769594370', '1769594371', '1769594430', '1769594431', '"1769599999"',
  '1769594431.5', '[]', '{}', '""', '"demo"', '["demo"]', '["x"]', '[7,"demo"]', '"https://cloud.example"', '"usr_1"',
];

/** Header or claims changed and signed again: what no edit from outside can reach. */
function signedAgain(one: Case, below: (end: number) => number): string {
  const parts = one['token'].split('.').slice(0, 2).map((part: string) => Buffer.from(part, 'base64url')) as Buffer[];
  const which = below(3) === 0 ? 0 : 1;
  let text = parts[which]?.toString() ?? '';
  const names = [...text.matchAll(/"(\w+)":/g)].map(found => found[1]);
  const name = names[below(names.length)] ?? '';
  const value = VALUES[below(VALUES.length)] ?? '';
  switch (below(4)) {
    case 0:
      text = text.replace(new RegExp(`"${name}":("[^"]*"|\\[[^\\]]*\\]|[^,}]*)`), `"${name}":${value}`);
      break;
    case 1:
      text = text.replace('{', `{"${name}":${value},`);
      break;
    case 2:
      text = text.replace(`"${name}"`, `"x${name}"`);
      break;
    default: {
      const at = below(text.length);
      text = text.slice(0, at) + String.fromCharCode(below(128)) + text.slice(at + below(2));
    }
  }
  parts[which] = Buffer.from(text);
  const input = parts.map(part => part.toString('base64url')).join('.');
  return `${input}.${createHmac('sha256', one['secret']).update(input).digest('base64url')}`;
}

/** What `jose` says with the same keys and rules. */
async function joseAccepts(one: Case, token: string): Promise<boolean> {
  const { audience, issuer, leeway = 30 } = one['rules'];
  const options: JWTVerifyOptions = { audience, requiredClaims: ['exp', 'sub'], clockTolerance: leeway, currentDate: new Date(one['now']) };
  const rest = issuer === undefined ? options : { ...options, issuer };
  try {
    if (one['keys'] === undefined) await jwtVerify(token, new TextEncoder().encode(one['secret']), { ...rest, algorithms: ['HS256'] });
    else await jwtVerify(token, createLocalJWKSet(one['keys']), { ...rest, algorithms: ['RS256', 'ES256', 'EdDSA'] });
    return true;
  } catch {
    return false;
  }
}

test('nothing is accepted that jose refuses', async () => {
  const text = readFileSync(new URL('../../../vectors/tokens.json', import.meta.url), 'utf8');
  const { cases } = JSON.parse(text) as { cases: Case[] };
  const below = dice(1);
  let judged = 0;
  let accepted = 0;
  for (const one of ['hs256', 'rs256', 'es256', 'eddsa'].map(name => cases.find(known => known['name'] === name))) {
    if (one === undefined) throw new Error('a vector is missing');
    for (let count = 0; count < MUTATIONS; count += 1) {
      const again = one['secret'] !== undefined && below(4) !== 0;
      const token = again ? signedAgain(one, below) : mutated(one['token'], below);
      const keys = one['keys'] && JSON.stringify(one['keys']);
      const { max_age: maxAge, ...rules } = one['rules'];
      const verdict = await verifiedClaims(token, keys, one['secret'], { maxAge, ...rules }, one['now']);
      judged += 1;
      if ('failure' in verdict) continue;
      accepted += 1;
      expect(await joseAccepts(one, token), `${one['name']}: ${token}`).toBe(true);
    }
  }
  expect(judged).toBe(4 * MUTATIONS);
  // A mutation that leaves the token as it is must be among them, or nothing was compared.
  expect(accepted).toBeGreaterThan(0);
});
