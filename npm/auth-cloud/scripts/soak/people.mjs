// The local Cloud, and people who are signed in there.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { MastraCloudAuth } from '../../dist/esm/index.js';
import { pickPerson } from '../login-page.mjs';

const BINARY = process.env['MASTRA_AUTH'] ?? fileURLToPath(new URL('../../../../target/debug/mastra-auth', import.meta.url));
const REDIRECT = 'http://localhost:4111/api/auth/sso/callback';
const PEOPLE = ['owner', 'admin', 'member', 'viewer'];

/** Starts a local Cloud on a free port; ends it when `work` is over. */
export async function withCloud(options, work) {
  const cloud = spawn(BINARY, ['dev', '--port', '0', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(createInterface({ input: cloud.stdout }), 'line');
    const url = /^ready cloud=(\S+)$/.exec(line)?.[1];
    if (url === undefined) throw new Error(`not a ready line: ${line}`);
    return await work(url);
  } finally {
    cloud.kill('SIGINT');
  }
}

/**
 * So many sessions, one after the other: the token of each, and whose it is. Each is there as soon as its own sign-in is through, for on a
 * busy machine the last may come when the first token has ended too long ago to be renewed.
 */
export function signIn(url, count) {
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: url, onEvent() {} });
  const one = async handle => {
    const state = crypto.randomUUID();
    const [cookie] = auth.getLoginCookies(REDIRECT, state);
    const back = await pickPerson(auth.getLoginUrl(REDIRECT, state), handle);
    auth.setCallbackCookieHeader(cookie.split(';')[0]);
    const { user, tokens } = await auth.handleCallback(back.searchParams.get('code'), state);
    return { token: tokens.accessToken, id: user.id };
  };
  let last = Promise.resolve();
  return Array.from({ length: count }, (_, at) => (last = last.then(() => one(PEOPLE[at % PEOPLE.length]))));
}
