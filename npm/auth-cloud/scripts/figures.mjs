// `node figures.mjs [--record=NAME] PROGRAM WORDS..`: shows the tables that a bench or a long run prints, and keeps them in
// `docs/figures/NAME.json`. From there `gen.mjs` writes docs/figures.md, of benches, and docs/security.md, of all other runs.
//
// A program prints its tables as one line of JSON; other lines are kept as text. A run's `note` is written by hand and stays when
// the run is recorded anew, so it explains figures and repeats none. A run that fails is not recorded, unless its line says that it
// `stands`: then it has left out what failed.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const FOLDER = path.resolve(import.meta.dirname, '../../../docs/figures');
const read = file => JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8'));
export const paragraphs = all => all.filter(Boolean).join('\n\n');

/** The names of the recorded runs. */
export const names = () => readdirSync(FOLDER).toSorted().map(file => path.parse(file).name);

/** Every bench, as Markdown. */
export const page = () => `\n${paragraphs(names().filter(name => name.startsWith('bench-')).map(name => recorded(name, '##')))}\n\n`;

/** A recorded run, below a heading. */
export function recorded(name, mark) {
  const { date, commit, machine, load, note, tables } = read(`${name}.json`);
  const title = `${mark} \`${name.replace('-', ' ')}\``;
  return paragraphs([title, `${date}, commit ${commit}, ${machine}, load ${load}.`, note, ...tables.map(table)]);
}

/** Rows are lists of cells, or contenders of a bench. */
export function table({ title, columns = ['', 'µs', 'ratio'], rows = [], goals = [], note }) {
  const cells = row => (Array.isArray(row) ? row : [row.name, row.median_us, row.ratio]).map(cell);
  const lines = [columns, columns.map(() => '---'), ...rows.map(cells)].map(row => `| ${row.join(' | ')} |`);
  const found = goals.map(one => {
    const bound = one.at_least === undefined ? `at most ${one.at_most}` : `at least ${one.at_least}`;
    return `- ${one.reached ? 'reached' : 'missed'}: ${one.goal}: ${bound}, is ${cell(one.found)}`;
  });
  return paragraphs([title, rows.length > 0 && lines.join('\n'), found.join('\n'), note]);
}

/** Numbers with three digits that count. */
function cell(value) {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  return value.toFixed([100, 10, 1].filter(most => Math.abs(value) < most).length);
}

async function run(name, program, words) {
  const load = loadavg()[0].toFixed(1);
  // As it begins: a run may change committed files, and may last for hours.
  const git = ['describe', '--always', '--dirty', '--abbrev=7', '--exclude=*'];
  const commit = execFileSync('git', git, { cwd: FOLDER, encoding: 'utf8' }).trim();
  const child = spawn(program, words, { stdio: ['inherit', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const tables = [];
  const lines = [];
  let stands = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const said = line.startsWith('{"') ? JSON.parse(line) : {};
    const found = said.tables;
    stands ||= said.stands === true;
    console.log(found === undefined ? line : paragraphs(found.map(table)));
    tables.push(...(found ?? []));
    // Without what the test harness says.
    if (found === undefined && line.length > 1 && !/^(running \d|test )/.test(line)) lines.push(line);
  }
  const [status] = await closed;
  if (status !== 0) process.exitCode = status ?? 1;
  if (name === undefined || (status !== 0 && !stands)) return;
  if (lines.length > 0) tables.push({ note: `\`\`\`text\n${lines.join('\n')}\n\`\`\`` });
  const file = `${name}.json`;
  const recorded = {
    date: new Date().toISOString().slice(0, 10),
    commit,
    machine: `${availableParallelism()} × ${cpus()[0]?.model ?? process.arch}, Node ${process.version}`,
    load,
    note: existsSync(path.join(FOLDER, file)) ? read(file).note : undefined,
    tables,
  };
  writeFileSync(path.join(FOLDER, file), `${JSON.stringify(recorded, null, 2)}\n`);
}

if (process.argv[1] === import.meta.filename) {
  const [first, ...rest] = process.argv.slice(2);
  const name = /^--record=(.+)$/.exec(first)?.[1];
  const [program, ...words] = name === undefined ? [first, ...rest] : rest;
  await run(name, program, words);
}
