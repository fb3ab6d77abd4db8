// Answers of the Cloud, `{ok, data, error}`: what the core takes, before a strict reader of JSON, which is Node's, and a lenient one,
// which is Python's.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { generator } from '../../npm/auth-cloud/scripts/random.mjs';
import { Differences } from './differences.mjs';
import { fuzzed } from './fuzzed.mjs';

const GOOD = readFileSync(new URL('../../vectors/envelopes.json', import.meta.url), 'utf8');
const { cases } = JSON.parse(GOOD);
const bodies = (holds) => cases.filter((one) => one.dialect === 'v1' && one.operation === 'verify_token' && one.body && holds(one)).map(({ body }) => body);
/** Bodies that the core takes for an account, and with status 401 for a refusal. */
const ACCOUNTS = bodies(({ data }) => data);
const REFUSALS = bodies(({ status, error }) => status === 401 && error?.answer === 'refused');

const NUMBERS = [
  '0', '-0', '1e400', '-1e400', '1e308', '1e-400', '9007199254740993', '18446744073709551616', '-9223372036854775809', '1'.repeat(400), '0.1e1', '1E5', '1.0', '01', '1.', '.5', '+1', '1e', '0x10', 'NaN', 'Infinity', '-Infinity', '-',
];
const TEXTS = ['"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\u0001"', '"\t"', '"\n"', '"\u007F"', '"\\x41"', '"\\u12"', '"\\/"', "'a'", '"\\\n"', '"\u2028"', '"é"', '"😀"', '"\uFEFF"', '"', '"a'];
const VALUES = [...NUMBERS, ...TEXTS, 'null', 'true', 'false', 'TRUE', 'None', 'undefined', '[]', '{}', '[1,]', '[,1]', '{"a":1,}', '{a:1}', '{1:1}', '{"a"}', '{"a":}', '[1 2]', '{"a":1,"a":2}', '{"a":{"b":1,"\\u0062":2}}', '[{"a":1,"a":1}]', '(1)', ''];
const AROUND = [' ', '\n', '\t', '\r\n', '\u000B', '\f', '\u00A0', '\uFEFF', '\u2028', '\0', '/**/', '//x\n', '#x\n', ',', '}', ']', '{}', 'null', 'x', ';', ")]}'\n", '\u001E'];

/** Documents like these, the same in every run. */
function documents(bases, count) {
  const next = generator(20260305);
  const below = (end) => Math.floor(next() * end);
  const pick = (all) => all[below(all.length)];
  const within = (text, more) => {
    const at = below(text.length + 1);
    return text.slice(0, at) + more + text.slice(at);
  };
  const member = (text, name, value) => text.replaceAll('{', (brace, at) => (at === 0 || below(3) === 0 ? `{${name}:${value}${text[at + 1] === '}' ? '' : ','}` : brace));
  const kinds = [
    (text) => member(text, pick(['"x"', '""', '"\\u0078"', '"__proto__"', '"constructor"']), pick(VALUES)),
    (text) => member(text, pick(['"ok"', '"o\\u006b"', '"data"', '"error"', '"user"', '"id"', '"i\\u0064"', '"roles"']), pick(['true', 'false', 'null', '{}', '[]', '"usr_2"', '{"id":"usr_2"}', '{"user":{"id":"usr_2"}}'])),
    (text) => text.replace(/("\w+":)("[^"]*"|\d+|true|null)/g, (all, name) => (below(3) === 0 ? name + pick(VALUES) : all)),
    (text) => text.replace('"ok":true', `"ok":${pick(['false', 'null', '1', '"true"', '[true]', 'True'])}`),
    (text) => pick(AROUND) + text,
    (text) => text + pick(AROUND),
    (text) => within(text, pick(AROUND)),
    (text) => text.slice(0, below(text.length)),
    (text) => { const at = below(text.length); return text.slice(0, at) + text.slice(at + 1 + below(3)); },
    (text) => { const depth = pick([2, 28, 29, 30, 31, 32, 33, 100, 2000]); return member(text, '"deep"', '['.repeat(depth) + ']'.repeat(depth)); },
    (text) => text.replaceAll('"', pick(["'", '""', '\\"', '\u201C'])),
    (text) => text + text,
    (text) => `[${text}]`,
    (text) => JSON.stringify(text),
  ];
  const bytes = (text) => {
    const body = Buffer.from(text);
    switch (below(20)) {
      case 0: return Buffer.concat([Buffer.from([0xEF, 0xBB, 0xBF]), body]);
      case 1: return Buffer.from(text, 'utf16le');
      case 2: return Buffer.concat([Buffer.from([0xFF, 0xFE]), Buffer.from(text, 'utf16le')]);
      case 3: return Buffer.from(text, 'latin1');
      case 4: { const at = below(body.length); return Buffer.concat([body.subarray(0, at), Buffer.from(pick([[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xC3]])), body.subarray(at)]); }
      default: return body;
    }
  };
  return Array.from({ length: count }, () => bytes(pick(kinds)(pick(bases))));
}

/** What the core makes of an answer: a user, or an error. */
function opened(native, status, body) {
  const engine = native.open({ projectId: 'demo', dialect: 'v1', production: false, development: false }, new Uint8Array(32));
  const [{ flow }] = engine.opVerifyToken('tok-1', 0).step.started;
  let step = flow.answered(status, body, 1);
  while (step.next !== undefined) step = typeof step.next === 'number' ? flow.woken() : flow.answered(status, body, 1);
  return step.settled[0].result;
}

function strict(body) {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)) };
  } catch {
    return undefined;
  }
}

/** Whether any object of a document, which is JSON, has a member twice. */
function hasTwice(text) {
  const open = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, -1));
      const names = open.at(-1);
      if (names.has(name)) return true;
      names.add(name);
    }
  }
  return false;
}

function some(value, holds, depth = 1) {
  if (holds(value, depth)) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, one]) => holds(name, depth) || some(one, holds, depth + 1));
}

const isAccount = ({ value }) => value?.ok === true && typeof value.data?.user?.id === 'string' && value.data.user.id !== '';
const isText = (value) => (value ?? '') === `${value ?? ''}`;
const isRefusing = (status) => status === undefined || status === null || (Number.isInteger(status) && ((status >= 200 && status <= 299) || (status >= 400 && status <= 499 && ![408, 425, 429].includes(status))));
/** With status 401. */
function isRefusal({ value }) {
  const error = value?.error ?? {};
  return value?.ok === false && typeof error === 'object' && !Array.isArray(error) && isText(error.message) && isText(error.code) && isRefusing(error.status);
}

// Of a case: its `text`, what another reader `said`, and, for JSON, what Node makes of it in `plain`.
const DIFFERENCES = [
  [['Python'], 'they alone', 'it is no JSON: NaN, Infinity, controls in texts, a byte order mark, UTF-16', ({ plain }) => !plain],
  [['JSON.parse', 'Python'], 'they alone', 'a member stands twice: which of them another reader takes is a guess', ({ text }) => hasTwice(text)],
  [['JSON.parse', 'Python'], 'they alone', 'an id has a control, or nothing that is seen', ({ said }) => /\p{Cc}|^[\s\p{Default_Ignorable_Code_Point}\u2800]*$/u.test(said.value.data?.user?.id ?? 'absent')],
  [['JSON.parse', 'Python'], 'they alone', 'nesting is deeper than 32', ({ said }) => some(said.value, (value, depth) => depth > 32 && typeof value === 'object' && value !== null)],
  [['JSON.parse', 'Python'], 'they alone', 'a text or a name has half of a surrogate pair, which no UTF-8 holds', ({ said }) => some(said.value, (value) => typeof value === 'string' && !value.isWellFormed())],
  [['JSON.parse', 'Python'], 'they alone', 'a number is larger than a double', ({ plain }) => plain && some(plain.value, (value) => Math.abs(value) === Infinity)],
];

export async function envelopes(native, read, count) {
  const corpus = ['envelope', 'json', 'problem'].flatMap(fuzzed);
  const differences = new Differences(DIFFERENCES);
  const rows = [];
  for (const [status, bases, holds] of [[200, ACCOUNTS, isAccount], [401, REFUSALS, isRefusal]]) {
    const all = [...bases.map((body) => Buffer.from(body)), ...corpus, ...documents(bases, count)];
    const lenient = await read('document', all.map((body) => body.toString('hex')));
    const counts = { taken: 0, strict: 0, lenient: 0 };
    for (const [at, body] of all.entries()) {
      const [{ user, failure }, plain, loose] = [opened(native, status, body), strict(body), lenient[at]];
      const text = body.toString();
      const isTaken = status === 200 ? user !== undefined : failure.refused;
      counts.strict += Number(plain !== undefined);
      counts.lenient += Number(loose !== null);
      if (!isTaken) {
        for (const [by, said] of [['JSON.parse', plain], ['Python', loose]]) {
          if (said && holds(said)) differences.add(by, 'they alone', { status, text, said, plain });
        }
        continue;
      }
      counts.taken += 1;
      assert.ok(plain !== undefined, `the core takes what is no JSON: ${JSON.stringify(text)}`);
      assert.ok(!hasTwice(text), `a member stands twice: ${JSON.stringify(text)}`);
      assert.ok(holds(plain) && loose && holds(loose), `others read it otherwise: ${JSON.stringify(text)}`);
      if (user === undefined) continue;
      const { id } = plain.value.data.user;
      assert.ok(user.startsWith(`0:5:tok-1${id.length}:${id}`), `another account than ${id}: ${user}`);
      assert.equal(loose.value.data.user.id, id, `Python reads another account: ${JSON.stringify(text)}`);
    }
    assert.ok(counts.taken > all.length / 20, 'some are taken, or nothing is compared');
    rows.push([status, status === 200 ? 'an account' : 'a refusal', all.length, counts.taken, counts.strict, counts.lenient]);
  }
  const title = 'Answers of the Cloud. The core takes none for an account or a refusal that `JSON.parse` does not read, or reads otherwise:';
  const columns = ['status', 'like', 'documents', 'taken', 'read by `JSON.parse`', 'read by Python, leniently'];
  return { tables: [{ title, columns, rows }], differences };
}
