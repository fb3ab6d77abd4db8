// Writes what is generated from the code: `cargo xtask gen`, which names the programs to ask. With `--check` fails where it differs.
//
// A part of a file stands between a line that says `cargo xtask gen: NAME` and one that says `cargo xtask gen: end`. Generated parts
// are committed, so that readers need no tool.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { page } from './figures.mjs';
import { reference } from './reference.mjs';
import { evidence } from './security.mjs';

const { MASTRA_AUTH, CODES, EVENTS, EXPORTS, CONTRACT, LISTS } = process.env;
const isCheck = process.argv.includes('--check');
const ROOT = path.resolve(import.meta.dirname, '../../..');
const ask = (program, ...words) => execFileSync(program, words, { encoding: 'utf8', env: HELP });
/** Without variables whose value clap prints, or by which it formats its text. */
const HELP = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MASTRA_|CLICOLOR|RUST_LOG)/.test(name)));
Object.assign(HELP, { NO_COLOR: '1', COLUMNS: '100' });

const codes = JSON.parse(ask(CODES));
const { events, fields, sources } = JSON.parse(ask(EVENTS));
const contract = JSON.parse(CONTRACT);
const operations = dialect => reference(contract[dialect], readFileSync(path.join(ROOT, `contract/openapi.${dialect}.yaml`), 'utf8'));
const inNode = events.filter(({ node }) => node.level);
const rows = (list, write) => list.map(one => `${write(one)}\n`).join('');
const camel = name => name.replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase());
const isInNode = ({ name }) => inNode.some(event => event.fields.includes(name));
const table = (...titles) => `| ${titles.join(' | ')} |\n|${'---|'.repeat(titles.length)}\n`;

const PARTS = {
  'docs/guide/errors.md': {
    codes: table('code', 'kind', 'status', 'meaning') + rows(codes, ({ code, kind, status, meaning }) =>
      `| \`${code}\` | ${kind} | ${status ?? '–'} | ${meaning.replaceAll('|', '\\|')} |`),
  },
  'docs/guide/observability.md': {
    events: `\n${table('target', 'event', 'Rust', 'Node', 'fields', 'meaning')}${rows(events, ({ name, target, rust, node, fields, meaning }) => {
      const missing = Object.entries({ Rust: rust, Node: node }).filter(([, { never }]) => never);
      const reasons = missing.map(([language, { never }]) => ` Not in ${language}: ${never}.`).join('');
      const own = fields.map(field => `\`${field}\``).join(', ');
      return `| \`${target}\` | \`${name}\` | ${rust.level ?? '–'} | ${node.level?.toLowerCase() ?? '–'} | ${own} | ${meaning}${reasons} |`;
    })}\n${table('field', 'in Node', 'type', 'meaning')}${rows(fields, field => {
      const node = isInNode(field) ? `\`${camel(field.name)}\`` : '–';
      return `| \`${field.name}\` | ${node} | ${field.kind === 'number' ? 'number' : 'text'} | ${field.meaning} |`;
    })}\n`,
  },
  'docs/guide/cli.md': { help: help([]) },
  'docs/guide/api-v1.md': { operations: operations('v1') },
  'docs/guide/api-pkce.md': { operations: operations('pkce') },
  'docs/guide/api-platform.md': { operations: operations('platform') },
  'docs/figures.md': { figures: page() },
  'docs/security.md': { evidence: evidence(JSON.parse(LISTS)) },
  'npm/auth-cloud/src/codes.ts': { codes: rows(codes, ({ code, meaning }) => `  /** ${meaning} */\n  | '${code}'`) },
  'npm/auth-cloud/src/event-types.ts': {
    events: rows(inNode, ({ name, meaning }) => `  /** ${meaning} */\n  | '${name}'`),
    sources: rows(sources, source => `  | '${source}'`),
    fields: rows(fields.filter(isInNode), ({ name, kind, meaning }) => {
      const type = { number: 'number', source: 'CloudAuthSource' }[kind] ?? 'string';
      return `  /** ${meaning} */\n  readonly ${camel(name)}?: ${type};`;
    }),
    members: rows(inNode, ({ name, fields }) => `  readonly ${name}: ${fields.map(field => `'${camel(field)}'`).join(' | ')};`),
    levels: rows(inNode, ({ name, node }) => `  ${name}: '${node.level.toLowerCase()}',`),
  },
  'npm/auth-cloud/src/addon-types.ts': { exports: addonTypes() },
};

const differ = [];
for (const [file, parts] of Object.entries(PARTS)) {
  const place = path.join(ROOT, file);
  const found = readFileSync(place, 'utf8');
  let wanted = found;
  for (const [name, part] of Object.entries(parts)) {
    const marked = new RegExp(`(cargo xtask gen: ${name}\\b.*\\n)[^]*?(.*cargo xtask gen: end)`);
    assert.match(wanted, marked, `${file}: no marks around ${name}`);
    wanted = wanted.replace(marked, (_, begin, end) => begin + part + end);
  }
  console.log(`${file}: ${found === wanted ? 'up to date' : 'differs'}`);
  if (found === wanted) continue;
  differ.push(file);
  if (!isCheck) writeFileSync(place, wanted);
  const is = found.split('\n');
  const line = wanted.split('\n').findIndex((text, at) => text !== is[at]);
  console.log(`${file}:${line + 1}: was    ${is[line]}\n${file}:${line + 1}: now is ${wanted.split('\n')[line]}`);
}
if (isCheck && differ.length > 0) {
  console.error(`run \`cargo xtask gen\` and commit ${differ.join(' and ')}`);
  process.exitCode = 1;
}

/** The help of a command, and that of its subcommands in the help's own order. */
function help(command) {
  const text = ask(MASTRA_AUTH, ...command, '--help').trimEnd().replaceAll(/ +$/gm, '');
  const list = text.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '';
  // A name is indented by two spaces, continued text by more.
  const names = [...list.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name).filter(name => name !== 'help');
  const own = `\n## ${['mastra-auth', ...command].join(' ')}\n\n\`\`\`text\n${text}\n\`\`\`\n`;
  return own + names.map(name => help([...command, name])).join('');
}

/** The addon's exports, as napi-derive describes them while it compiles them: a line of JSON each. */
function addonTypes() {
  const definitions = readFileSync(EXPORTS, 'utf8').trim().split('\n').map(line => JSON.parse(line));
  const [functions, types] = ['fn', undefined].map(kind => definitions.filter(one => (one.kind === 'fn') === (kind === 'fn')));
  // By name: in which files they are does not matter.
  const names = [...new Set(types.map(({ name }) => name))].toSorted();
  // Every type gets this prefix, so that none is mistaken for one of the package.
  const prefixed = new RegExp(`\\b(${[...names, 'Source', 'TransportError', 'User'].join('|')})\\b`, 'g');
  // Types that hold what JavaScript gives: an option may be set to `undefined`.
  const given = ['Options', 'Verification', 'TokenRules'];
  const members = (text, isGiven) => rows(text.split('\n').map(line => line.trim()).filter(Boolean), line => {
    if (/^\/?\*/.test(line)) return `  ${line.startsWith('*') ? ' ' : ''}${line}`;
    // A list that the addon takes may be one that JavaScript does not change.
    const [, taken, rest] = /^(.*\): )?(.*)$/.exec(line.replace(/^function /, ''));
    const named = `${taken?.replaceAll('Array<', 'ReadonlyArray<') ?? ''}${rest}`.replaceAll(prefixed, 'Native$1');
    return `  ${named}${isGiven && named.includes('?: ') ? ' | undefined' : ''};`;
  });
  const interfaces = names.map(name => {
    const own = types.filter(one => one.name === name);
    const docs = own.map(one => one.js_doc).join('');
    return `\n${docs}export interface Native${name} {\n${members(own.map(one => one.def).join('\n'), given.includes(name))}}\n`;
  });
  const all = members(functions.flatMap(one => [one.js_doc, one.def]).join('\n'));
  return `${interfaces.join('')}\n/** The addon's functions. */\nexport interface Native {\n${all}}\n`;
}
