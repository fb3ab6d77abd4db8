// The list of the differences that may be, each with its reason: another one fails the run, and so does one that the whole run no
// longer meets.

/** Counts the differences of a list. A row of it is `[readers, way, why, holds]`, and `holds` says whether a case belongs to it. */
export class Differences {
  #list;
  #counts;

  constructor(list) {
    this.#list = list;
    this.#counts = list.map(() => 0);
  }

  /** Counts a difference to a reader by the first row that it belongs to. */
  add(by, what, one) {
    const at = this.#list.findIndex(([readers, way, , holds]) => readers.includes(by) && way === what && holds(one));
    if (at < 0) throw new Error(`a new difference: ${by}: ${what}: ${JSON.stringify(one)}`);
    this.#counts[at] += 1;
  }

  /** The list as rows of a table. */
  rows({ isWhole }) {
    return this.#list.map(([readers, way, why], at) => {
      if (isWhole && this.#counts[at] === 0) throw new Error(`no difference any more: ${readers}: ${way}: ${why}`);
      return [readers.join(', '), way, this.#counts[at], why];
    });
  }
}
