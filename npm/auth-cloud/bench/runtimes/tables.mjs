// The tables of `index.mjs`, from what each runtime answered, with the goals.

const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];
const number = value => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
const micros = ({ micros: value, ratio }) => `${number(value)} (${number(ratio)})`;

function atMost(goal, most, found) {
  return { goal, at_most: most, found, reached: found <= most };
}

/** `found` maps a runtime's name to `{ starts, contest }`; `memory` is the answer of `memory.mjs`. */
export function tables(found, memory) {
  const all = Object.entries(found);
  const algorithms = Object.keys(all[0][1].contest.unseen);
  const unseen = (title, how) => ({
    title: `${title}: microseconds for each, and in brackets how many times as long as jose takes`,
    columns: ['', ...algorithms],
    rows: all.map(([name, { contest }]) => [
      name,
      ...algorithms.map(one => micros({ micros: contest.unseen[one][how].ours.micros, ratio: contest.unseen[one][how].jose.ratio })),
    ]),
    goals: all.map(([name, { contest }]) => {
      const worst = Math.max(...algorithms.map(one => contest.unseen[one][how].jose.ratio));
      return atMost(`${name}: times as long as jose, the slowest algorithm`, 1, worst);
    }),
  });
  const rivals = ['fast-jwt, cache', 'fast-jwt, cache, cookie'];
  return [
    {
      title: 'a known person, 1 kB of cookies: microseconds, and in brackets how many times as long as this package takes',
      columns: ['', 'ours', ...rivals],
      rows: all.map(([name, { contest: { known } }]) => [
        name,
        number(known.ours.micros),
        ...rivals.map(rival => micros({ micros: known[rival].micros, ratio: 1 / known[rival].ratio })),
      ]),
      goals: all.flatMap(([name, { contest: { known } }]) => [
        atMost(`${name}: microseconds`, 3, known.ours.micros),
        { goal: `${name}: times as fast as fast-jwt, cache`, at_least: 2, found: 1 / known[rivals[0]].ratio, reached: known[rivals[0]].ratio <= 0.5 },
      ]),
    },
    unseen('unseen tokens, one after the other', 'one'),
    unseen('unseen tokens, 64 at once', 'atOnce'),
    {
      title: 'a new process: milliseconds until the rules are there, and then until the first answer',
      columns: ['', 'instance', 'first answer'],
      rows: all.map(([name, { starts }]) => [name, ...['instance', 'answer'].map(part => number(median(starts.map(one => one[part]))))]),
      goals: [
        ...all.filter(([name]) => /WebAssembly|workerd/.test(name)).map(([name, { starts }]) => atMost(`${name}: an instance`, 30, median(starts.map(one => one.instance)))),
        ...all.filter(([name]) => name.startsWith('workerd')).map(([name, { starts }]) => atMost(`${name}: the first answer`, 60, median(starts.map(one => one.answer)))),
      ],
    },
    memory,
  ];
}
