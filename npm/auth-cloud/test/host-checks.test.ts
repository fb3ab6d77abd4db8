/** Signature checks that the core hands out, by WebCrypto. */

import { generateKeyPairSync, sign } from 'node:crypto';

import { afterEach, expect, test, vi } from 'vitest';

import { HostChecks } from '../dist/esm/host-checks.js';
import type { NativeStep } from '../dist/esm/native.js';
import { asking } from './asking.js';

const INPUT = new TextEncoder().encode('header.payload');
const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
type Algorithm = keyof typeof pairs;
const signed = (algorithm: Algorithm, input: Uint8Array = INPUT) =>
  new Uint8Array(sign(algorithm === 'EdDSA' ? null : 'sha256', input, { key: pairs[algorithm].privateKey, dsaEncoding: 'ieee-p1363' }));
const jwk = (algorithm: Algorithm, more = {}) => JSON.stringify({ ...pairs[algorithm].publicKey.export({ format: 'jwk' }), ...more });

afterEach(() => void vi.restoreAllMocks());

const VERDICTS = ['invalid', 'valid', 'bad_key', 'unchecked'];

/** What the core is told of one check after another, each with the key of its number. */
function checking() {
  const { engine, ask } = asking((check, verdict) => `${check} ${VERDICTS[verdict]}`);
  const host = new HostChecks(engine);
  return async (algorithm: Algorithm, jwk: string, signature: Uint8Array<ArrayBuffer>, key = 0) => {
    ask(7, key, { key: { algorithm, jwk }, input: INPUT, signature });
    const told: (NativeStep | string)[] = [];
    await Promise.all(host.start((check, found) => expect(told.push(found) && check).toBe(7)));
    return told.join();
  };
}

test('checks that were asked for together are each reported with their own number and result', async () => {
  const { engine, ask } = asking((check, verdict) => `${check} ${VERDICTS[verdict]}`);
  const algorithms = ['RS256', 'ES256', 'EdDSA'] as const;
  for (const [at, algorithm] of algorithms.entries()) {
    const input = new Uint8Array(3 * at + 1);
    const [right, wrong] = [signed(algorithm, input), signed(algorithm)];
    ask(2 * at, at, { key: { algorithm, jwk: jwk(algorithm) }, input, signature: right });
    ask(2 * at + 1, at, { key: { algorithm, jwk: jwk(algorithm) }, input, signature: wrong });
  }
  const told: string[] = [];
  await Promise.all(new HostChecks(engine).start((check, found) => void told.push(`${check}: ${String(found)}`)));
  expect(told.toSorted()).toEqual([0, 1, 2, 3, 4, 5].map(check => `${check}: ${check} ${check % 2 === 0 ? 'valid' : 'invalid'}`));
});

test.each(['RS256', 'ES256', 'EdDSA'] as const)('%s: a good signature is valid, any other is not, and the key is imported once', async algorithm => {
  const imported = vi.spyOn(crypto.subtle, 'importKey');
  const told = checking();
  expect(await told(algorithm, jwk(algorithm), signed(algorithm))).toBe('7 valid');
  expect(await told(algorithm, jwk(algorithm), signed(algorithm, new Uint8Array(5)))).toBe('7 invalid');
  expect(imported).toHaveBeenCalledOnce();
});

test.each([
  ['of another kind', 'RS256', jwk('ES256')],
  ['no point of its curve', 'EdDSA', jwk('EdDSA', { x: '' })],
] as const)('a key that is %s is reported', async (_, algorithm, key) => {
  expect(await checking()(algorithm, key, signed(algorithm))).toBe('7 bad_key');
});

test('a check that the runtime cannot make is no verdict on the signature', async () => {
  vi.spyOn(crypto.subtle, 'verify').mockRejectedValue(new Error('not supported'));
  expect(await checking()('EdDSA', jwk('EdDSA'), signed('EdDSA'))).toBe('7 unchecked');
});

test('keys that are not used any more are dropped', async () => {
  const imported = vi.spyOn(crypto.subtle, 'importKey');
  const told = checking();
  for (let at = 0; at <= 64; at += 1) await told('EdDSA', jwk('EdDSA'), signed('EdDSA'), at);
  await told('EdDSA', jwk('EdDSA'), signed('EdDSA'), 64);
  expect(imported).toHaveBeenCalledTimes(65);
  await told('EdDSA', jwk('EdDSA'), signed('EdDSA'), 0);
  expect(imported).toHaveBeenCalledTimes(66);
});

test.each([
  ['has no WebCrypto', new TypeError('Cannot read properties of undefined')],
  ['does not know the algorithm', new DOMException('Unrecognized name.', 'NotSupportedError')],
])('a runtime that %s says nothing of the key', async (_, error) => {
  vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(error);
  expect(await checking()('EdDSA', jwk('EdDSA'), signed('EdDSA'))).toBe('7 unchecked');
});
