// The committed inputs of `fuzz/`, as texts.
import { readFileSync } from 'node:fs';

/** The inputs of a target, one a line: `fuzz/src/lines.rs` has the form. */
export function fuzzed(target) {
  const byte = (escape, digits) => (digits === undefined ? (escape === '\\n' ? '\n' : '\\') : String.fromCodePoint(Number.parseInt(digits, 16)));
  return ['seeds', 'corpus'].flatMap((kind) => {
    const text = readFileSync(new URL(`../../fuzz/${kind}/${target}.txt`, import.meta.url), 'latin1');
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => Buffer.from(line.replaceAll(/\\(?:n|\\|x([\da-f]{2}))/g, byte), 'latin1'));
  });
}
