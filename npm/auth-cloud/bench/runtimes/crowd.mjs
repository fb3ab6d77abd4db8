// Very many strangers and members, one after the other: what is left of them is memory.

import { AUDIENCE, byKeys, keysOf, request, sign } from './subject.mjs';

let made;

/**
 * `count` tokens from `from` on: a third is accepted, a third has a wrong signature, and a third is no token. With `maxEntries` the
 * caches are that small. With `isAsked` a Cloud in this process also answers for each of so many opaque tokens, a third of them good.
 */
export async function crowd({ from, count, maxEntries, isAsked = false }) {
  made ??= await prepared(maxEntries && { maxEntries });
  const { key, byKeys: auth, byCloud, memory } = made;
  const answers = { accepted: 0, refused: 0 };
  const ask = async (provider, token) => {
    answers[(await provider.authenticateToken(token, request())) === null ? 'refused' : 'accepted'] += 1;
  };
  let token;
  for (let at = from; at < from + count; at += 1) {
    // The two that follow are made of it.
    if (token === undefined || at % 3 === 0) token = await sign('HS256', key, at);
    await ask(auth, [token, `${token.slice(0, -8)}AAAAAAAA`, `${at}.${token}`][at % 3]);
    if (isAsked) await ask(byCloud, `${at}-${at % 3}`);
  }
  return { ...answers, module: memory.buffer.byteLength };
}

/** Also the module's memory, of which no debugger tells. */
async function prepared(cache) {
  const { Instance } = WebAssembly;
  let memory;
  WebAssembly.Instance = function watched(...words) {
    const instance = new Instance(...words);
    ({ memory } = instance.exports);
    return instance;
  };
  const { MastraCloudAuth } = await import('../../dist/esm/index.js');
  const { privateKey: key, source } = await keysOf('HS256');
  const options = { ...byKeys('HS256', source), cache };
  const asking = { projectId: AUDIENCE, cache, fetch: answered };
  return { key, memory, byKeys: new MastraCloudAuth(options), byCloud: new MastraCloudAuth(asking) };
}

/** What the Cloud says of a token that ends in 0, and of any other. */
async function answered(_, { headers }) {
  const token = new Headers(headers).get('authorization').slice('Bearer '.length);
  if (!token.endsWith('0')) return Response.json({ ok: false, error: { message: 'no', status: 401 } }, { status: 401 });
  const now = Date.now();
  const user = { id: `usr_${token}`, email: 'ada.lovelace@example.com', created_at: now };
  const session = { id: `ses_${token}`, user_id: user.id, created_at: now, expires_at: now + 86_400_000 };
  return Response.json({ ok: true, data: { user, session } });
}
