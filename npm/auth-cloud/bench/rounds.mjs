// Interleaved rounds, as in `benches/src/rounds.rs`: in each of them every contender has its turn, and the first round only
// warms up. Ratios are taken within a round, so that what else the machine does weighs on both, and their median is told.

const TURN_MS = 3;

/**
 * An operation that is repeated; how often in a turn is found out in the first one, which lasts `warm` milliseconds at least.
 * `clock` answers milliseconds, or a promise of them where a clock stands still between events.
 */
export function repeated(operation, operations = 1, { turn = TURN_MS, warm = turn, clock = () => performance.now() } = {}) {
  let count = 0;
  const times = async () => {
    const begun = await clock();
    for (let at = 0; at < count; at += 1) await operation();
    return (await clock()) - begun;
  };
  return async () => {
    if (count === 0) {
      let [took, all] = [0, 0];
      do {
        if (took <= turn) count = count * 2 || 1;
        took = await times();
        all += took;
      } while (took < turn || all < warm);
    }
    return ((await times()) * 1000) / (count * operations);
  };
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
