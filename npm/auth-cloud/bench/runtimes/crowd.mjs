// Very many strangers and members, one after the other: what is left of them is memory.

import { MastraCloudAuth } from '../../dist/esm/index.js';
import { byKeys, keysOf, request, sign } from './subject.mjs';

let made;

/** `count` tokens from `from` on: a third is accepted, a third has a wrong signature, and a third is no token. */
export async function crowd({ from, count }) {
  made ??= await prepared();
  const { key, auth } = made;
  const answers = { accepted: 0, refused: 0 };
  for (let at = from; at < from + count; at += 1) {
    const token = await sign('HS256', key, at);
    const shown = [token, `${token.slice(0, -8)}AAAAAAAA`, `${at}.${token}`][at % 3];
    answers[(await auth.authenticateToken(shown, request())) === null ? 'refused' : 'accepted'] += 1;
  }
  return answers;
}

async function prepared() {
  const { privateKey: key, source } = await keysOf('HS256');
  return { key, auth: new MastraCloudAuth(byKeys('HS256', source)) };
}
