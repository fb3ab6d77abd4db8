// A signed-in user: a local Cloud in a process of its own, a provider that knows it, and a request of theirs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { MastraCloudAuth } from '../dist/esm/index.js';

export const DEPLOYED = 'https://localhost:4111/cb';
/** Here the session cookie has no `__Host-`, so that the address of each request decides whether it counts. */
export const LOCAL = 'http://localhost:4111/cb';

/** Starts the Cloud and signs its member in at a server with this callback. `end` ends it. */
export async function signIn(callback = DEPLOYED, dialect = 'v1') {
  const binary = process.env.MASTRA_AUTH ?? fileURLToPath(new URL('../../../target/debug/mastra-auth', import.meta.url));
  const child = spawn(binary, ['dev', '--port', '0', '--dialect', dialect, '--auto-approve', 'member'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const cloud = (await firstLine(child)).replace('ready cloud=', '');

  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud, dialect, cache: { fresh: 3600 } });
  const [bound] = auth.getLoginCookies(callback, 'state-1');
  const back = await fetch(auth.getLoginUrl(callback, 'state-1'), { redirect: 'manual' });
  auth.setCallbackCookieHeader(bound.split(';')[0]);
  const { searchParams } = new URL(back.headers.get('location'));
  // As a Mastra server hands it on.
  const [state] = searchParams.get('state').split('|');
  const { user, cookies } = await auth.handleCallback(searchParams.get('code'), state);
  return { cloud, auth, user, cookie: cookies.at(-1).split(';')[0], end: () => child.kill('SIGINT') };
}

/** A `Cookie` header of about 1 kB: what else a browser keeps for the site, then this. */
export function amongOthers(own, besides) {
  const others = Array.from({ length: 99 }, (_, at) => `visited_${at}=${(at * 7919).toString(36)}; `);
  while (others.join('').length + besides > 1024) others.pop();
  return others.join('') + own;
}

/** A request as Mastra's servers hand it on. */
export function request(cookie, url = DEPLOYED) {
  const headers = new Headers({ cookie });
  return { raw: new Request(url, { headers }), headers, header: name => headers.get(name) ?? undefined };
}

/** What a process says first. */
export async function firstLine(child) {
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return line;
}
