// Credentials and answers of hostile sizes: each is refused, soon, and costs those who are signed in next to nothing. Rounds with hostile
// requests and without them take turns, so that what else the machine does falls on both.

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { MastraCloudAuth } from '../../dist/esm/index.js';
import { signIn, withCloud } from './people.mjs';

const DEPTH = 100_000;
const MOST_US = 50;
const MOST_RATIO = 2;
const DEEP = '['.repeat(DEPTH);

/** A text in one piece, as a server reads it from its socket. What `repeat` makes are many, and reading those costs more. */
const received = text => Buffer.from(text).toString();

/** Hostile requests, each with the code of its refusal, or the error where it cannot be checked. The first two must be refused at once. */
const HOSTILE = [
  { name: 'a cookie header of 1 MiB', headers: { cookie: received(`a=${'x'.repeat(2 ** 20 - 2)}`) }, code: 'cookie_header_too_large' },
  { name: 'a bearer of a million dots', token: received('.'.repeat(1_000_000)), code: 'invalid_token' },
  { name: '10,000 cookies in one header', headers: { cookie: received('mastra_session=x; '.repeat(10_000)) }, code: 'cookie_header_too_large' },
  { name: 'a token whose claims are 100,000 deep', token: received(`e30.${Buffer.from(DEEP).toString('base64url')}.c2ln`), code: 'invalid_token' },
  { name: 'an answer of the Cloud that is 100,000 deep', token: 'deep', error: 'CloudApiError' },
];

/** A provider whose Cloud answers one token with JSON that is very deep. */
function provider(baseUrl, codes) {
  const fetch = (url, init) => {
    if (new Headers(init?.headers).get('authorization') !== 'Bearer deep') return globalThis.fetch(url, init);
    return Promise.resolve(new Response(DEEP));
  };
  const onEvent = ({ type, code }) => void (type === 'credential_rejected' && codes.push(code));
  return new MastraCloudAuth({ projectId: 'demo', baseUrl, fetch, onEvent });
}

/** How many milliseconds it takes to be refused as it should. */
async function ask({ auth, codes }, { name, token = '', headers = {}, code, error = null }) {
  codes.length = 0;
  const begun = performance.now();
  const found = await auth.authenticateToken(token, { headers }).catch(thrown => thrown.name);
  const took = performance.now() - begun;
  if (found !== error || codes[0] !== code) throw new Error(`${name}: ${found}, ${codes[0]}`);
  return took;
}

/** Another request of a signed-in user about each millisecond, each followed by a hostile one where there are `some`. */
async function round(world, { token, id }, seconds, some) {
  const times = [];
  const until = performance.now() + seconds * 1000;
  for (let at = 0; performance.now() < until; at += 1) {
    const begun = performance.now();
    const user = await world.auth.authenticateToken(token, {});
    times.push(performance.now() - begun);
    if (user?.id !== id) throw new Error('a user was refused');
    if (some) await ask(world, HOSTILE[at % HOSTILE.length]);
    await sleep(1);
  }
  return times;
}

function quantile(times, share) {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.min(times.length - 1, Math.floor(times.length * share))] * 1000;
}

/** So many of each, then so many rounds of so many seconds each way; one round counts and does not compare. */
export function run(count = 1000, rounds = 6, seconds = 10) {
  return withCloud([], async baseUrl => {
    const codes = [];
    const world = { auth: provider(baseUrl, codes), codes };
    const [person] = await Promise.all(signIn(baseUrl, 1));
    const lines = [];
    for (const [place, hostile] of HOSTILE.entries()) {
      const times = [];
      for (let at = 0; at < count; at += 1) times.push(await ask(world, hostile));
      const half = quantile(times, 0.5);
      lines.push(`  ${hostile.name}: refused in ${half.toFixed(1)} µs, p99 ${quantile(times, 0.99).toFixed(1)} µs`);
      if (rounds > 1 && place < 2 && half >= MOST_US) throw new Error(lines.join('\n'));
    }
    const times = { without: [], with: [] };
    for (let at = 0; at < rounds; at += 1) {
      for (const way of ['without', 'with']) for (const time of await round(world, person, seconds, way === 'with')) times[way].push(time);
    }
    const [alone, beside] = [times.without, times.with].map(each => quantile(each, 0.99));
    const ratio = beside / alone;
    lines.push(`  ${times.with.length} requests of a signed-in user with a hostile one after each: p99 ${beside.toFixed(1)} µs, ${alone.toFixed(1)} without: ${ratio.toFixed(2)} times`);
    if (rounds > 1 && ratio >= MOST_RATIO) throw new Error(lines.join('\n'));
    return `hostile-node: each ${count} times, then ${rounds} rounds of ${seconds} s each way\n${lines.join('\n')}`;
  });
}
