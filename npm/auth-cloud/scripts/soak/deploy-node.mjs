// Two hundred sessions over three instances behind a round robin, tokens of five seconds, and a deploy in the middle: no user is signed out.
// Each request is served as a Mastra server serves it: without a user it refreshes the session and authenticates again.

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { MastraCloudAuth } from '../../dist/esm/index.js';
import { signIn, withCloud } from './people.mjs';

const MODES = ['cloud', 'keys', 'keys+session'];
const INSTANCES = 3;
const COOKIE = 'mastra_session';

/** Who is served, and what the browser holds then. An answer that could not be found out is thrown, and signs no user out. */
async function serve(auth, held) {
  const headers = token => ({ headers: new Headers({ cookie: `${COOKIE}=${token}` }) });
  const user = await auth.authenticateToken('', headers(held));
  if (user !== null) return { id: user.id, held };
  const session = await auth.refreshSession(held);
  if (session === null) return {};
  const again = await auth.authenticateToken('', headers(session.id));
  // On a busy machine its five seconds may be over by now; the browser holds what the next request renews.
  const isLate = again === null && endOf(session.id) <= Date.now();
  return { id: again?.id, held: session.id, isLate };
}

function endOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).exp * 1000;
}

async function under(by, url, { sessions, seconds, pause, leeway }) {
  const verification = by === 'cloud' ? by : { by, leeway };
  const fleet = () =>
    Array.from({ length: INSTANCES }, () => new MastraCloudAuth({ projectId: 'demo', baseUrl: url, cookieName: COOKIE, secure: false, verification, onEvent() {} }));
  let instances = fleet();
  let requests = 0;
  let renewals = 0;
  let unavailable = 0;
  let late = 0;
  let until = Infinity;
  const people = signIn(url, sessions);
  const deploy = async () => {
    await people.at(-1);
    until = performance.now() + seconds * 1000;
    await sleep(seconds * 500);
    instances = fleet();
  };
  const live = async person => {
    const { token, id } = await person;
    // They do not come all at once.
    await sleep(Math.random() * pause);
    for (let held = token; performance.now() < until; await sleep(Math.random() * pause)) {
      const served = await serve(instances[requests % INSTANCES], held).catch(error => {
        if (error.name !== 'CloudApiError') throw error;
        unavailable += 1;
        return { id, held };
      });
      requests += 1;
      late += Number(served.isLate === true);
      if (served.id !== id && !served.isLate) {
        // Past 60 s the Cloud renews nothing: then a minute's answers were 503, and the machine was too busy for its Cloud.
        const past = Math.round((Date.now() - endOf(held)) / 1000);
        throw new Error(`${by}: signed out ${past} s past a token's end, after ${requests} requests and ${unavailable} answers 503`);
      }
      renewals += Number(served.held !== held);
      held = served.held;
    }
  };
  await Promise.all([deploy(), ...people.map(live)]);
  return `  ${by}: ${requests} requests, ${renewals} newer tokens, ${late} that ended at once, ${unavailable} answers 503, 0 sign-outs`;
}

/** All ways to verify at once; times in seconds, the longest pause between two requests of a session in milliseconds. */
export function run({ sessions = 200, seconds = 300, token = 5, pause = 4000, leeway = 30 } = {}) {
  return withCloud(['--token-lifetime', String(token)], async url => {
    const rows = await Promise.all(MODES.map(mode => under(mode, url, { sessions, seconds, pause, leeway })));
    return `deploy-node: ${sessions} sessions, three instances replaced in the middle, tokens of ${token} s, ${seconds} s\n${rows.join('\n')}`;
  });
}
