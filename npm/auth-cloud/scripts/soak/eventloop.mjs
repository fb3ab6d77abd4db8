// Event loop delay at 5,000 requests a second: four of five with a cached session, the fifth with an unseen token,
// one in fifty refused. Signatures are checked here, without a call to the Cloud.

import { generateKeyPairSync, sign } from 'node:crypto';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

import { MastraCloudAuth } from '../../dist/esm/index.js';

const A_SECOND = 5000;
const KNOWN = 1000;
const MOST_P99_MS = 5;

const PAIRS = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

const part = value => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A provider that knows the key, and tokens by it, each for another user. */
function world(alg, count) {
  const { publicKey, privateKey } = PAIRS[alg]();
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg, use: 'sig' }] };
  const auth = new MastraCloudAuth({ projectId: 'demo', verification: { by: 'keys', issuer: 'https://issuer', jwks }, onEvent() {} });
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const tokens = Array.from({ length: count }, (_, at) => {
    const input = `${part({ alg, kid: 'k' })}.${part({ iss: 'https://issuer', aud: 'demo', sub: `usr_${at}`, sid: `ses_${at}`, exp })}`;
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' };
    return `${input}.${sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), key).toString('base64url')}`;
  });
  return { auth, tokens };
}

/** Calls `request` with 0, 1, 2 and so on, so often a second; what is late is made up for at once. */
async function paced(seconds, request) {
  const begin = performance.now();
  const all = seconds * A_SECOND;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let sent = 0; sent < all; ) {
    const due = Math.min(all, Math.floor(((performance.now() - begin) * A_SECOND) / 1000));
    for (; sent < due; sent += 1) request(sent);
    await new Promise(resolve => setTimeout(resolve, 1));
  }
  delay.disable();
  return delay;
}

function row(name, delay) {
  const [p50, p99, most] = [delay.percentile(50), delay.percentile(99), delay.max].map(each => (each / 1e6).toFixed(2));
  return `  ${name.padEnd(14)} p50 ${p50} ms, p99 ${p99} ms, most ${most} ms`;
}

async function under(alg, seconds) {
  const unseen = (seconds * A_SECOND) / 5;
  const { auth, tokens } = world(alg, KNOWN + unseen);
  for (const token of tokens.slice(0, KNOWN)) await auth.authenticateToken(token, {});
  const wrong = [];
  let next = KNOWN;
  const answers = [];
  const delay = await paced(seconds, at => {
    const isUnseen = at % 5 === 0;
    const isRefused = at % 50 === 5;
    const index = isUnseen ? next++ : at % KNOWN;
    const token = isRefused ? `${tokens[index].slice(0, -8)}AAAAAAAA` : tokens[index];
    const wanted = isRefused ? undefined : `usr_${index}`;
    answers.push(auth.authenticateToken(token, {}).then(user => user?.id === wanted || wrong.push(index)));
  });
  await Promise.all(answers);
  if (wrong.length > 0) throw new Error(`${alg}: ${wrong.length} of ${answers.length} got the wrong answer`);
  if (delay.percentile(99) / 1e6 >= MOST_P99_MS) throw new Error(`${row(alg, delay)}: over ${MOST_P99_MS} ms`);
  return row(alg, delay);
}

/** So many seconds for each algorithm, and for nothing at the same pace. */
export async function run(seconds = 20) {
  const rows = [row('nothing', await paced(seconds, () => {}))];
  for (const alg of Object.keys(PAIRS)) rows.push(await under(alg, seconds));
  return `eventloop: delay at ${A_SECOND} requests a second, measured every millisecond\n${rows.join('\n')}`;
}
