// Interleaved rounds, as in `benches/src/rounds.rs`: in each of them every contender has its turn, and the first round only
// warms up. Ratios are taken within a round, so that what else the machine does weighs on both, and their median is told.

const TURN_MS = 3;

/** An operation that is repeated; how often in a turn is found out in the first one. */
export function repeated(operation, operations = 1) {
  let count = 0;
  return async () => {
    if (count === 0) count = await fitting(operation);
    const begun = performance.now();
    for (let at = 0; at < count; at += 1) await operation();
    return ((performance.now() - begun) * 1000) / (count * operations);
  };
}

async function fitting(operation) {
  // Twice, for the first turn also compiles.
  let count = 0;
  for (const turn of [1, 2]) {
    const begun = performance.now();
    for (count = 0; performance.now() - begun < TURN_MS * turn; count += 1) await operation();
  }
  return Math.max(1, count >> 1);
}

/** Measures: `contenders` has a turn for each name, which answers microseconds per operation. */
export async function measure(count, contenders) {
  const micros = new Map(Object.keys(contenders).map(name => [name, []]));
  const order = Object.entries(contenders);
  for (let round = 0; round <= count; round += 1) {
    for (const [name, turn] of order) {
      globalThis.gc?.();
      const value = await turn();
      if (round > 0) micros.get(name).push(value);
    }
    // No row always follows the same neighbour.
    order.push(order.shift());
  }
  return new Rounds(micros);
}

class Rounds {
  #micros;

  constructor(micros) {
    this.#micros = micros;
  }

  get names() {
    return [...this.#micros.keys()];
  }

  median(name) {
    return median(this.#micros.get(name));
  }

  least(name) {
    return Math.min(...this.#micros.get(name));
  }

  /** How many times as long one takes as another. */
  ratio(name, to) {
    const other = this.#micros.get(to);
    return median(this.#micros.get(name).map((value, round) => value / other[round]));
  }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
