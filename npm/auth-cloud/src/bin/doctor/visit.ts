/** The Cloud as it is reached from here: its login page and its keys, asked once each. */

const PATIENCE = 10_000;
/** Most bytes of an answer that are read: the plugin reads no more. */
const MAX_BYTES = 256 * 1_024;
const LOGIN_PATH = '/auth/oss';

export interface Answer {
  readonly status: number;
  /** No more of it than 256 KiB. */
  readonly text: string;
  /** Milliseconds. */
  readonly took: number;
  /** By how many seconds the clock there is ahead; `undefined` where the answer has no date. */
  readonly lead: number | undefined;
}

export interface Visit {
  /** The Cloud's address. */
  readonly base: string;
  /** Whether the login page has the form of Mastra Cloud's. */
  readonly isCloud: boolean;
  /** An answer, or why none came. */
  readonly page: Answer | string;
  readonly keys: Answer | string;
}

export async function visit(login: URL): Promise<Visit> {
  const base = baseOf(login);
  const [page, keys] = await Promise.all([get(login.href), get(`${base}/.well-known/jwks.json`)]);
  return { base, isCloud: isCloud(login), page, keys };
}

export function isCloud(login: URL): boolean {
  return login.searchParams.has('project_id');
}

/** The address of the Cloud that a login page belongs to. */
export function baseOf(login: URL): string {
  return login.origin + (login.pathname.endsWith(LOGIN_PATH) ? login.pathname.slice(0, -LOGIN_PATH.length) : '');
}

async function get(url: string): Promise<Answer | string> {
  const begun = performance.now();
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(PATIENCE) });
    const [text, date] = [await read(answer), Date.parse(answer.headers.get('date') ?? '')];
    const lead = Number.isNaN(date) ? undefined : Math.round((date - Date.now()) / 1_000);
    return { status: answer.status, text, took: Math.ceil(performance.now() - begun), lead };
  } catch (error) {
    const { name, cause } = Object(error) as { name?: string; cause?: { code?: string } };
    return name === 'TimeoutError' ? `no whole answer came within ${PATIENCE / 1_000} s` : `no answer came: ${cause?.code ?? name}`;
  }
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
