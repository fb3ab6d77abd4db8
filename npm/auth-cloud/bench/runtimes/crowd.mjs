// Very many strangers and members, one after the other: what is left of them is memory.

import { byKeys, keysOf, request, sign } from './subject.mjs';

let made;

/** `count` tokens from `from` on: a third is accepted, a third has a wrong signature, and a third is no token. */
export async function crowd({ from, count }) {
  made ??= await prepared();
  const { key, auth, memory } = made;
  const answers = { accepted: 0, refused: 0 };
  for (let at = from; at < from + count; at += 1) {
    const token = await sign('HS256', key, at);
    const shown = [token, `${token.slice(0, -8)}AAAAAAAA`, `${at}.${token}`][at % 3];
    answers[(await auth.authenticateToken(shown, request())) === null ? 'refused' : 'accepted'] += 1;
  }
  return { ...answers, module: memory.buffer.byteLength };
}

/** Also the module's memory, of which no debugger tells. */
async function prepared() {
  const { Instance } = WebAssembly;
  let memory;
  WebAssembly.Instance = function watched(...words) {
    const instance = new Instance(...words);
    ({ memory } = instance.exports);
    return instance;
  };
  const { MastraCloudAuth } = await import('../../dist/esm/index.js');
  const { privateKey: key, source } = await keysOf('HS256');
  return { key, memory, auth: new MastraCloudAuth(byKeys('HS256', source)) };
}
