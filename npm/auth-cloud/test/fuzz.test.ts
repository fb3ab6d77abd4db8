/**
 * The inputs of `fuzz/`, across the boundary to the core: as a native addon, and as WebAssembly where these tests run on that.
 * Whatever comes, the answer is one of the documented ones.
 */

import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { CloudApiError, MastraCloudAuth } from '../dist/esm/index.js';
import { REDIRECT } from './world.js';

const FOLDER = path.resolve(import.meta.dirname, '../../../fuzz');
const NAMES = readdirSync(path.join(FOLDER, 'seeds')).map(file => path.parse(file).name);

/** The inputs of a target, one a line: `fuzz/src/lines.rs` has the form. */
function inputs(name: string): Buffer[] {
  const text = ['seeds', 'corpus'].map(kind => readFileSync(path.join(FOLDER, kind, `${name}.txt`), 'latin1')).join('');
  const byte = (escape: string, digits?: string) => (digits === undefined ? (escape === '\\n' ? '\n' : '\\') : String.fromCodePoint(Number.parseInt(digits, 16)));
  const lines = text.split('\n').slice(0, -1);
  return lines.map(line => Buffer.from(line.replaceAll(/\\(?:n|\\|x([\da-f]{2}))/g, byte), 'latin1'));
}

/** As the texts that a host may make of bytes; the last has halves of surrogate pairs. */
const texts = (input: Buffer) => [input.toString('utf8'), input.toString('latin1'), input.toString('utf16le')];

/** What is thrown is an error of ours, and says nothing of a crash. */
async function answer<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    expect(error).toBeInstanceOf(CloudApiError);
    expect((error as CloudApiError).code).not.toBe('internal_error');
    return undefined;
  }
}

test('no text of a stranger is signed in, or leads elsewhere', async () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] };
  const auth = new MastraCloudAuth({ projectId: 'demo', verification: { by: 'keys', jwks }, logger: { debug() {}, info() {}, warn() {} } });
  const origin = new URL(REDIRECT).origin;
  for (const name of NAMES) {
    expect(inputs(name).length).toBeGreaterThan(0);
    for (const text of inputs(name).flatMap(texts)) {
      // As Express passes them on: `Headers` would refuse some before.
      const told = { headers: { authorization: `Bearer ${text}`, cookie: `__Host-mastra_session=${text}` } };
      expect((await answer(() => auth.authenticateToken(text, told as never))) ?? null).toBeNull();
      const login = await answer(() => auth.getLoginUrl(REDIRECT, text));
      if (login !== undefined) {
        const [, back] = (new URL(login).searchParams.get('state') ?? '').split('|');
        expect(new URL(decodeURIComponent(back ?? '/'), REDIRECT).origin).toBe(origin);
      }
      await answer(() => auth.getLoginCookies?.(REDIRECT, text));
      auth.setCallbackCookieHeader(text);
      expect(await answer(() => auth.handleCallback(text, text))).toBeUndefined();
    }
  }
});
