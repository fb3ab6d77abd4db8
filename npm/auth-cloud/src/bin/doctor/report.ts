/** The report, for people and for scripts. A foreign text cannot control the terminal. */

import { styleText } from 'node:util';

import type { Rule, Verdict } from './rule.js';

export interface Finding {
  readonly rule: Omit<Rule, 'judge'>;
  readonly verdict: Verdict;
}

const WIDTH = 80;
const INDENT = ' '.repeat(12);
/** So that texts begin below those of the longest code. */
const NAMED = 11;

const MARKS = { red: ['FAIL', 'red'], yellow: ['warn', 'yellow'], green: ['ok  ', 'green'] } as const;

export function lightOf({ rule, verdict }: Finding): 'red' | 'yellow' | 'green' | 'not tested' {
  return verdict.is === 'wrong' ? rule.light : verdict.is;
}

const count = (findings: readonly Finding[], light: string) => findings.filter(finding => lightOf(finding) === light).length;

/** 80 columns wide; with colours where standard output is a terminal that has them. */
export function table(findings: readonly Finding[]): string {
  const lines = findings.map(finding => {
    const { rule, verdict } = finding;
    const light = lightOf(finding);
    const mark = light === 'not tested' ? '-   ' : styleText(MARKS[light][1], MARKS[light][0]);
    const details = { green: { seen: verdict.seen }, wrong: { seen: verdict.seen, do: rule.mend }, 'not tested': { 'not tested': verdict.seen } };
    const texts = Object.entries(details[verdict.is]).filter(([, text]) => text !== '');
    return `${mark}  ${rule.code.padEnd(17)} ${rule.holds}\n${texts.map(([name, text]) => named(name, escaped(text))).join('')}`;
  });
  const [red, yellow] = [count(findings, 'red'), count(findings, 'yellow')];
  const colour = red > 0 ? 'red' : yellow > 0 ? 'yellow' : 'green';
  return `${lines.join('')}\n${styleText(colour, `${red} red, ${yellow} yellow`)}\n`;
}

/** The same as an object, as `mastra-auth doctor --json` has it. */
export function object(findings: readonly Finding[]) {
  return {
    red: count(findings, 'red'),
    yellow: count(findings, 'yellow'),
    findings: findings.map(finding => {
      const { rule, verdict } = finding;
      return { code: rule.code, light: lightOf(finding), holds: rule.holds, seen: escaped(verdict.seen), do: rule.mend };
    }),
  };
}

/** Shows controls and characters that change the direction of text as `\u....`. */
export function escaped(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, one => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function named(name: string, text: string): string {
  const lines = wrapped(text, WIDTH - INDENT.length - NAMED - 1);
  return lines.map((line, at) => `${INDENT}${(at === 0 ? name : '').padEnd(NAMED)} ${line}\n`).join('');
}

/** Breaks at spaces, and within words that are longer than a line. */
function wrapped(text: string, room: number): string[] {
  const lines = [''];
  for (let word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length <= room) {
      lines[lines.length - 1] = `${last} ${word}`;
      continue;
    }
    if (last !== '') lines.push('');
    for (; word.length > room; word = word.slice(room)) lines.splice(-1, 1, word.slice(0, room), '');
    lines[lines.length - 1] = word;
  }
  return lines;
}
