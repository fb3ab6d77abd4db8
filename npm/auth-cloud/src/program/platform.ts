/** The platform's calls for programs. Each is made once; a refusal is an error with the platform's status, and an outage never looks like one. */

import { CloudApiError, configurationError } from '../error.js';
import { exchange } from '../exchange.js';
import type { Fetch } from '../exchange.js';
import { readAnswer } from './answer.js';
import type { Schema } from './answer.js';
import { TOKEN } from './file.js';

const DEFAULT = 'https://platform.mastra.ai';
/** In milliseconds and in bytes, as in Rust. */
const TIMEOUT = 15_000;
const MAX_BYTES = 256 * 1024;
const REFRESH_TOKEN = /^[!-~]{1,8192}$/;

export interface TokenPair {
  readonly token: string;
  readonly refreshToken: string;
}

interface Call<T> extends Schema<T> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: [string, string][];
  readonly body?: string;
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
    const headers: [string, string][] = [['authorization', `Bearer ${token}`]];
    await this.#ask({ method: 'GET', path: '/auth/verify', headers, refusals: [401, 403], read: userIdOf });
  }

  /** Spends a refresh token. */
  async refresh(refreshToken: string): Promise<TokenPair> {
    const headers: [string, string][] = [['content-type', 'application/json']];
    const body = JSON.stringify({ refreshToken });
    return this.#ask({ method: 'POST', path: '/auth/refresh-token', headers, body, refusals: [400, 401], read: pairOf });
  }

  async #ask<T>({ method, path, headers, body, ...schema }: Call<T>): Promise<T> {
    const endpoint = `/v1${path}`;
    const request = {
      method,
      url: this.#base + endpoint,
      headers,
      ...(body !== undefined && { body: new TextEncoder().encode(body) }),
      timeout: TIMEOUT,
      maxResponseBytes: MAX_BYTES,
    };
    const { failed, cause, status, body: answer } = await exchange(request, this.#fetch);
    if (failed === undefined) return readAnswer(status, answer, schema, endpoint);
    const code = failed === 'timeout' ? 'timeout' : failed === 'too_large' ? 'response_too_large' : 'network_error';
    throw new CloudApiError('The platform could not be asked.', 503, { code, kind: 'network', endpoint, cause });
  }
}

/** The user or key that a token belongs to, as `/auth/verify` answers. */
export function userIdOf({ user }: Record<string, unknown>): string | undefined {
  const { id } = Object(user) as { id?: unknown };
  return typeof id === 'string' ? id : undefined;
}

function pairOf({ accessToken, refreshToken }: Record<string, unknown>): TokenPair | undefined {
  if (typeof accessToken !== 'string' || !TOKEN.test(accessToken)) return undefined;
  if (typeof refreshToken !== 'string' || !REFRESH_TOKEN.test(refreshToken)) return undefined;
  return { token: accessToken, refreshToken };
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
