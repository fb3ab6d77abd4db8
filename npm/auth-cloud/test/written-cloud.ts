/** A Cloud whose answers are written beforehand, over a real socket. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach } from 'vitest';

import type { MastraCloudAuth } from '../dist/esm/index.js';
import { comeBack, pair, REDIRECT } from './world.js';

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach(stop => stop()));

/** Answers each path with what is written for it; gone after the test. */
export async function cloud(answers: (path: string) => unknown): Promise<string> {
  const server = createServer((request, response) => {
    const answer = answers(request.url?.split('?')[0] ?? '');
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => server.close().closeAllConnections());
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

/** A sign-in whose code is worth whatever the Cloud says. */
export function finish(auth: MastraCloudAuth) {
  const state = crypto.randomUUID();
  const cookies = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');
  return comeBack(auth, { code: `code-${state}`, state, cookies });
}
