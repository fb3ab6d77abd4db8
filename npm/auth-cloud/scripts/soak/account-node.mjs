// One account among a hundred that the Cloud cannot serve: what it costs the other 99. Rounds with it and without it take turns, so that
// what else the machine does falls on both.

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { MastraCloudAuth } from '../../dist/esm/index.js';
import { signIn, withCloud } from './people.mjs';

const MOST_RATIO = 1.2;
const PAUSE_S = 5;

/** A provider whose Cloud answers this token with that status. */
function provider(baseUrl, broken, status, calls) {
  const fetch = (url, init) => {
    if (new Headers(init?.headers).get('authorization') !== `Bearer ${broken.token}`) return globalThis.fetch(url, init);
    calls.push(url);
    return Promise.resolve(new Response('{"ok":false}', { status }));
  };
  return new MastraCloudAuth({ projectId: 'demo', baseUrl, fetch, cache: { fresh: 1, refreshEarly: 0 }, onEvent() {} });
}

/** The others ask 20 times a second each; how long each answer took. What a busy machine's Cloud did not answer in time goes to `late`. */
async function round(auth, others, broken, seconds, late) {
  const times = [];
  const until = performance.now() + seconds * 1000;
  const isOver = () => performance.now() >= until;
  const serve = async ({ token, id }, at) => {
    for (await sleep(at / 2); !isOver(); await sleep(50)) {
      const begun = performance.now();
      const user = await auth.authenticateToken(token, {}).catch(error => {
        if (error?.code !== 'timeout') throw error;
        late.push(id);
        return { id };
      });
      times.push(performance.now() - begun);
      if (user?.id !== id) throw new Error(`one of the others was ${user === null ? 'refused' : 'taken for somebody else'}`);
    }
  };
  const fail = async () => {
    while (broken !== undefined && !isOver()) {
      const error = await auth.authenticateToken(broken.token, {}).then(() => undefined, error => error);
      if (error?.name !== 'CloudApiError') throw new Error('the broken account was not unavailable');
      await sleep(10);
    }
  };
  await Promise.all([...others.map(serve), fail()]);
  return times;
}

const quantile = (times, share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];

/** So many rounds of so many seconds each way; one round counts and does not compare. */
export function run(rounds = 6, seconds = 10) {
  return withCloud([], async url => {
    const [broken, ...others] = await Promise.all(signIn(url, 100));
    const lines = [];
    for (const status of [500, 429]) {
      const times = { without: [], with: [] };
      const late = [];
      for (let at = 0; at < rounds; at += 1) {
        for (const name of at % 2 === 0 ? ['without', 'with'] : ['with', 'without']) {
          const calls = [];
          const auth = provider(url, broken, status, calls);
          const begun = performance.now();
          const found = await round(auth, others, name === 'with' ? broken : undefined, seconds, late);
          for (const time of found) times[name].push(time);
          // Five failures, and one call in each pause; each may be made twice.
          const most = 2 * (5 + (performance.now() - begun) / 1000 / PAUSE_S + 1);
          if (calls.length > most) throw new Error(`the Cloud was asked ${calls.length} times about the one`);
        }
      }
      for (const list of Object.values(times)) list.sort((one, other) => one - other);
      const p99 = { without: quantile(times.without, 0.99), with: quantile(times.with, 0.99) };
      const ratio = p99.with / p99.without;
      const served = times.with.length;
      lines.push(`  ${status}: ${served} requests of others, 0 refused, ${late.length} timed out; p99 ${p99.with.toFixed(2)} ms, ${p99.without.toFixed(2)} without: ${ratio.toFixed(2)} times`);
      if (rounds > 1 && ratio > MOST_RATIO) throw new Error(lines.join('\n'));
    }
    return `account-node: one broken account and 99 others, ${rounds} rounds of ${seconds} s each way\n${lines.join('\n')}`;
  });
}
