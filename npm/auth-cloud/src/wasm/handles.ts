/**
 * Handles: the numbers by which the module names JavaScript values. Those of a call live until it returns; a reference lives
 * until it is deleted, and with the count 0 does not keep its value alive.
 */

/** Handles that always exist. */
export const UNDEFINED = 1;
export const NULL = 2;
export const GLOBAL = 3;
export const TRUE = 4;
export const FALSE = 5;
const FIRST = 6;

interface Reference {
  count: number;
  strong: unknown;
  readonly weak: WeakRef<WeakKey> | undefined;
}

export class Handles {
  readonly #values: unknown[] = [undefined, undefined, null, globalThis, true, false];
  #top = FIRST;
  readonly #references = new Map<number, Reference>();
  #lastReference = 0;

  /** A handle for a value. */
  of(value: unknown): number {
    const handle = this.#top;
    this.#values[handle] = value;
    this.#top += 1;
    return handle;
  }

  value(handle: number): unknown {
    return this.#values[handle];
  }

  /** Begins a scope. */
  open(): number {
    return this.#top;
  }

  /** Ends a scope: its handles are void, and keep no value alive. */
  close(scope: number): void {
    for (let handle = scope; handle < this.#top; handle += 1) this.#values[handle] = undefined;
    this.#top = scope;
  }

  refer(value: unknown, count: number): number {
    this.#lastReference += 1;
    const canBeWeak = (typeof value === 'object' && value !== null) || typeof value === 'function';
    const weak = canBeWeak ? new WeakRef(value) : undefined;
    this.#references.set(this.#lastReference, { count, weak, strong: count > 0 || !canBeWeak ? value : undefined });
    return this.#lastReference;
  }

  /** A handle for a reference's value; 0 if it is gone. */
  referred(reference: number): number {
    const found = this.#references.get(reference);
    if (found === undefined) return 0;
    const value = found.count > 0 || found.weak === undefined ? found.strong : found.weak.deref();
    return value === undefined ? 0 : this.of(value);
  }

  /** Counts a reference up or down; returns the count, or `undefined` if there is no such reference or it would be negative. */
  count(reference: number, by: 1 | -1): number | undefined {
    const found = this.#references.get(reference);
    if (found === undefined || found.count + by < 0) return undefined;
    found.count += by;
    if (found.weak !== undefined) found.strong = found.count > 0 ? (found.strong ?? found.weak.deref()) : undefined;
    return found.count;
  }

  forget(reference: number): boolean {
    return this.#references.delete(reference);
  }
}
