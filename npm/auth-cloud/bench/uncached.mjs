// Tokens that were not seen before, or not for long, 64 at once, as they come with 64 requests: form, signature, issuer, audience, times.
//
// Two rows are the signature alone with node:crypto, on the main thread and on libuv's pool: they show for each algorithm
// whether the way to a thread and back pays. HS256 has no second one: node:crypto computes an HMAC where it stands.

import { createHmac, generateKeyPairSync, timingSafeEqual, verify } from 'node:crypto';
import { promisify } from 'node:util';

import { createSigner, createVerifier } from 'fast-jwt';
import { importJWK, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { table } from './report.mjs';
import { measure, repeated } from './rounds.mjs';
import { request } from './session.mjs';

const ROUNDS = 51;
const AT_ONCE = 64;
/** More than are remembered, by far, so that hardly one is remembered when its turn comes again. */
const TOKENS = 2048;
const CLAIMS_BYTES = 398;
const ISSUER = 'https://cloud.mastra.ai';
const AUDIENCE = 'demo';
const SECRET = 's'.repeat(32);
const KID = 'key_0123456789abcdef';
const OWN = '@mastra/auth-cloud';
const PAIRS = {
  HS256: () => undefined,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

/** One table per algorithm. */
export async function uncached() {
  const tables = [];
  for (const [algorithm, pair] of Object.entries(PAIRS)) tables.push(await compared(algorithm, pair()));
  return tables;
}

async function compared(algorithm, pair) {
  const tokens = issued(algorithm, pair?.privateKey);
  const checks = { [OWN]: ours(algorithm, pair?.publicKey), ...(await theirs(algorithm, pair?.publicKey)), ...raw(algorithm, tokens, pair?.publicKey) };
  const batches = Array.from({ length: TOKENS / AT_ONCE }, (_, at) => tokens.slice(at * AT_ONCE, (at + 1) * AT_ONCE));
  const all = check => {
    let turn = 0;
    return () => Promise.all(batches[(turn += 1) % batches.length].map(check));
  };
  for (const check of Object.values(checks)) await all(check)();
  const turns = Object.entries(checks).map(([name, check]) => [name, repeated(all(check), AT_ONCE)]);
  const rounds = await measure(ROUNDS, Object.fromEntries(turns));
  const known = checks[OWN].known();
  if (known > 0.01) throw new Error(`${OWN} knew ${(known * 100).toFixed(1)} % of the tokens already`);
  return table(`${algorithm}, unseen tokens of ${tokens[0].length} bytes, ${AT_ONCE} at once`, OWN, rounds, [
    ['times as fast as jose', 1, rounds.ratio('jose', OWN)],
  ]);
}

/** Tokens of one length, each of another session. */
function issued(algorithm, privateKey) {
  const key = privateKey?.export({ format: 'pem', type: 'pkcs8' }) ?? SECRET;
  const sign = createSigner({ algorithm, key, kid: KID });
  const iat = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'usr_0123456789abcdef',
    email: 'ada.lovelace@example.com',
    name: 'Ada Lovelace',
    roles: ['member', 'viewer'],
    avatar_url: 'https://example.com/avatars/usr_0123456789abcdef.png',
    iat,
    nbf: iat,
    exp: iat + 86_400,
    jti: '',
  };
  const sessions = Array.from({ length: TOKENS }, (_, at) => `ses_${String(at).padStart(16, '0')}`);
  const short = CLAIMS_BYTES - JSON.stringify({ ...claims, sid: sessions[0] }).length;
  return sessions.map(sid => sign({ ...claims, sid, jti: 'j'.repeat(Math.max(0, short)) }));
}

/** As it ships, but for how much is remembered. */
function ours(algorithm, publicKey) {
  const key = { ...publicKey?.export({ format: 'jwk' }), kid: KID, alg: algorithm, use: 'sig' };
  const auth = new MastraCloudAuth({
    projectId: AUDIENCE,
    cache: { maxEntries: 1 },
    verification: {
      by: 'keys',
      algorithms: [algorithm],
      issuer: ISSUER,
      ...(publicKey === undefined ? { secret: SECRET } : { jwks: { keys: [key] } }),
    },
  });
  const nothing = request('');
  const check = async token => {
    const user = await auth.authenticateToken(token, nothing);
    if (user === null) throw new Error(`${OWN} refuses its ${algorithm} token`);
    return user;
  };
  const known = () => {
    const { requests } = auth.statistics();
    const all = requests.reduce((sum, { count }) => sum + count, 0);
    return requests.filter(({ source }) => source === 'cache').reduce((sum, { count }) => sum + count, 0) / all;
  };
  return Object.assign(check, { known });
}

async function theirs(algorithm, publicKey) {
  const rules = { algorithms: [algorithm], issuer: ISSUER, audience: AUDIENCE, clockTolerance: 30 };
  const key = publicKey === undefined ? Buffer.from(SECRET) : await importJWK(publicKey.export({ format: 'jwk' }), algorithm);
  const pem = publicKey?.export({ format: 'pem', type: 'spki' }) ?? SECRET;
  const fast = createVerifier({
    key: pem,
    algorithms: [algorithm],
    allowedIss: ISSUER,
    allowedAud: AUDIENCE,
    clockTolerance: 30_000,
  });
  return {
    jose: token => jwtVerify(token, key, rules),
    'fast-jwt': token => fast(token),
    // It knows no EdDSA.
    ...(algorithm !== 'EdDSA' && { jsonwebtoken: token => jsonwebtoken.verify(token, publicKey ?? SECRET, rules) }),
  };
}

/** The signature alone, split and decoded beforehand. */
function raw(algorithm, tokens, publicKey) {
  const split = new Map(
    tokens.map(token => {
      const at = token.lastIndexOf('.');
      return [token, [Buffer.from(token.slice(0, at)), Buffer.from(token.slice(at + 1), 'base64url')]];
    }),
  );
  if (publicKey === undefined) {
    const check = token => {
      const [input, signature] = split.get(token);
      return timingSafeEqual(createHmac('sha256', SECRET).update(input).digest(), signature);
    };
    return { 'node:crypto, main thread': check };
  }
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' };
  const onPool = promisify(verify);
  return {
    'node:crypto, main thread': token => verify(hash, split.get(token)[0], key, split.get(token)[1]),
    'node:crypto, pool': token => onPool(hash, split.get(token)[0], key, split.get(token)[1]),
  };
}
