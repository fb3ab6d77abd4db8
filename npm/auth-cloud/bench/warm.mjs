// Who a request comes from, asked again and again: this package beside what one would use instead, in one run.
//
// Rounds are interleaved; median and least of each are printed, in microseconds per operation, and the median of the ratios.
// Tokens are JWTs of one length, Ed25519 where nothing else is said. `cookie` begins where this package does, at a request with
// 1 kB of cookies; the others have their token in hand. @mastra/auth-clerk asks for its keys at each call: of a process here.

import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { MastraJwtAuth } from '@mastra/auth';
import { MastraAuthClerk } from '@mastra/auth-clerk';
import { parse } from 'cookie';
import { createSigner, createVerifier } from 'fast-jwt';
import { importSPKI, jwtVerify } from 'jose';

import { MastraCloudAuth } from '../dist/esm/index.js';

const ROUNDS = 15;
const REDIRECT = 'http://localhost:4111/cb';
const binary = process.env.MASTRA_AUTH ?? fileURLToPath(new URL('../../../target/debug/mastra-auth', import.meta.url));

const child = spawn(binary, ['dev', '--port', '0', '--auto-approve', 'member'], { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = await once(createInterface({ input: child.stdout }), 'line');
const cloud = line.replace('ready cloud=', '');

const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud, cache: { fresh: 3600 } });
const [bound] = auth.getLoginCookies(REDIRECT, 'state-1');
const back = await fetch(auth.getLoginUrl(REDIRECT, 'state-1'), { redirect: 'manual' });
auth.setCallbackCookieHeader(bound.split(';')[0]);
const code = new URL(back.headers.get('location')).searchParams.get('code');
const { user, cookies } = await auth.handleCallback(code, 'state-1');
const session = cookies.at(-1).split(';')[0];
const others = Array.from({ length: 99 }, (_, at) => `visited_${at}=${(at * 7919).toString(36)}; `);
while (others.join('').length + session.length > 1024) others.pop();
const cookie = others.join('') + session;

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

const headers = new Headers({ cookie });
const request = { raw: new Request(REDIRECT, { headers }), headers, header: name => headers.get(name) ?? undefined };
const body = JSON.stringify({ token: user.sessionToken });
const asks = {
  method: 'POST',
  headers: { authorization: `Bearer ${user.sessionToken}`, 'content-type': 'application/json', 'x-project-id': 'demo' },
  body,
};

const theirs = new Headers({ cookie: others.join('') + `token=${token}` });
const hs256 = new MastraJwtAuth({ secret: 's'.repeat(32) });
const symmetric = createSigner({ algorithm: 'HS256', key: 's'.repeat(32) })(payload);

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signed = createSigner({ algorithm: 'RS256', key: pem(rsa.privateKey), kid: 'k' })(payload);
const keys = JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }] });
const serve = `const server = require('http').createServer((_, to) => to.end(process.argv[1]));
  server.listen(0, () => console.log(server.address().port));`;
const keyServer = spawn(process.execPath, ['-e', serve, keys], { stdio: ['ignore', 'pipe', 'inherit'] });
const [port] = await once(createInterface({ input: keyServer.stdout }), 'line');
const clerk = new MastraAuthClerk({
  jwksUri: `http://localhost:${port}/`,
  publishableKey: 'pk_test_Y2xlcmsuZXhhbXBsZS5jb20k',
  secretKey: 'sk_test_none',
});
if ((await clerk.authenticateToken(signed, request))?.sub !== user.id) throw new Error('@mastra/auth-clerk refuses its token');

const contenders = {
  '@mastra/auth-cloud, warm': [50_000, () => auth.authenticateToken('', request)],
  'fast-jwt, cache': [50_000, () => cached(token)],
  'fast-jwt, cache, cookie': [50_000, () => cached(parse(theirs.get('cookie')).token)],
  'fast-jwt': [2_000, () => uncached(token)],
  '@mastra/auth, HS256': [2_000, () => hs256.authenticateToken(symmetric, request)],
  '@mastra/auth-clerk, RS256': [200, () => clerk.authenticateToken(signed, request)],
  jose: [2_000, () => jwtVerify(token, key)],
  'fetch per request': [200, async () => (await fetch(`${cloud}/api/v1/auth/verify`, asks)).json()],
};

const micros = new Map(Object.keys(contenders).map(name => [name, []]));
for (let round = -1; round < ROUNDS; round += 1) {
  for (const [name, [count, work]] of Object.entries(contenders)) {
    globalThis.gc?.();
    const begun = performance.now();
    for (let at = 0; at < count; at += 1) await work();
    // The first round warms up.
    if (round >= 0) micros.get(name).push(((performance.now() - begun) * 1000) / count);
  }
}
child.kill('SIGINT');
keyServer.kill();

const OWN = '@mastra/auth-cloud, warm';
const sorted = values => values.toSorted((a, b) => a - b);
const median = values => sorted(values)[ROUNDS >> 1];
// Of each round, so that what else the machine does weighs on both.
const ratio = name => median(micros.get(name).map((value, round) => value / micros.get(OWN)[round]));
const say = line => process.stdout.write(`${line}\n`);
say(`node ${process.version}, Cookie header of ${cookie.length} bytes, tokens of ${user.sessionToken.length} and ${token.length}`);
say(`${''.padEnd(26)} ${'median us'.padStart(10)} ${'least us'.padStart(10)} ${'ratio'.padStart(8)}`);
for (const [name, values] of micros) {
  const [value, least] = [median(values), sorted(values)[0]];
  say(`${name.padEnd(26)} ${value.toFixed(2).padStart(10)} ${least.toFixed(2).padStart(10)} ${ratio(name).toFixed(1).padStart(7)}x`);
}
for (const [name, goal] of [['fast-jwt, cache', 2.5], ['fast-jwt, cache, cookie', 2.5], ['fetch per request', 300]]) {
  say(`${ratio(name) >= goal ? 'reached' : 'missed '}  ${goal}x faster than ${name}: ${ratio(name).toFixed(2)}x`);
}
