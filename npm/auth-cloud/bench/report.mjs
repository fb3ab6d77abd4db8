// The form of the results, as in `benches/src/report.rs`: one line of JSON, which `cargo xtask bench` renders.

/** Contenders that were measured together. A goal is `[text, least, found]`. */
export function table(title, own, rounds, goals) {
  return {
    title,
    rows: rounds.names.map(name => ({
      name,
      median_us: rounds.median(name),
      least_us: rounds.least(name),
      ratio: rounds.ratio(name, own),
    })),
    goals: goals.map(([goal, least, found]) => ({ goal, at_least: least, found, reached: found >= least })),
  };
}
