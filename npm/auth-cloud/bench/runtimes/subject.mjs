// Keys, tokens and requests, made with what every runtime has.

import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export const ISSUER = 'https://cloud.mastra.ai';
export const AUDIENCE = 'demo';
const KID = 'key_0123456789abcdef';
const SITE = 'https://app.example.com/chat';

/** A key pair, and where the verification finds the public one. */
export async function keysOf(algorithm) {
  if (algorithm === 'HS256') {
    const secret = 's'.repeat(32);
    const hmac = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), hmac, false, ['sign', 'verify']);
    return { privateKey: key, publicKey: key, source: { secret } };
  }
  const pair = await generateKeyPair(algorithm, { extractable: true });
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: KID, alg: algorithm, use: 'sig' };
  return { ...pair, source: { jwks: { keys: [jwk] } } };
}

/** A token of a session: 398 bytes of claims, as in `uncached.mjs`. */
export function sign(algorithm, key, session) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'usr_0123456789abcdef',
    email: 'ada.lovelace@example.com',
    name: 'Ada Lovelace',
    roles: ['member', 'viewer'],
    avatar_url: 'https://example.com/avatars/usr_0123456789abcdef.png',
    iat: now,
    nbf: now,
    exp: now + 86_400,
    sid: `ses_${String(session).padStart(16, '0')}`,
    jti: 'j'.repeat(54),
  };
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: KID }).sign(key);
}

/** The options of a provider that verifies by these keys. */
export function byKeys(algorithm, source) {
  return { projectId: AUDIENCE, verification: { by: 'keys', algorithms: [algorithm], issuer: ISSUER, ...source } };
}

/** A request as Mastra's servers hand it on. */
export function request(given = {}) {
  const headers = new Headers(given);
  return { raw: { url: SITE, headers }, headers, header: name => headers.get(name) ?? undefined };
}

/** A `Cookie` header of about 1 kB: what else a browser keeps for the site, then this. */
export function amongOthers(own) {
  const others = Array.from({ length: 99 }, (_, at) => `visited_${at}=${(at * 7919).toString(36)}; `);
  while (others.join('').length + own.length > 1024) others.pop();
  return others.join('') + own;
}
