/** Signature checks by the host's WebCrypto, for the WebAssembly. The core has made every other check before. */

import type { NativeEngine, NativeHostCheck, NativeHostSignature, NativeStep } from './native.js';

type Verdict = Parameters<NativeEngine['hostChecked']>[1];

const ALGORITHMS = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  EdDSA: { name: 'Ed25519' },
} as const;

/** The verdict that a user in place of a step stands for. */
const BY_KEYS = { kind: 'authenticated', source: 'keys' } as const;

/** How many imported keys are kept. A key set has few, and replaces them rarely. */
const MOST_KEYS = 64;

/** Whether the runtime lacks WebCrypto or the algorithm, which says nothing of the key. */
function isUnsupported(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'NotSupportedError');
}

export class HostChecks {
  readonly #engine: NativeEngine;
  /** The imported keys, by their texts. */
  readonly #keys = new Map<string, CryptoKey>();

  constructor(engine: NativeEngine) {
    this.#engine = engine;
  }

  /** Starts the enqueued checks. */
  start(): Promise<NativeStep>[] {
    return this.#engine.hostChecks().map(check => this.#checked(check));
  }

  async #checked({ number, signature: { key: text, algorithm, input, signature } }: NativeHostCheck): Promise<NativeStep> {
    let verdict: Verdict = 'bad_key';
    try {
      const key = this.#keys.get(text) ?? (await this.#imported(text, algorithm));
      verdict = 'unchecked';
      verdict = (await crypto.subtle.verify(ALGORITHMS[algorithm], key, signature, input)) ? 'valid' : 'invalid';
    } catch (error) {
      if (isUnsupported(error)) verdict = 'unchecked';
    }
    const step = this.#engine.hostChecked(number, verdict);
    if (typeof step !== 'string') return step;
    return { settled: [{ tickets: [number], result: { verdict: BY_KEYS, user: step } }], started: [], hasChecks: false, hasRevocations: false };
  }

  async #imported(text: string, algorithm: NativeHostSignature['algorithm']): Promise<CryptoKey> {
    const key = await crypto.subtle.importKey('jwk', JSON.parse(text) as JsonWebKey, ALGORITHMS[algorithm], false, ['verify']);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= MOST_KEYS && oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(text, key);
    return key;
  }
}
