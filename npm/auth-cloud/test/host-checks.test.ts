/** Signature checks that the core hands out, by WebCrypto. */

import { generateKeyPairSync, sign } from 'node:crypto';

import { afterEach, expect, test, vi } from 'vitest';

import { HostChecks } from '../dist/esm/host-checks.js';
import type { NativeEngine, NativeHostSignature } from '../dist/esm/native.js';

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

/** What the core is told of one check after another. */
function checking() {
  const checks: { number: number; signature: NativeHostSignature }[] = [];
  const engine = { hostChecks: () => checks.splice(0), hostChecked: (number: number, verdict: string) => [`${number} ${verdict}`] };
  const host = new HostChecks(engine as unknown as NativeEngine);
  return (algorithm: Algorithm, key: string, signature: Uint8Array<ArrayBuffer>) => {
    checks.push({ number: 7, signature: { algorithm, key, input: INPUT, signature } });
    return host.start()[0]?.then(step => String(step));
  };
}

test('a user in place of a step is the result of the caller whose ticket is the number', async () => {
  const signature = { algorithm: 'EdDSA', key: jwk('EdDSA'), input: INPUT, signature: signed('EdDSA') };
  const engine = { hostChecks: () => [{ number: 7, signature }], hostChecked: () => '1:the user' };
  const [step] = await Promise.all(new HostChecks(engine as unknown as NativeEngine).start());
  const result = { verdict: { kind: 'authenticated', source: 'keys' }, user: '1:the user' };
  expect(step).toEqual({ settled: [{ tickets: [7], result }], started: [], hasChecks: false, hasRevocations: false });
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
  for (let at = 0; at <= 64; at += 1) await told('EdDSA', jwk('EdDSA', { at }), signed('EdDSA'));
  await told('EdDSA', jwk('EdDSA', { at: 64 }), signed('EdDSA'));
  expect(imported).toHaveBeenCalledTimes(65);
  await told('EdDSA', jwk('EdDSA', { at: 0 }), signed('EdDSA'));
  expect(imported).toHaveBeenCalledTimes(66);
});

test.each([
  ['has no WebCrypto', new TypeError('Cannot read properties of undefined')],
  ['does not know the algorithm', new DOMException('Unrecognized name.', 'NotSupportedError')],
])('a runtime that %s says nothing of the key', async (_, error) => {
  vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(error);
  expect(await checking()('EdDSA', jwk('EdDSA'), signed('EdDSA'))).toBe('7 unchecked');
});
