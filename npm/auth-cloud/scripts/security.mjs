// The evidence of docs/security.md: for each kind its command, and what its records in docs/figures say, or that there is none.
//
// The lists come from `cargo xtask gen`: the long runs, and tables of the threats and of the ASVS.

import { names, paragraphs, recorded, table } from './figures.mjs';

const KINDS = [
  {
    title: 'Fuzzing',
    records: /^fuzz/,
    command: 'cargo xtask fuzz --record',
    about:
      'A fuzzer mutates the input of every parser that reads what strangers send, guided by coverage. A crash, a hang or a broken ' +
      'property fails it: such a run is not counted here, and its input is kept as a test.',
  },
  {
    title: 'Faults at every byte',
    records: /^soak-bytes/,
    about:
      'An answer or a request halts, ends or is damaged at one of its bytes, in each operation and job. No user is signed out, let in or taken for another by that.',
  },
  { title: 'Load and soak', about: 'Long runs of many users, while the Cloud, Redis, keys or instances fail or are replaced.' },
  {
    title: 'Differential',
    records: /^soak-(differential|bitflips)/,
    about: 'Mutated tokens, return paths, cookies and answers are read by this project and by other programs. Each difference needs a reason.',
  },
  { title: 'Timing', records: /^soak-timing/, about: 'The time that a comparison of secrets takes must not tell how much of a guess is right.' },
  {
    title: 'Mutation score',
    records: /^(soak-)?mut/,
    about: 'A tool changes the code, one place at a time. A change that no test notices is a missing test.',
  },
  {
    title: 'Miri',
    records: /^(soak-)?miri/,
    about: 'An interpreter looks for undefined behaviour. [A decision](decisions/0018-unsafe-code.md) says what it can run here.',
  },
  {
    title: 'Models',
    records: /^(soak-)?(model|loom|shuttle)/,
    command: 'cargo xtask model',
    about: 'What requests share, and revocations on their way to other instances, run in very many interleavings of their steps. The suite runs it at every change, and keeps no record.',
    isInSuite: true,
  },
  {
    title: 'Supply chain',
    records: /^soak-supply/,
    about: 'Known flaws of dependencies, install scripts, and what the packages hold. [SECURITY.md](../SECURITY.md#supply-chain) has the policy.',
  },
];

/** The kinds in their order, each with its records; those of no other kind are long runs. */
export function evidence({ soaks, asvs, threats }) {
  const known = new Map(soaks.map(({ name, about }) => [`soak-${name}`, `\`cargo xtask soak ${name} --record\`: ${about}.`]));
  const done = new Set(names().filter(name => !name.startsWith('bench-')));
  const all = [...new Set([...known.keys(), ...done])].toSorted();
  const isOf = name => KINDS.findIndex(({ records }) => records?.test(name));
  const sections = KINDS.map(({ title, about, records, command, isInSuite }, at) => {
    const own = all.filter(name => isOf(name) === (records === undefined ? -1 : at));
    const missing = own.filter(name => !done.has(name)).map(name => `- ${known.get(name)}`);
    return paragraphs([
      `## ${title}`,
      about,
      command && `Command: \`${command}\`.`,
      ...own.filter(name => done.has(name)).map(name => run(name, known.get(name))),
      own.length === 0 && !isInSuite && `Not run yet${command === undefined ? ': no command does so' : ''}.`,
      missing.length > 0 && `Not run yet:\n\n${missing.join('\n')}`,
    ]);
  });
  const lists = [['ASVS', asvs], ['Threats', threats]].map(([title, tables]) => paragraphs([`## ${title}`, ...tables.map(table)]));
  return `\n${paragraphs([...sections, ...lists])}\n\n`;
}

/** A record with its command below the heading. */
function run(name, command) {
  const [title, ...rest] = recorded(name, '###').split('\n\n');
  return paragraphs([title, command, ...rest]);
}
