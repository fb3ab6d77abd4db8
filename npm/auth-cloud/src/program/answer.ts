/**
 * Reads an answer of the platform by the rules of the core's `cloud/answer.rs`: no addon is loaded here. Unlike there, no error
 * repeats a text of the answer.
 */

import { CloudApiError } from '../error.js';

/** Longest text that is read as an error, in bytes. */
const MAX_TEXT = 1024;

/** What the answer to a call is. */
export interface Schema<T> {
  /** The statuses with which the platform may refuse; any other 4xx is a proxy's. A text may refuse with 401 alone. */
  readonly refusals: readonly number[];
  /** Reads a good answer. `undefined` if it is none. */
  readonly read: (answer: Record<string, unknown>) => T | undefined;
}

/**
 * Reads an answer. A refusal whose body is a good answer refuses nothing: its status was damaged on the way.
 *
 * @throws CloudApiError `request_failed` for a refusal and for an outage that has a status; `invalid_response` for anything else, as a
 *   page or a part of an answer.
 */
export function readAnswer<T>(status: number, body: Uint8Array, { refusals, read }: Schema<T>, endpoint?: string): T {
  const text = textOf(body);
  const value = jsonOf(text);
  const isGood = status >= 200 && status <= 299;
  const answer = isObject(value) ? read(value) : undefined;
  if (isGood && answer !== undefined) return answer;
  const isText = value === undefined && isPlain(text) && (status === 401 || !isClientError(status));
  const isSaid = isObject(value) || isText;
  const isRefusal = refusals.includes(status) && answer === undefined;
  if (isGood || !isSaid || (isClientError(status) && !isRefusal)) throw unreadable(status, endpoint);
  throw new CloudApiError(`Request failed: ${status}`, status, { code: 'request_failed', kind: 'cloud', endpoint });
}

/** The platform's no to a token or a refresh token. No newer token mends another refusal. */
export function isOver({ code, status }: CloudApiError): boolean {
  return code === 'request_failed' && status === 401;
}

/** The answer has another form than it must have. */
function unreadable(http: number, endpoint?: string): CloudApiError {
  const status = http >= 500 ? http : 502;
  return new CloudApiError(`HTTP ${http}: invalid response`, status, { code: 'invalid_response', kind: 'cloud', endpoint });
}

/** A 4xx that does not mean an outage. */
function isClientError(status: number): boolean {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

function isPlain(text: string): boolean {
  const trimmed = text.trim();
  return trimmed !== '' && !/^[<{["]/.test(trimmed) && Buffer.byteLength(trimmed) <= MAX_TEXT;
}

/** What is no UTF-8 counts as nothing. */
function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return '';
  }
}

/** `undefined` where it is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
