// Cookies: what the core reads of a `Cookie` header and writes as `Set-Cookie`, before Chromium, undici and Python's `http.cookies`.
import assert from 'node:assert/strict';
import { getCookies, getSetCookies, Headers } from 'undici';

import { generator } from '../../npm/auth-cloud/scripts/random.mjs';
import { Differences } from './differences.mjs';
import { fuzzed } from './fuzzed.mjs';
import { sendRaw, withPage } from './page.mjs';

/** Names whose values are compared. */
const NAMES = ['mastra_session', '__Host-mastra_session', 'a'];
const NEAR = [
  'xmastra_session', 'mastra_sessionx', 'MASTRA_SESSION', '__host-mastra_session', '__Secure-mastra_session', '__Host-__Host-mastra_session', '"mastra_session"', '%6dastra_session',
  'mastra_session ', 'mastra_session\t', ' mastra_session', '\u00A0mastra_session', '\u000Bmastra_session', '\u000Ca', 'mastra session', 'mastra_session[]', 'mastra_session,', '', ' ', '__Host-',
  '$Version', '$Path', 'path', 'Expires', 'HttpOnly', '__proto__', 'constructor', 'b', 'c', 'é', 'a:b', 'a/b', '\u0001', 'x@y', '(x)', '{x}', '\\', '=a',
];
const VALUES = [
  'token', 'token', 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln', '', '=', '==', 'a=b', 'mastra_session=evil', '=mastra_session=evil', '"token"', '""', '"', '"token', 'token"', '"a;mastra_session=evil"', '"a; a=evil"',
  '"a,mastra_session=evil"', '"\\"x\\""', '"\\101"', '\\101', 'a b', ' token', 'token ', '\ttoken\t', 'a,b', 'a, mastra_session=evil', 'a mastra_session=evil', '%41', '%3B%20mastra_session=evil', '%', '+', '\u00A0token\u00A0',
  '\u0001', '\u007F', '\u0080', 'é', 'Ã©', '{"a":1}', '[1]', '(x)', '<x>', '@', ':', '/', '\\', "'x'", '`', '^', '|', '~', '$x', 'Fri, 01-Jan-2027 00:00:00 GMT', 'x'.repeat(300),
];
const SEPARATORS = ['; ', '; ', '; ', '; ', ';', ' ;', ' ; ', ';;', '; ;', ';\t', '\t;', ', ', ',', ' ', '&', ';\u00A0', ';\u000B', ';=;', '; $Version=1; '];

function chooser(seed) {
  const next = generator(seed);
  const below = (end) => Math.floor(next() * end);
  return { below, pick: (all) => all[below(all.length)] };
}

/** `Cookie` headers, the same in every run: only what a server hands on. */
function headers(count) {
  const { below, pick } = chooser(20260302);
  const pair = () => [pick([...NAMES, pick(NEAR), pick(NEAR)]), pick(['=', '=', '=', '=', '=', '=', '=', ' =', '= ', '']), pick(VALUES)].join('');
  const made = () => {
    // One part that is odd at a time is what there is to learn from most; some headers have many of one name.
    const parts = Array.from({ length: 1 + below(below(10) === 0 ? 12 : 4) }, pair);
    return parts.reduce((all, part) => `${all}${pick(SEPARATORS)}${part}`);
  };
  const long = `a=1; b=${'x'.repeat(20_000)}; mastra_session=token`;
  return [long, ...Array.from({ length: count }, made)];
}

// Of a case: `header`, `name`, `ours` (all values, or an error's code) and `theirs`.
const hasPart = ({ header, name }, holds) => header.split(';').some((part) => holds(part, part.indexOf('='), name));
/** As browsers write it (RFC 6265 section 4.2.1), and with nothing that any of the readers gives a meaning of its own. */
const isPlain = ({ header }) => /^(?:[\w!#%&'*+\-.^`|~]+=[!#-+\--:<-[\]-~]*(?:; |$))*$/.test(header) && !/(?:^|; )(?:expires|path|comment|domain|max-age|secure|httponly|version|samesite|partitioned)=/i.test(header);
const hasOddSpace = ({ header }) => /(?:^|[^;])\s|[^\S \t]|\s(?:\s|=|$)/.test(header);
const hasQuote = ({ header }) => header.includes('"');
const isNamedByTrimming = (one) => hasPart(one, (part, at, name) => at > 0 && part.slice(0, at).trim() === name && part.slice(0, at).replace(/^[ \t]+/, '') !== name);
const isNamedAlone = (one) => hasPart(one, (part, at, name) => at < 0 && part.trim() === name);

/** Where others read a header otherwise, and why. A way is `we alone`, `they alone`, `another value`, or what the core refuses. */
const READ = [
  [['undici', 'Python'], 'too_many_cookies', 'more than four cookies of one name are refused: each costs a check', ({ header, name }) => header.split(name).length > 5],
  [['undici', 'Python'], 'cookie_header_too_large', 'a header over 16 KiB is refused', ({ header }) => header.length > 16 * 1024],
  [['undici'], 'they alone', 'a name is trimmed of every white space, also of what browsers take for a part of it, such as U+00A0', isNamedByTrimming],
  [['undici'], 'they alone', 'a part without an equals sign is a cookie with that name', isNamedAlone],
  [['undici'], 'another value', 'the last of a name counts, and it is one of those', (one) => isNamedByTrimming(one) || isNamedAlone(one)],
  [['undici'], 'another value', 'white space behind a value belongs to it', ({ ours, theirs }) => ours.includes(theirs.replace(/[ \t]+$/, ''))],
  [['Python'], 'they alone', 'any white space ends a value, and is taken off around names and equals signs', hasOddSpace],
  [['Python'], 'another value', 'quotes are taken off, and what is in them is decoded and may be a semicolon', hasQuote],
  [['Python'], 'another value', 'any white space ends a value, and is taken off around names and equals signs', hasOddSpace],
  [['Python'], 'we alone', 'the header is read no further at a part that is not as browsers write it, or is an attribute', (one) => !isPlain(one)],
];

/** Headers that no browser sends too: what others find under a name, the core finds, unless the list says why not. */
async function readers(native, read, count) {
  const corpus = ['cookie', 'authenticate'].flatMap(fuzzed).map((bytes) => bytes.toString('latin1'));
  const all = [...corpus, ...headers(count)].filter((header) => !/[\0\r\n]/.test(header));
  const theirs = await read('cookies', all);
  const differences = new Differences(READ);
  let found = 0;
  for (const [at, header] of all.entries()) {
    const sent = new Headers({ cookie: header });
    const undici = getCookies(sent);
    for (const name of NAMES) {
      const ours = native.cookieValues(header, name);
      const others = { undici: undici[name], Python: theirs[at]?.[name]?.[0] };
      if (ours.length > 0) found += 1;
      for (const [by, value] of Object.entries(others)) {
        const what = 'failure' in ours ? ours.code : ours.length === 0 ? value !== undefined && 'they alone' : value === undefined ? 'we alone' : !ours.includes(value) && 'another value';
        if (what) differences.add(by, what, { header, name, ours, theirs: value });
      }
    }
  }
  return { headers: all.length, found, differences };
}

/** Whatever other cookies Chromium holds, what the core reads under a name is what Chromium holds under it. */
async function neighbours(native, browser, count) {
  const { below, pick } = chooser(20260303);
  const line = () => `${pick([...NAMES, ...NEAR, ...NEAR])}${pick(['=', '=', '=', '=', '=', ' =', '= ', ''])}${pick(VALUES)}${pick(['', '', '; Path=/', '; Path=/deep', '; Secure', '; Secure; Path=/', '; Path=/; Secure; HttpOnly', ';', '; Domain=', '; a; b=c'])}`;
  let [set, kept] = [0, 0];
  const first = NEAR.map((name) => `${name}=evil`);
  for (let at = 0; set < count; at += 1) {
    const lines = Array.from({ length: 1 + below(15) }, () => first.pop() ?? line());
    set += lines.length;
    const { header, jar } = await browser.exchange(`b${at}.localhost`, lines);
    kept += jar.length;
    for (const name of new Set([...NAMES, ...jar.map((one) => one.name).filter((one) => one.startsWith('__Host-') || /^[\w[\]]+$/.test(one))])) {
      const ours = native.cookieValues(header, name).map((value) => Buffer.from(value, 'latin1').toString());
      const theirs = jar.filter((one) => one.name === name).map((one) => one.value);
      assert.deepEqual(ours.toSorted(), theirs.toSorted(), JSON.stringify({ name, lines, header }));
    }
  }
  return { set, kept };
}

const OCTETS = Array.from({ length: 0x5E }, (_, at) => String.fromCharCode(0x21 + at)).filter((one) => !'",;\\'.includes(one));

/** Options of a session cookie and a value, the same in every run. */
function written(count) {
  const { below, pick } = chooser(20260304);
  return Array.from({ length: count }, () => {
    const sameSite = pick(['Lax', 'Strict', 'None']);
    const secure = sameSite === 'None' || below(2) === 0;
    const options = { sameSite, secure, cookieName: pick([undefined, 'id', 'a.b-c_d', '!#$%&\'*+-.^`|~']), cookiePrefix: pick([undefined, true, false]), production: false, development: false };
    const value = Array.from({ length: pick([0, 1, 20, 400, 3900]) }, () => pick(OCTETS)).join('');
    return { options, withDomain: below(4) === 0, value, age: pick([1, 60, 3600, 86_400, 34_560_000]) };
  });
}

const asWritten = ({ name, value, httpOnly, secure, sameSite, path }) => ({ name, value, httpOnly, secure, sameSite, path });

/** What the core writes, undici and Python read as it was meant, and Chromium holds it, sends it back and deletes it. */
async function writer(native, read, browser, count, pages) {
  let inBrowser = 0;
  const all = written(count);
  const hosts = all.map((_, at) => `w${at}.localhost`);
  const lines = all.map(({ options, withDomain, value, age }, at) => {
    const made = native.cookieLine({ ...options, ...(withDomain && { cookieDomain: hosts[at] }) }, value, age);
    assert.ok(typeof made === 'string', JSON.stringify([options, value, made]));
    return made;
  });
  const morsels = await read('cookies', lines);
  for (const [at, { options, withDomain, value, age }] of all.entries()) {
    const line = lines[at];
    const { sameSite, secure, cookiePrefix, cookieName = 'mastra_session' } = options;
    const name = `${secure && !withDomain && cookiePrefix !== false ? '__Host-' : ''}${cookieName}`;
    const meant = { name, value, httpOnly: true, secure, sameSite, path: '/' };
    const domain = withDomain ? hosts[at] : undefined;
    const headers = new Headers();
    headers.append('set-cookie', line);
    const [undici] = getSetCookies(headers);
    assert.deepEqual({ secure: false, ...asWritten(undici), secure: undici.secure ?? false }, meant, line);
    assert.deepEqual([undici.maxAge, undici.domain], [age, domain], line);
    const [[pythonName, [pythonValue, { httponly, secure: isSecure = false, samesite, path, domain: of, 'max-age': maxAge }]], ...more] = Object.entries(morsels[at]);
    assert.deepEqual(more, [], line);
    assert.deepEqual({ name: pythonName, value: pythonValue, httpOnly: httponly, secure: isSecure, sameSite: samesite, path }, meant, line);
    assert.deepEqual([maxAge, of], [`${age}`, domain], line);
    if (at >= pages) continue;
    const before = Date.now() / 1000;
    const { header, jar } = await browser.exchange(hosts[at], [line]);
    const [held, ...others] = jar;
    assert.deepEqual(others, [], line);
    assert.deepEqual(held && asWritten(held), meant, line);
    assert.equal(held.domain, withDomain ? `.${domain}` : hosts[at], line);
    assert.ok(held.expires >= before + age - 1 && held.expires <= Date.now() / 1000 + age + 1, line);
    if (header !== '') assert.deepEqual(native.cookieValues(header, name), [value], line);
    const clear = native.cookieLine({ ...options, ...(withDomain && { cookieDomain: domain }) }, undefined, 0);
    assert.deepEqual((await browser.exchange(hosts[at], [clear])).jar, [], clear);
    inBrowser += 1;
  }
  return { lines: all.length, inBrowser };
}

/** Sets cookies at a host of a browser, and says which came back, as Node has it, and which are held. */
class Jar {
  #lines = [];
  #header = '';

  answer(request, response) {
    if (request.url === '/deep/back') this.#header = request.headers.cookie ?? '';
    if (request.url !== '/deep/set') return void response.end();
    sendRaw(response, '200 OK', this.#lines.map((line) => `Set-Cookie: ${line}`));
  }

  async exchange(host, lines) {
    this.#lines = lines;
    await this.page.goto(`http://${host}/deep/set`);
    await this.page.goto(`http://${host}/deep/back`);
    return { header: this.#header, jar: await this.page.context().cookies(`http://${host}/deep/back`) };
  }
}

export async function cookies(native, read, count, pages) {
  const heard = await readers(native, read, count);
  return await withPage(new Jar(), async (browser) => {
    const held = await neighbours(native, browser, pages * 10);
    const wrote = await writer(native, read, browser, count, pages);
    const tables = [
      {
        title: 'Cookies. The core reads under a name what Chromium holds under it, and all read what it writes as it was meant:',
        columns: ['', 'cases', 'compared with'],
        rows: [
          [`\`Cookie\` headers, ${NAMES.length} names in each; ${heard.found} times the core finds a value`, heard.headers, 'undici, Python'],
          [`cookies that a server sets, of which Chromium keeps ${held.kept}`, held.set, 'Chromium'],
          ['`Set-Cookie` lines that the core writes', wrote.lines, 'undici, Python'],
          ['of them set, sent back and deleted', wrote.inBrowser, 'Chromium'],
        ],
      },
    ];
    return { tables, differences: heard.differences };
  });
}
