/**
 * Signature checks of the WebAssembly, by the host's WebCrypto. The core has checked everything else before it hands one out:
 * the form of the token, which key and algorithm may be used, and the key itself.
 */

import type { NativeEngine, NativeStep } from './native.js';

/** A check that the core hands out. */
interface HostCheck {
  readonly number: number;
  /** The number of the key. */
  readonly key: number;
  readonly algorithm: keyof typeof ALGORITHMS;
  readonly input: string | Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** What the engine has in the WebAssembly instead of `checks`. */
interface HandingOut {
  hostChecks(): HostCheck[];
  /** The public key, as the text of a JWK; `null` if the key set was replaced meanwhile. */
  hostKey(key: number): string | null;
  hostChecked(check: number, verdict: 'valid' | 'invalid' | 'bad_key' | 'failed'): NativeStep;
}

const ALGORITHMS = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  EdDSA: { name: 'Ed25519' },
} as const;

/** How many imported keys are kept. A key set has few, and replaces them rarely. */
const MOST_KEYS = 64;

export class HostChecks {
  readonly #engine: HandingOut;
  readonly #keys = new Map<number, CryptoKey>();
  readonly #encoder = new TextEncoder();

  private constructor(engine: HandingOut) {
    this.#engine = engine;
  }

  /** `undefined` for the addon, which has threads of its own. */
  static of(engine: NativeEngine): HostChecks | undefined {
    return 'hostChecks' in engine ? new HostChecks(engine as unknown as HandingOut) : undefined;
  }

  /** Starts the enqueued checks. */
  start(): Promise<NativeStep>[] {
    return this.#engine.hostChecks().map(async check => this.#engine.hostChecked(check.number, await this.#verdict(check)));
  }

  async #verdict({ key: number, algorithm, input, signature }: HostCheck): Promise<'valid' | 'invalid' | 'bad_key' | 'failed'> {
    let key;
    try {
      key = this.#keys.get(number) ?? (await this.#imported(number, algorithm));
    } catch {
      return 'bad_key';
    }
    try {
      const bytes = typeof input === 'string' ? this.#encoder.encode(input) : input;
      return (await crypto.subtle.verify(ALGORITHMS[algorithm], key, signature, bytes)) ? 'valid' : 'invalid';
    } catch {
      return 'failed';
    }
  }

  async #imported(number: number, algorithm: HostCheck['algorithm']): Promise<CryptoKey> {
    const text = this.#engine.hostKey(number);
    if (text === null) throw new Error('There is no such key.');
    // Runtimes disagree on the names of Ed25519 in `alg`. The core has compared it already.
    const { alg: _, ...jwk } = JSON.parse(text) as JsonWebKey;
    const key = await crypto.subtle.importKey('jwk', jwk, ALGORITHMS[algorithm], false, ['verify']);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= MOST_KEYS && oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(number, key);
    return key;
  }
}
