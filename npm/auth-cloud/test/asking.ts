/** A core that hands out the checks that it is given, as `Engine.hostChecks` packs them. */

import type { NativeEngine, NativeHostSignature } from '../dist/esm/native.js';

/** `told` answers in the core's place when it is told a verdict. */
export function asking(told: (check: number, verdict: number) => string) {
  const asked = new Map<number, NativeHostSignature>();
  let packed: Buffer[] = [];
  const engine = {
    hostChecks: () => new Uint8Array(Buffer.concat(packed.splice(0))),
    hostKey: (check: number) => asked.get(check)?.key ?? null,
    hostChecker: () => told,
  };
  const ask = (check: number, key: number, signature: NativeHostSignature) => {
    const words = Buffer.alloc(16);
    [check, key, signature.signature.length, signature.input.length].forEach((word, at) => words.writeUInt32LE(word, 4 * at));
    asked.set(check, signature);
    packed.push(words, Buffer.from(signature.signature), Buffer.from(signature.input));
  };
  return { engine: engine as unknown as NativeEngine, ask };
}
