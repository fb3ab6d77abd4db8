// Who a request comes from, asked again and again: this package beside what one would use instead, in one run.
//
// Rounds are interleaved, and the median of each is printed, in microseconds per operation. Tokens are Ed25519 JWTs of the local Cloud.

import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { createSigner, createVerifier } from 'fast-jwt';
import { importSPKI, jwtVerify } from 'jose';

import { MastraCloudAuth } from '../dist/esm/index.js';

const ROUNDS = 9;
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
const cookie = `${'theme=dark; '.repeat(Math.max(0, Math.floor((1024 - session.length) / 12)))}${session}`;

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const pem = key => key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' });
const payload = { sub: user.id, email: user.email, roles: user.roles, sid: 'ses_1', iss: cloud, aud: 'demo', exp: 4e9 };
const token = createSigner({ algorithm: 'EdDSA', key: pem(privateKey) })(payload);
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

const contenders = {
  '@mastra/auth-cloud, warm': [100_000, () => auth.authenticateToken('', request)],
  'fast-jwt, cache': [50_000, () => cached(token)],
  'fast-jwt': [2_000, () => uncached(token)],
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

const median = name => micros.get(name).toSorted((a, b) => a - b)[ROUNDS >> 1];
const own = median('@mastra/auth-cloud, warm');
process.stdout.write(`node ${process.version}, Cookie header of ${cookie.length} bytes, token of ${user.sessionToken.length} and ${token.length}\n`);
for (const name of micros.keys()) {
  const value = median(name);
  process.stdout.write(`${name.padEnd(26)} ${value.toFixed(2).padStart(9)} us ${(value / own).toFixed(1).padStart(8)}x\n`);
}
