// Who a request comes from, asked again and again: this package beside what one would use instead.
//
// Tokens are JWTs of one length, Ed25519 where nothing else is said. `cookie` begins where this package does, at a request with
// 1 kB of cookies; the others have their token in hand. @mastra/auth-clerk asks for its keys at each call: of a process here.

import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';

import { MastraJwtAuth } from '@mastra/auth';
import { MastraAuthClerk } from '@mastra/auth-clerk';
import { parse } from 'cookie';
import { createSigner, createVerifier } from 'fast-jwt';
import { importSPKI, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';

import { table } from './report.mjs';
import { measure, repeated } from './rounds.mjs';
import { amongOthers, DEPLOYED, firstLine, LOCAL, request, signIn } from './session.mjs';

const ROUNDS = 101;
const OWN = '@mastra/auth-cloud, warm';
const OWN_LOCAL = '@mastra/auth-cloud, plain http';
const OWN_SEALED = '@mastra/auth-cloud, dialect platform';

export async function warm() {
  const { cloud, auth, user, cookie: session, end } = await signIn();
  const cookie = amongOthers(session, session.length);
  const theirs = request(cookie);
  const local = await signIn(LOCAL);
  const locals = request(amongOthers(local.cookie, local.cookie.length), LOCAL);
  const sealed = await signIn(DEPLOYED, 'platform');
  const theirsSealed = request(amongOthers(sealed.cookie, sealed.cookie.length));

  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const pem = key => key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' });
  const payload = { sub: user.id, email: user.email, roles: user.roles, sid: 'ses_1', iss: cloud, aud: 'demo', exp: 4e9 };
  const sign = createSigner({ algorithm: 'EdDSA', key: pem(privateKey) });
  // As long as the Cloud's own, so that both are hashed for as long.
  const short = user.sessionToken.length - sign({ ...payload, jti: '' }).length;
  const token = sign({ ...payload, jti: 'j'.repeat(Math.max(0, Math.floor((short * 3) / 4))) });
  const key = await importSPKI(pem(publicKey), 'EdDSA');
  const cached = createVerifier({ key: pem(publicKey), cache: true });
  const uncached = createVerifier({ key: pem(publicKey) });
  const withToken = new Headers({ cookie: amongOthers(`token=${token}`, session.length) });

  const body = JSON.stringify({ token: user.sessionToken });
  const asks = {
    method: 'POST',
    headers: { authorization: `Bearer ${user.sessionToken}`, 'content-type': 'application/json', 'x-project-id': 'demo' },
    body,
  };

  const secret = 's'.repeat(32);
  const hs256 = new MastraJwtAuth({ secret });
  const symmetric = createSigner({ algorithm: 'HS256', key: secret })(payload);

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signed = createSigner({ algorithm: 'RS256', key: pem(rsa.privateKey), kid: 'k' })(payload);
  const keys = JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }] });
  const serve = `const server = require('http').createServer((_, to) => to.end(process.argv[1]));
    server.listen(0, () => console.log(server.address().port));`;
  const keyServer = spawn(process.execPath, ['-e', serve, keys], { stdio: ['ignore', 'pipe', 'inherit'] });
  const clerk = new MastraAuthClerk({
    jwksUri: `http://localhost:${await firstLine(keyServer)}/`,
    publishableKey: 'pk_test_Y2xlcmsuZXhhbXBsZS5jb20k',
    secretKey: 'sk_test_none',
  });
  if ((await clerk.authenticateToken(signed, theirs))?.sub !== user.id) throw new Error('@mastra/auth-clerk refuses its token');

  const rounds = await measure(ROUNDS, {
    [OWN]: repeated(() => auth.authenticateToken('', theirs)),
    [OWN_LOCAL]: repeated(() => local.auth.authenticateToken('', locals)),
    [OWN_SEALED]: repeated(() => sealed.auth.authenticateToken('', theirsSealed)),
    'fast-jwt, cache': repeated(() => cached(token)),
    'fast-jwt, cache, cookie': repeated(() => cached(parse(withToken.get('cookie')).token)),
    'fast-jwt': repeated(() => uncached(token)),
    'jsonwebtoken, HS256': repeated(() => jsonwebtoken.verify(symmetric, secret)),
    '@mastra/auth, HS256': repeated(() => hs256.authenticateToken(symmetric, theirs)),
    '@mastra/auth-clerk, RS256': repeated(() => clerk.authenticateToken(signed, theirs)),
    jose: repeated(() => jwtVerify(token, key)),
    'fetch per request': repeated(async () => (await fetch(`${cloud}/api/v1/auth/verify`, asks)).json()),
  });
  end();
  local.end();
  sealed.end();
  keyServer.kill();

  const title = `warm identity, Cookie header of ${cookie.length} bytes, tokens of ${user.sessionToken.length} and ${token.length}`;
  const faster = (name, least) => [`times as fast as ${name}`, least, rounds.ratio(name, OWN)];
  return table(title, OWN, rounds, [
    faster('fast-jwt, cache', 2.5),
    faster('fast-jwt, cache, cookie', 2.5),
    faster('fetch per request', 300),
    ['times as fast in dialect platform as in v1', 0.95, rounds.ratio(OWN, OWN_SEALED)],
  ]);
}
