/** The platform's calls for programs. Each is made once; a refusal is an error that `isRefusal` knows, and an outage never looks like one. */

import { causeOf } from '../cause.js';
import { CloudApiError, configurationError, isCloudApiError } from '../error.js';
import type { Fetch } from '../transport.js';
import { TOKEN } from './file.js';

const DEFAULT = 'https://platform.mastra.ai';
const TIMEOUT = 15_000;
const REFRESH_TOKEN = /^[!-~]{1,8192}$/;

export interface TokenPair {
  readonly token: string;
  readonly refreshToken: string;
}

export class Platform {
  readonly #base: string;
  readonly #fetch: Fetch | undefined;

  constructor(baseUrl: string | undefined, fetch: Fetch | undefined) {
    this.#base = baseOf(baseUrl ?? DEFAULT);
    this.#fetch = fetch;
  }

  /** Asks whether a token is good. */
  async verify(token: string): Promise<void> {
    await this.#ask('GET', '/auth/verify', { authorization: `Bearer ${token}` });
  }

  /** Spends a refresh token. */
  async refresh(refreshToken: string): Promise<TokenPair> {
    const headers = { 'content-type': 'application/json' };
    const answer = await this.#ask('POST', '/auth/refresh-token', headers, JSON.stringify({ refreshToken }));
    const { accessToken, refreshToken: next } = Object(answer) as Record<string, unknown>;
    if (typeof accessToken !== 'string' || !TOKEN.test(accessToken)) throw unreadable(200);
    if (typeof next !== 'string' || !REFRESH_TOKEN.test(next)) throw unreadable(200);
    return { token: accessToken, refreshToken: next };
  }

  async #ask(method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: string): Promise<unknown> {
    const endpoint = `/v1${path}`;
    const signal = AbortSignal.timeout(TIMEOUT);
    const init: RequestInit = { method, headers, redirect: 'manual', signal, ...(body !== undefined && { body }) };
    let status, text;
    try {
      const response = await (this.#fetch ?? globalThis.fetch)(this.#base + endpoint, init);
      [status, text] = [response.status, await response.text()];
    } catch (error) {
      const code = signal.aborted ? 'timeout' : 'network_error';
      throw new CloudApiError('The platform could not be asked.', 503, { code, kind: 'network', endpoint, cause: causeOf(error) });
    }
    if (status < 200 || status > 299) {
      throw new CloudApiError(`Request failed: ${status}`, status, { code: 'request_failed', kind: 'cloud', endpoint });
    }
    try {
      return JSON.parse(text);
    } catch {
      throw unreadable(status);
    }
  }
}

/** Whether an error is the platform's refusal: a 4xx that does not mean an outage. */
export function isRefusal(error: unknown): boolean {
  if (!isCloudApiError(error)) return false;
  const { status, code } = error;
  return code === 'request_failed' && status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

function unreadable(status: number): CloudApiError {
  return new CloudApiError(`HTTP ${status}: invalid response`, 502, { code: 'invalid_response', kind: 'cloud' });
}

/** The address without `/v1`: https, or http on this machine. */
function baseOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url?.hostname ?? '');
  const isPrivate = url?.protocol === 'https:' || (url?.protocol === 'http:' && isHere);
  if (url === undefined || !isPrivate || url.username || url.password || url.search || url.hash) {
    throw configurationError('The platform’s address must be an https URL, or one over http on this machine, without user, query or fragment.');
  }
  return url.href.replace(/\/+$/, '').replace(/\/v1$/, '');
}
