/** Texts in the memory of the WebAssembly. */

import { expect, test } from 'vitest';

import { Memory } from '../src/wasm/memory.js';

const AT = 4096;

function memory() {
  const wasm = new WebAssembly.Memory({ initial: 1 });
  const write = (...bytes: number[]) => new Uint8Array(wasm.buffer).set(bytes, AT);
  return { read: new Memory(wasm), write };
}
const ended = (text: string) => [...new TextEncoder().encode(text), 0];

test('a name is what its address holds now, whatever it held before', () => {
  const { read, write } = memory();
  for (const name of ['ticket', 'ticker', 'tick', 'tickets', '', 'tück', 'tück', 'ticket', 'ticket']) {
    write(...ended(name));
    expect(read.name(AT)).toBe(name);
  }
});

test.each([
  ['ASCII', [0x61, 0x62], 'ab'],
  ['no UTF-8', [0x61, 0xe9], 'aé'],
  ['what would be a character of UTF-8', [0xc3, 0xa9], 'Ã©'],
  ['a byte order mark', [0xef, 0xbb, 0xbf, 0x61], 'ï»¿a'],
  ['nothing', [], ''],
])('each byte is a unit: %s', (_, bytes, text) => {
  const { read, write } = memory();
  write(...bytes);
  expect(read.latin1(AT, bytes.length)).toBe(text);
});

test('a text that does not fit fills its room, whatever its last character takes', () => {
  const { read } = memory();
  const written = [2, 3, 4, 5, 6, 7, 8].map(room => read.setText(AT, room, 'aé€'));
  expect(written).toEqual([1, 2, 3, 4, 5, 6, 6]);
});
