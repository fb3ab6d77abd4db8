// The one form in which figures are told, as in `benches/src/report.rs`: a table for people, or with `--json` the same as JSON.

import { availableParallelism, cpus, loadavg } from 'node:os';

/** Contenders that were measured together. A goal is `[text, least, found]`. */
export function table(title, own, rounds, goals) {
  return {
    title,
    own,
    rows: rounds.names.map(name => ({
      name,
      median_us: rounds.median(name),
      least_us: rounds.least(name),
      per_second: 1e6 / rounds.median(name),
      ratio: rounds.ratio(name, own),
    })),
    goals: goals.map(([goal, least, found]) => ({ goal, at_least: least, found, reached: found >= least })),
  };
}

/** Begins a report: how busy the machine was is looked at now. */
export function begin() {
  return { cpu: cpus()[0]?.model ?? process.arch, cores: availableParallelism(), load_before: loadavg()[0].toFixed(2) };
}

export function print(machine, tables) {
  const asJson = process.argv.includes('--json');
  const node = process.version;
  const head = `${machine.cpu}, ${machine.cores} cores, node ${node}, load before ${machine.load_before}`;
  const text = asJson
    ? JSON.stringify({ bench: 'node', machine: { ...machine, node }, tables })
    : [head, ...tables.map(told)].join('\n\n');
  process.stdout.write(`${text}\n`);
}

function told({ title, rows, goals }) {
  const columns = (name, ...values) => `  ${name.padEnd(34)} ${values.map((value, at) => value.padStart([10, 10, 12, 8][at])).join(' ')}`;
  return [
    title,
    columns('', 'median us', 'least us', 'per second', 'ratio'),
    ...rows.map(row =>
      columns(row.name, row.median_us.toFixed(3), row.least_us.toFixed(3), row.per_second.toFixed(0), `${row.ratio.toFixed(2)}x`),
    ),
    ...goals.map(goal => `  ${goal.reached ? 'reached' : 'missed '}  ${goal.goal}: at least ${goal.at_least}, is ${goal.found.toFixed(3)}`),
  ].join('\n');
}
