/** Signature checks by the host's WebCrypto, for the WebAssembly. The core has made every other check before. */

import { unwrap } from './error.js';
import type { HostChecked, NativeEngine, NativeStep, NativeUser } from './native.js';

const ALGORITHMS = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  EdDSA: { name: 'Ed25519' },
} as const;

/** The verdicts, as the core reads them. */
const [INVALID, VALID, BAD_KEY, UNCHECKED] = [0, 1, 2, 3];

/** How many imported keys are kept. A key set has few, and replaces them rarely. */
const MOST_KEYS = 64;
/** The size of the four numbers before the bytes of a check. */
const NUMBERS = 16;

/** A key that was imported, and its algorithm. */
interface Imported {
  readonly key: CryptoKey;
  readonly algorithm: (typeof ALGORITHMS)[keyof typeof ALGORITHMS];
}

type Bytes = Uint8Array<ArrayBuffer>;
/** Takes what a verdict led to, with the number of its check. */
type Report = (check: number, found: NativeStep | NativeUser) => void;

/** Whether the runtime lacks WebCrypto or the algorithm, which says nothing of the key. */
function isUnsupported(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'NotSupportedError');
}

export class HostChecks {
  readonly #engine: NativeEngine;
  readonly #checked: HostChecked;
  /** The imported keys, by their numbers. */
  readonly #keys = new Map<number, Imported>();

  constructor(engine: NativeEngine) {
    this.#engine = engine;
    this.#checked = unwrap(engine.hostChecker());
  }

  /** Starts the enqueued checks. */
  start(report: Report): Promise<void>[] {
    const packed = this.#engine.hostChecks();
    const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
    const begun: Promise<void>[] = [];
    for (let at = 0; at < packed.length; ) {
      const [check, key] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      const signature = packed.subarray(at + NUMBERS, at + NUMBERS + view.getUint32(at + 8, true));
      const from = at + NUMBERS + signature.length;
      const input = packed.subarray(from, from + view.getUint32(at + 12, true));
      at = from + input.length;
      begun.push(this.#check(check, key, signature, input, report));
    }
    return begun;
  }

  async #check(check: number, number: number, signature: Bytes, input: Bytes, report: Report): Promise<void> {
    let verdict = BAD_KEY;
    try {
      const { key, algorithm } = this.#keys.get(number) ?? (await this.#imported(check, number));
      verdict = UNCHECKED;
      verdict = (await crypto.subtle.verify(algorithm, key, signature, input)) ? VALID : INVALID;
    } catch (error) {
      if (isUnsupported(error)) verdict = UNCHECKED;
    }
    report(check, this.#checked(check, verdict));
  }

  async #imported(check: number, number: number): Promise<Imported> {
    const asked = this.#engine.hostKey(check);
    if (asked === null) throw new TypeError('The check was given up.');
    const algorithm = ALGORITHMS[asked.algorithm];
    const key = await crypto.subtle.importKey('jwk', JSON.parse(asked.jwk) as JsonWebKey, algorithm, false, ['verify']);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= MOST_KEYS && oldest !== undefined) this.#keys.delete(oldest);
    const imported = { key, algorithm };
    this.#keys.set(number, imported);
    return imported;
  }
}
