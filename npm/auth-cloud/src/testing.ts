/**
 * `@mastra/auth-cloud/testing`: a Cloud on this machine for the tests of an app, and people who are signed in to it.
 *
 * It needs no addon, no Rust toolchain and no browser. It checks no password and listens on this machine alone.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sessionCookie } from './testing/cookie.js';
import type { StorageState } from './testing/cookie.js';
import { LocalCloudError } from './testing/error.js';
import { findProgram, startProgram } from './testing/program.js';
import { toToml } from './testing/seed.js';
import type { LocalCloudSeed } from './testing/seed.js';

export { LocalCloudError } from './testing/error.js';
export type { LocalCloudErrorCode } from './testing/error.js';
export type { StorageState } from './testing/cookie.js';
export type { LocalCloudOrganization, LocalCloudPerson, LocalCloudProject, LocalCloudSeed } from './testing/seed.js';

export interface LocalCloudOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** A TOML file's path, or the same as an object. Default: four people, named by their roles, and the project `demo`;
   * in dialect `platform` also `outsider` and `newcomer`. */
  readonly seed?: string | LocalCloudSeed | undefined;
  /** Which form of the API the Cloud speaks; the same as the plugin's option. Default `v1`. */
  readonly dialect?: LocalCloudDialect | undefined;
  /** Seconds until a token must be renewed, 1 to 31,536,000. Default: as long as its session; 300 in the dialect `platform`. */
  readonly tokenLifetime?: number | undefined;
  /** Seconds until a session ends, 1 to 31,536,000. Default 86,400. */
  readonly sessionLifetime?: number | undefined;
  /** What only the dialect `platform` has. */
  readonly platform?: LocalPlatformOptions | undefined;
  /** The path of the program `mastra-auth`. Default: the variable `MASTRA_AUTH_BINARY`, else that of `@mastra/auth-cloud-local`. */
  readonly binary?: string | undefined;
}

/** The form of the API. */
export type LocalCloudDialect = 'v1' | 'pkce' | 'platform';

/** How the platform behaves where that is not published, or where a test wants it otherwise. */
export interface LocalPlatformOptions {
  /** Seconds until a sealed session is rotated, 0 to 31,536,000; 0 rotates it each time. Default 300. */
  readonly rotateAfter?: number | undefined;
  /** Seconds after its rotation in which a sealed session may be rotated again. Default 0. */
  readonly rotationLeeway?: number | undefined;
  /** Whether the query of `redirect_uri` is kept where a sign-in comes back. Default `keep`. */
  readonly redirectQuery?: 'keep' | 'drop' | undefined;
  /** The `state` where a sign-in comes back: `deploy|` and the path, or that of the login address. Default `replace`. */
  readonly callbackState?: 'replace' | 'echo' | undefined;
  /** Hosts that a sign-in may come back to, besides loopback, `*.mastra.ai` and `*.mastra.cloud`. */
  readonly redirectHosts?: readonly string[] | undefined;
}

export interface SignInOptions {
  /** Where the app runs, which decides over the cookie's name. Default `http://localhost:4111`, the address of `mastra dev`. */
  readonly app?: string | undefined;
  /** How many seconds ago the token was issued. Default 0. */
  readonly age?: number | undefined;
  /** Seconds from its issue until the token ends. Default: as for every token of this Cloud. */
  readonly lifetime?: number | undefined;
}

/** A person with a session of their own. In the dialect `platform` the cookie holds a sealed session, not the token. */
export interface SignedIn {
  /** For `Authorization: Bearer`. */
  readonly token: string;
  /** When the token ends, as ISO 8601. */
  readonly expiresAt: string;
  readonly userId: string;
  readonly sessionId: string;
  /** The value of a `Cookie` header. */
  readonly cookie: string;
  /** For Playwright's `browser.newContext({ storageState })`. */
  readonly storageState: StorageState;
  /** In the dialect `platform`: what renews the token, once. */
  readonly refreshToken?: string;
}

/** What the Cloud does instead of its right answer. */
export type LocalCloudFault = {
  /** Default `any`. */
  readonly endpoint?: 'any' | LocalCloudEndpoint | undefined;
  /** How many requests it affects, from 1. Default: all until it is cleared. */
  readonly times?: number | undefined;
} & (
  | { readonly kind: 'delay'; /** Milliseconds. */ readonly ms: number }
  | { readonly kind: 'status' | 'bare_error' | 'text_error'; /** 400 to 599. */ readonly status: number }
  | { readonly kind: 'without'; /** The member that the right answer lacks. */ readonly member: string }
  | { readonly kind: 'wire'; /** A byte of the right answer, or of the request. */ readonly at: LocalCloudPlace; readonly fault: LocalCloudWireFault }
  | { readonly kind: 'redirect'; readonly status: 301 | 302 | 303 | 307 | 308; readonly location: string }
  | { readonly kind: 'drop' | 'ok_false' | 'html' | 'html_ok' | 'truncated' | 'cut' | 'empty' | 'huge' | 'wrong_types' | 'drip' | 'echo_secret' | 'lost' }
);

/**
 * A byte that an answer or a request has, whatever its length. `status` is its number in the answer's status line, from 0. `headers` and
 * `body` are thousandths of that part of the answer. `header` is the first byte of its header of this number, from 0, and past the last
 * one of the body. `request` are thousandths of the request, at which `hold`, `cut` and `reset` alone can happen.
 */
export type LocalCloudPlace =
  | { readonly status: number }
  | { readonly headers: number }
  | { readonly header: number }
  | { readonly body: number }
  | { readonly request: number };

/**
 * What happens at that byte. `hold`: nothing more comes until the faults are cleared. `cut`, `reset`: the connection ends. `duplicate`: the
 * byte comes twice. `corrupt`: the bits of this mask, 0 to 255, are flipped. `repeat`: the whole answer comes twice.
 */
export type LocalCloudWireFault = 'hold' | 'cut' | 'reset' | 'duplicate' | 'repeat' | { readonly corrupt: number };

/** An operation of the Cloud; those of the second line are of the dialect `platform`. */
export type LocalCloudEndpoint =
  | ('exchange' | 'verify' | 'validate' | 'destroy' | 'user' | 'permissions' | 'jwks')
  | ('login' | 'callback' | 'me' | 'refresh' | 'refresh-token' | 'logout' | 'orgs' | 'switch-org' | 'ingest' | 'tokens' | 'members' | 'invitations');

/** What the Cloud was asked, since its start or the last reset. */
export interface LocalCloudRequests {
  /** How often each operation was asked; one that was not asked is absent. `any` is their sum, `renewal` the renewed tokens, `rotation` the
   * rotated sessions of the dialect `platform`, `wire` the answers and requests that a fault of this kind struck. */
  readonly counts: Readonly<Record<string, number>>;
  /** The last 100 requests, oldest first, with pages. `ms` is how long the answer took, `at` the Cloud's time in milliseconds. */
  readonly log: readonly { readonly endpoint: string; readonly method: string; readonly status: number; readonly ms: number; readonly at: number }[];
}

/**
 * A running Cloud. A person is named by handle, id, e-mail address, name, or role in the seed. Every method rejects with a
 * {@link LocalCloudError}: `not_running` after {@link close}, `unknown_person`, or `refused`.
 */
export interface LocalCloud extends AsyncDisposable {
  /** For the plugin's option `baseUrl`: `http://localhost:PORT`. */
  readonly url: string;
  /** For the plugin's option `projectId`: the first project of the seed. */
  readonly projectId: string;
  signIn(person: string, options?: SignInOptions): Promise<SignedIn>;
  /** Back to the start: no session, no fault, no request; the seed's roles; the system's time. Keys and address stay. */
  reset(): Promise<void>;
  readonly faults: {
    /** The newest fault is looked at first. */
    set(fault: LocalCloudFault): Promise<void>;
    clear(): Promise<void>;
  };
  /** Rejects with `refused` where the session has ended already. */
  endSession(sessionId: string): Promise<void>;
  /** Answers how many sessions ended. */
  endSessionsOf(person: string): Promise<number>;
  /** The plugin sees it once its cache of the user is over. */
  setRole(person: string, role: string): Promise<void>;
  /** Signs with a new key from now on. Tokens signed with older keys stay valid. */
  rotateKeys(): Promise<void>;
  /** Moves the Cloud's clock forward, by whole seconds; the app's clock stays. A cached user is not asked about again. */
  advance(seconds: number): Promise<void>;
  requests(): Promise<LocalCloudRequests>;
  /** Ends the program. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts a Cloud for tests. Close it; where that is forgotten it ends with this process, which it does not keep alive.
 *
 * @throws LocalCloudError `program_not_found`, or `not_started` with the reason: the port is in use, or the seed is wrong.
 */
export async function startLocalCloud(options: LocalCloudOptions = {}): Promise<LocalCloud> {
  const { port = 0, seed, dialect = 'v1', tokenLifetime, sessionLifetime, platform = {}, binary } = options;
  const program = findProgram(binary);
  const words = ['--port', String(port), '--dialect', dialect];
  if (tokenLifetime !== undefined) words.push('--token-lifetime', String(tokenLifetime));
  if (sessionLifetime !== undefined) words.push('--session-lifetime', String(sessionLifetime));
  words.push(...platformWords(platform));
  const { url, end } = await withSeed(seed, more => startProgram(program, [...words, ...more]));
  let isClosed = false;

  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    if (isClosed) throw new LocalCloudError('not_running', 'The local Cloud is closed.');
    const { status, answer } = await send(`${url}/admin/api/${path}`, method, body);
    if (status < 400) return answer as T;
    const { people, error } = answer as { people?: string[]; error?: { message?: string } };
    if (people !== undefined) throw new LocalCloudError('unknown_person', `There is no such person. There are: ${people.join(', ')}.`);
    throw new LocalCloudError('refused', error?.message ?? `The local Cloud refused what was asked, with ${status}.`);
  };
  const told = async (method: string, path: string, body?: object): Promise<void> => void (await call(method, path, body));
  const close = (): Promise<void> => {
    isClosed = true;
    return end();
  };

  let projectId: string;
  try {
    projectId = (await call<{ projects: [string] }>('GET', 'state')).projects[0];
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url,
    projectId,
    signIn: async (person, { app = 'http://localhost:4111', age, lifetime } = {}) => {
      sessionCookie(app, '');
      const issued = await call<Issued>('POST', 'tokens', { person, age, lifetime });
      const { token, expiresAt, userId, sessionId, session, refreshToken } = issued;
      const kept = session === undefined ? sessionCookie(app, token) : sessionCookie(app, session, 'wos-session');
      return { token, expiresAt, userId, sessionId, ...kept, ...(refreshToken === undefined ? {} : { refreshToken }) };
    },
    reset: () => told('POST', 'reset'),
    faults: { set: fault => told('POST', 'faults', fault), clear: () => told('DELETE', 'faults') },
    endSession: id => told('DELETE', `sessions/${encodeURIComponent(id)}`),
    endSessionsOf: async person => (await call<{ ended: number }>('DELETE', `users/${encodeURIComponent(person)}/sessions`)).ended,
    setRole: (person, role) => told('PUT', `users/${encodeURIComponent(person)}/role`, { role }),
    rotateKeys: () => told('POST', 'keys/rotate'),
    advance: seconds => told('POST', 'clock', { seconds }),
    requests: () => call('GET', 'requests'),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function platformWords({ rotateAfter, rotationLeeway, redirectQuery, callbackState, redirectHosts = [] }: LocalPlatformOptions): string[] {
  return [
    ...(rotateAfter === undefined ? [] : ['--rotate-after', String(rotateAfter)]),
    ...(rotationLeeway === undefined ? [] : ['--rotation-leeway', String(rotationLeeway)]),
    ...(redirectQuery === 'drop' ? ['--drop-redirect-query'] : []),
    ...(callbackState === 'echo' ? ['--echo-state'] : []),
    ...redirectHosts.flatMap(host => ['--redirect-host', host]),
  ];
}

/** What the Cloud's admin API answers where it signs a person in. */
type Issued = Omit<SignedIn, 'cookie' | 'storageState'> & { readonly session?: string };

/** Starts with a seed. An object is written to a file that this user alone can read, until the Cloud has started. */
async function withSeed<T>(seed: LocalCloudOptions['seed'], start: (options: string[]) => Promise<T>): Promise<T> {
  if (seed === undefined) return start([]);
  if (typeof seed === 'string') return start(['--seed', seed]);
  const folder = await mkdtemp(join(tmpdir(), 'mastra-auth-seed-'));
  try {
    const file = join(folder, 'seed.toml');
    await writeFile(file, toToml(seed), { mode: 0o600 });
    return await start(['--seed', file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** By `node:http`: tests often put something else in the place of `fetch`. No connection stays open. */
function send(url: string, method: string, body: object | undefined): Promise<{ status: number; answer: unknown }> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => reject(new LocalCloudError('not_running', 'The local Cloud does not answer: its program ended.', cause));
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const sent = request(url, { method, headers, agent: false }, response => {
      let received = '';
      response.setEncoding('utf8').on('data', (part: string) => (received += part)).on('error', failed);
      response.on('end', () => {
        let answer: unknown = {};
        try {
          answer = JSON.parse(received);
        } catch {
          // What axum refuses by itself is a text, such as a number of seconds that is none.
          answer = { error: { message: received } };
        }
        resolve({ status: response.statusCode ?? 500, answer });
      });
    });
    sent.on('error', failed).end(text);
  });
}
