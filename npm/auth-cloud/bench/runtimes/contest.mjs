// This package beside jose and fast-jwt, in whatever runtime this is.
//
// Unseen tokens: `authenticateToken` by keys, and jose's `jwtVerify` with an imported key and the same rules. Known ones: a request
// with 1 kB of cookies, and fast-jwt's cache with the token in hand. Neither needs a Cloud.

import { parse } from 'cookie';
import { createVerifier } from 'fast-jwt';
import { exportSPKI, jwtVerify } from 'jose';

import { MastraCloudAuth } from '../../dist/esm/index.js';
import { measure, repeated } from '../rounds.mjs';
import { amongOthers, AUDIENCE, byKeys, ISSUER, keysOf, request, sign } from './subject.mjs';

const AT_ONCE = 64;
const OWN = 'ours';
const ALGORITHMS = ['HS256', 'RS256', 'ES256', 'EdDSA'];

/** All of it: `rounds`, of how many `tokens`, and the turns and clock of `repeated`. */
export async function contest(options) {
  const found = { known: await known(options), unseen: {} };
  for (const algorithm of ALGORITHMS) {
    found.unseen[algorithm] = { one: await unseen(algorithm, 1, options), atOnce: await unseen(algorithm, AT_ONCE, options) };
  }
  return found;
}

/** A request of a known person. */
export async function known({ rounds, ...options }) {
  const { privateKey, publicKey, source } = await keysOf('EdDSA');
  const token = await sign('EdDSA', privateKey, 0);
  const auth = new MastraCloudAuth(byKeys('EdDSA', source));
  const theirs = request({ cookie: amongOthers(`__Host-mastra_session=${token}`) });
  if ((await auth.authenticateToken('', theirs)) === null) throw new Error('this package refuses its cookie');
  const cached = createVerifier({ key: await exportSPKI(publicKey), cache: true });
  const header = request({ cookie: amongOthers(`token=${token}`) });
  return compared(rounds, {
    [OWN]: repeated(() => auth.authenticateToken('', theirs), 1, options),
    'fast-jwt, cache': repeated(() => cached(token), 1, options),
    'fast-jwt, cache, cookie': repeated(() => cached(parse(header.header('cookie')).token), 1, options),
  });
}

/** Tokens that were not seen before, so many at once. At most one is remembered, so none is known when its turn comes again. */
export async function unseen(algorithm, atOnce, { rounds, tokens: count, ...options }) {
  const { privateKey, publicKey, source } = await keysOf(algorithm);
  const tokens = await Promise.all(Array.from({ length: count }, (_, at) => sign(algorithm, privateKey, at)));
  const auth = new MastraCloudAuth({ ...byKeys(algorithm, source), cache: { maxEntries: 1 } });
  const nothing = request();
  const rules = { algorithms: [algorithm], issuer: ISSUER, audience: AUDIENCE, clockTolerance: 30 };
  const ours = async token => {
    if ((await auth.authenticateToken(token, nothing)) === null) throw new Error(`this package refuses its ${algorithm} token`);
  };
  const theirs = token => jwtVerify(token, publicKey, rules);
  const turn = check => {
    let next = 0;
    const one = () => check(tokens[(next += 1) % count]);
    return repeated(atOnce === 1 ? one : () => Promise.all(Array.from({ length: atOnce }, one)), atOnce, options);
  };
  const found = await compared(rounds, { [OWN]: turn(ours), jose: turn(theirs) });
  const { requests } = auth.statistics();
  const sum = all => all.reduce((total, one) => total + one.count, 0);
  const share = sum(requests.filter(one => one.source === 'cache')) / sum(requests);
  if (share > 0.01) throw new Error(`${(share * 100).toFixed(1)} % of the tokens were known already`);
  return found;
}

/** Microseconds of each, and how many times as long ours takes in the same round. */
async function compared(count, contenders) {
  const rounds = await measure(count, contenders);
  return Object.fromEntries(rounds.names.map(name => [name, { micros: rounds.median(name), ratio: rounds.ratio(OWN, name) }]));
}
