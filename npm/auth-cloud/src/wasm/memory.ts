/** The memory of the module: views that are made again after it grew, texts, and room for bytes that a call brings. */

const PAGE = 65_536;
/** How many units are passed to one call. */
const CHUNK = 4096;
/** Texts up to this length are decoded by hand, which costs less than a decoder's call. */
const SHORT = 24;
/** How many names are remembered: a power of two. */
const NAMES = 512;

export class Memory {
  readonly #memory: WebAssembly.Memory;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
  /** Names of properties that were read, each at a place that its address gives. */
  readonly #names: (string | undefined)[] = Array.from({ length: NAMES });
  #bytes = new Uint8Array();
  #words = new Uint32Array();
  #numbers = new Float64Array();
  /** Where the room for a call's bytes begins, how large it is, and how much of it is taken. */
  #room = { at: 0, size: 0, taken: 0 };

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#view();
  }

  /** A memory that grows leaves its old views empty. Asking for the buffer each time would cost more than this. */
  #view(): void {
    if (this.#bytes.length !== 0) return;
    const { buffer } = this.#memory;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#numbers = new Float64Array(buffer);
  }

  /** Writes a 32-bit word: a number, a handle or an address. Address 0 says that no result is wanted. */
  setWord(at: number, value: number): void {
    if (at === 0) return;
    this.#view();
    this.#words[at >>> 2] = value;
  }

  word(at: number): number {
    this.#view();
    return this.#words[at >>> 2] ?? 0;
  }

  setByte(at: number, value: number): void {
    this.#view();
    this.#bytes[at] = value;
  }

  setNumber(at: number, value: number): void {
    this.#view();
    this.#numbers[at >>> 3] = value;
  }

  setBig(at: number, value: bigint): void {
    new DataView(this.#memory.buffer).setBigInt64(at, value, true);
  }

  /** A copy of bytes. */
  copy(at: number, length: number): Uint8Array<ArrayBuffer> {
    this.#view();
    return this.#bytes.slice(at, at + length);
  }

  write(at: number, bytes: Uint8Array): void {
    this.#view();
    this.#bytes.set(bytes, at);
  }

  /** UTF-8 text; without a length it ends with a zero. */
  text(at: number, length = -1): string {
    this.#view();
    const bytes = this.#bytes;
    const end = length === -1 || length === 0xffff_ffff ? bytes.indexOf(0, at) : at + length;
    if (end - at <= SHORT) {
      let text = '';
      for (let place = at; place < end; place += 1) {
        const byte = bytes[place] ?? 0;
        if (byte >= 0x80) return this.#decoder.decode(bytes.subarray(at, end));
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return this.#decoder.decode(bytes.subarray(at, end));
  }

  /** A property's name, which ends with a zero. There are few, and a string that exists already is found faster than it is made. */
  name(at: number): string {
    this.#view();
    const bytes = this.#bytes;
    const known = this.#names[at & (NAMES - 1)];
    if (known !== undefined) {
      let place = 0;
      while (place < known.length && bytes[at + place] === known.charCodeAt(place)) place += 1;
      if (place === known.length && bytes[at + place] === 0) return known;
    }
    const name = this.text(at);
    this.#names[at & (NAMES - 1)] = name;
    return name;
  }

  /** Text of one byte per unit. No decoder does it, for what they call latin1 is Windows' own; but mostly it is ASCII. */
  latin1(at: number, length: number): string {
    this.#view();
    const bytes = this.#bytes.subarray(at, at + length);
    try {
      const text = this.#strict.decode(bytes);
      if (text.length === length) return text;
    } catch {
      // It is no UTF-8.
    }
    let text = '';
    for (let from = 0; from < length; from += CHUNK) text += String.fromCharCode(...bytes.subarray(from, from + CHUNK));
    return text;
  }

  /**
   * Writes a text as UTF-8, whole characters alone and only as many as fit, and a closing zero. Returns how many bytes, and all the
   * room if the text does not fit.
   */
  setText(at: number, room: number, text: string): number {
    this.#view();
    const { read, written } = this.#encoder.encodeInto(text, this.#bytes.subarray(at, at + room - 1));
    this.#bytes[at + written] = 0;
    return read < text.length ? room - 1 : written;
  }

  /** Puts bytes where the module can read them until {@link release}: it copies what it keeps. */
  lend(bytes: Uint8Array): number {
    const { at, size, taken } = this.#room;
    const needed = (bytes.length + 7) & ~7;
    if (taken + needed > size) {
      const pages = Math.ceil((taken + needed) / PAGE);
      // The old room is left: it may still be read. Doubling keeps the sum of all small.
      const more = Math.max(pages, (2 * size) / PAGE);
      this.#room = { at: this.#memory.grow(more) * PAGE, size: more * PAGE, taken: 0 };
      return this.lend(bytes);
    }
    this.#room.taken += needed;
    this.write(at + taken, bytes);
    return at + taken;
  }

  /** The call is over: its bytes are erased. */
  release(): void {
    const { at, taken } = this.#room;
    if (taken === 0) return;
    this.#view();
    this.#bytes.fill(0, at, at + taken);
    this.#room.taken = 0;
  }
}
