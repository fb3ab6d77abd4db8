/** The local Cloud and a server as processes, and a browser's part of a sign-in over real sockets. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { vi } from 'vitest';

import type { MastraCloudAuth } from '../dist/esm/index.js';
import { pickPerson } from '../scripts/login-page.mjs';

export const BINARY = process.env['MASTRA_AUTH'] ?? fileURLToPath(new URL('../../../target/debug/mastra-auth', import.meta.url));

export const PEOPLE = ['owner', 'admin', 'member', 'viewer'] as const;
export type Person = (typeof PEOPLE)[number];
export const REDIRECT = 'http://localhost:4111/api/auth/sso/callback';

/** A process that listens. */
export interface Cloud {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a local Cloud on a free port, or on the one that another had. */
export function startCloud(dialect: 'v1' | 'pkce', port = 0, db?: string, more: string[] = []): Promise<Cloud> {
  const options = ['dev', '--port', String(port), '--dialect', dialect, ...(db === undefined ? [] : ['--db', db]), ...more];
  return start(BINARY, options, /^ready cloud=(\S+)$/, 'SIGINT');
}

/** Starts `server.mjs`, a server with a provider of its own, in a process of its own. */
export function startServer(cloud: Cloud, dialect: 'v1' | 'pkce'): Promise<Cloud> {
  const script = fileURLToPath(new URL('server.mjs', import.meta.url));
  return start(process.execPath, [script, cloud.url, dialect], /^ready (\S+)$/, 'SIGTERM');
}

async function start(program: string, options: string[], ready: RegExp, end: NodeJS.Signals): Promise<Cloud> {
  const child = spawn(program, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const url = ready.exec(line)?.[1];
  if (url === undefined) throw new Error(`not a ready line: ${line}`);
  const stop = async () => {
    if (child.exitCode !== null) return;
    child.kill(end);
    await once(child, 'exit');
  };
  return { url, stop };
}

/** A sign-in under way: what the browser brings back. */
export interface Back {
  readonly code: string;
  readonly state: string;
  readonly cookies: string;
}

/** From the login page, which may be elsewhere for the person, to the callback's address. */
export async function goAndPick(auth: MastraCloudAuth, state: string, person: Person, there = (login: string) => login): Promise<Back> {
  const cookies = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');
  return { ...(await pick(there(auth.getLoginUrl(REDIRECT, state)), person)), cookies };
}

/** Picks a person on the login page; answers what the Cloud sends back to the callback. */
export async function pick(login: string, person: Person): Promise<Omit<Back, 'cookies'>> {
  const callback: URL = await pickPerson(login, person);
  const at = (name: string) => callback.searchParams.get(name) ?? '';
  return { code: at('code'), state: at('state') };
}

/** Finishes a sign-in as a Mastra server does: header, then callback with the id alone. */
export function comeBack(auth: MastraCloudAuth, { code, state, cookies }: Back) {
  auth.setCallbackCookieHeader(cookies);
  return auth.handleCallback(code, state.split('|')[0] ?? '');
}

/** The whole way in; answers the browser's session cookie. */
export async function signIn(auth: MastraCloudAuth, person: Person, state = crypto.randomUUID()) {
  const result = await comeBack(auth, await goAndPick(auth, state, person));
  return { ...result, tokens: result.tokens, cookie: pair(result.cookies?.at(-1) ?? '') };
}

/** Waits until it is so. */
export function until(isSo: () => unknown): Promise<unknown> {
  return vi.waitUntil(isSo, { timeout: 60_000, interval: 10 });
}

/** A session's cookie, without the login page: its token was issued so many seconds ago and lasts so many from then on. */
export async function issue(cloud: Cloud, person: Person, times: { age?: number; lifetime?: number } = {}): Promise<string> {
  const answer = await fetch(`${cloud.url}/admin/api/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ person, ...times }),
  });
  return `mastra_session=${((await answer.json()) as { token: string }).token}`;
}

/** A request as a Mastra server hands it on. */
export function request(headers: Record<string, string>) {
  const raw = new Request('http://localhost:4111/api/agents', { headers });
  return { raw, headers: raw.headers, header: (name: string) => raw.headers.get(name) ?? undefined };
}

/** `name=value` of a Set-Cookie line. */
export function pair(line: string): string {
  return line.split(';')[0] ?? '';
}

/** What a server made of one request: who it is, and the cookie of the answer. */
export interface Served {
  readonly id: string | undefined;
  readonly set: string | undefined;
}

/** One request as a Mastra server serves it: without a user it refreshes the session, and passes the new cookie's value as a token. */
export async function serve(auth: MastraCloudAuth, cookie: string): Promise<Served> {
  const { user, set } = await userOf(auth, { cookie });
  return { id: user?.id, set };
}

/** The user of such a request, with more headers, and the cookie of the answer. */
export async function userOf(auth: MastraCloudAuth, headers: Record<string, string> & { cookie: string }) {
  const user = await auth.authenticateToken('', request(headers));
  if (user !== null) return { user, set: undefined };
  const token = auth.getSessionIdFromRequest(request(headers).raw);
  const session = token === null ? null : await auth.refreshSession(token);
  if (session === null) return { user: null, set: undefined };
  const set = auth.getSessionHeaders(session)['Set-Cookie'] ?? '';
  const renewed = pair(set);
  return { user: await auth.authenticateToken(tokenOf(renewed), request({ ...headers, cookie: renewed })), set };
}

export function tokenOf(cookie: string): string {
  return cookie.slice(cookie.indexOf('=') + 1);
}

/** When this cookie's token ends, in milliseconds. */
export function endsAt(cookie: string): number {
  const claims = JSON.parse(Buffer.from(tokenOf(cookie).split('.')[1] ?? '', 'base64url').toString()) as { exp: number };
  return claims.exp * 1_000;
}

/** Waits until this cookie's token is past its end. */
export async function endOf(cookie: string): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, endsAt(cookie) - Date.now() + 20));
}
