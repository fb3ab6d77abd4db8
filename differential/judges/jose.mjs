/** `jose`, the version that the npm package is tested with. One verdict a line; see `src/judges/child.rs`. */

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const from = createRequire(new URL('../../npm/auth-cloud/package.json', import.meta.url));
const { createLocalJWKSet, jwtVerify } = await import(pathToFileURL(from.resolve('jose')).href);

let secret;
let keys;
let common;
let answers = '';

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (common === undefined) {
    const { jwks, secret: text, now, leeway, audience, issuer } = JSON.parse(line);
    // Made once: to import a secret for each token is most of what HS256 costs.
    const usage = { name: 'HMAC', hash: 'SHA-256' };
    secret = await crypto.subtle.importKey('raw', Buffer.from(text, 'base64url'), usage, false, ['verify']);
    // RFC 9864 gives EdDSA with this curve a second name, and a key with one of them is not used for the other.
    const isOfBoth = ({ crv }) => crv === 'Ed25519';
    keys = createLocalJWKSet({ keys: jwks.keys.map(key => (isOfBoth(key) ? { ...key, alg: undefined } : key)) });
    common = { audience, issuer, clockTolerance: leeway, currentDate: new Date(now * 1000), requiredClaims: ['exp', 'sub'] };
    continue;
  }
  const answer = await verdict(line[0], JSON.parse(line.slice(2)));
  answers += answer;
  if (answers.length > 4096) flush();
  else setImmediate(flush);
}
flush();

function flush() {
  if (answers !== '') process.stdout.write(answers);
  answers = '';
}

async function verdict(deployment, token) {
  try {
    const ask = deployment === 'S'
      ? jwtVerify(token, secret, { ...common, algorithms: ['HS256'] })
      : jwtVerify(token, keys, { ...common, algorithms: ['RS256', 'ES256', 'EdDSA', 'Ed25519'] });
    await ask;
    return 'ok\n';
  } catch (error) {
    return `no ${error.code ?? error.name}\n`;
  }
}
