/** The Cloud as it is reached from here, as the provider asks: its login page and its keys, once each. */

import type { Settings } from '../../options.js';
import type { Fetch } from '../../transport.js';
import { inTime } from './members.js';

/** In milliseconds. As long as the plugin waits, but less than a rule has. */
const [PATIENCE, MOST_PATIENCE] = [10_000, 50_000];
/** Most bytes of an answer that are read: the plugin reads no more. */
const MAX_BYTES = 256 * 1_024;
const LOGIN_PATH = '/auth/oss';

export interface Answer {
  readonly status: number;
  /** No more of it than 256 KiB. */
  readonly text: string;
  /** Milliseconds. */
  readonly took: number;
  /** By how many seconds the clock there is ahead; `undefined` where the answer has no date, or one from a cache. */
  readonly lead: number | undefined;
}

export interface Visit {
  /** The Cloud's address. */
  readonly base: string;
  /** Whether the login page has the form of Mastra Cloud's. */
  readonly isCloud: boolean;
  /** An answer, or why none came. */
  readonly page: Answer | string;
  /** `undefined` where the provider fetches none. */
  readonly keys: Answer | string | undefined;
  readonly keysUrl: string;
}

/** `settings` are those of the provider, where it is of this package. */
export async function visit(login: URL, settings?: Settings): Promise<Visit> {
  const base = baseOf(login);
  const keysUrl = settings?.jwksUrl ?? `${base}/.well-known/jwks.json`;
  const [page, keys] = await Promise.all([get(login.href, settings), settings?.fetchesKeys === true ? get(keysUrl, settings) : undefined]);
  return { base, isCloud: isCloud(login), page, keys, keysUrl };
}

export function isCloud(login: URL): boolean {
  return login.searchParams.has('project_id');
}

/** The address of the Cloud that a login page belongs to. */
export function baseOf(login: URL): string {
  return login.origin + (login.pathname.endsWith(LOGIN_PATH) ? login.pathname.slice(0, -LOGIN_PATH.length) : '');
}

async function get(url: string, settings: Settings | undefined): Promise<Answer | string> {
  const patience = Math.min(MOST_PATIENCE, Math.max(PATIENCE, 1_000 * (settings?.callTimeout ?? 0)));
  try {
    // A `fetch` of the app's may ignore the signal.
    return await inTime(ask(url, settings?.fetch ?? fetch, AbortSignal.timeout(patience)), patience);
  } catch (error) {
    const { name, cause } = Object(error) as { name?: string; cause?: { code?: string } };
    return name === 'TimeoutError' ? `no whole answer came within ${patience / 1_000} s` : `no answer came: ${cause?.code ?? name}`;
  }
}

async function ask(url: string, send: Fetch, signal: AbortSignal): Promise<Answer> {
  const begun = performance.now();
  const answer = await send(url, { redirect: 'manual', signal });
  const [text, date] = [await read(answer), Date.parse(answer.headers.get('date') ?? '')];
  // With an age the date is when a cache kept the answer (RFC 9111, section 5.1).
  const isOwn = !Number.isNaN(date) && !answer.headers.has('age');
  const lead = isOwn ? Math.round((date - Date.now()) / 1_000) : undefined;
  return { status: answer.status, text, took: Math.ceil(performance.now() - begun), lead };
}

/** Reads so far that no more than the limit is kept, and then ends the connection. */
async function read({ body }: Response): Promise<string> {
  let [text, size] = ['', 0];
  const decoder = new TextDecoder();
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > MAX_BYTES) break;
    text += decoder.decode(part, { stream: true });
  }
  return text;
}
