/**
 * `CloudApiError`: kind, code, status and endpoint of a failure; never a value.
 *
 * Each module kind of the package has a class of its own. `instanceof` checks a brand, so an error of one is an instance of
 * the other.
 */

import type { NativeFailure } from './addon-types.js';
import { refuse } from './answers.js';
import type { Reason } from './answers.js';
import type { ErrorCode } from './codes.js';

const BRAND = Symbol.for('@mastra/auth-cloud/CloudApiError');

/**
 * Who can mend an error. `caller`: the program, which passed a wrong value. `configuration`: the operator. `credential`: the user, by
 * signing in. `cloud`: Mastra Cloud, which answered with an error or broke the contract. `network`: no answer came; try again.
 */
export type ErrorKind = 'caller' | 'configuration' | 'credential' | 'cloud' | 'network';

/** Further details of an error. */
export interface CloudApiErrorDetails {
  /** A stable code: one of this package, or the Cloud's. */
  readonly code?: ErrorCode | (string & {}) | undefined;
  readonly kind?: ErrorKind | undefined;
  /** The contract path of the call, with `{id}` for what varies. */
  readonly endpoint?: string | undefined;
  /** The host's id of the failed request. */
  readonly requestId?: string | undefined;
  /** Why no answer came: names and codes of the system, and no value. */
  readonly cause?: Error | undefined;
}

/**
 * An operation failed. Decide by `code`, which is stable; the message is for people and may change. No member holds a token, a cookie,
 * an e-mail address or a body.
 *
 * ```ts
 * const userOf = (request: Request) =>
 *   auth.getCurrentUser(request).catch(error => {
 *     if (isCloudApiError(error) && error.status === 503) return 'try again later';
 *     throw error;
 *   });
 * ```
 */
export class CloudApiError extends Error {
  /** The HTTP status that describes the error; 503 if the Cloud could not be asked. */
  readonly status: number;
  /** A stable code: one of this package, or the Cloud's. */
  readonly code: ErrorCode | (string & {}) | undefined;
  /** Who can mend it. */
  readonly kind: ErrorKind;
  /** The contract's path of the call, with `{id}` for what varies; absent where none was made. */
  readonly endpoint: string | undefined;
  /** The host's id of the request that failed. */
  readonly requestId: string | undefined;
  /** As {@link getResponse}. */
  declare readonly res?: Response;
  /**
   * The answer to send, as an `HTTPException` of Hono has it: 503 with `Retry-After` if the Cloud could not be asked, 403 if the
   * code is `organization_forbidden`. Its body is `{"error": {"code": ..., "message": ...}}`, a fixed text. Other errors have none.
   */
  declare readonly getResponse?: () => Response;

  constructor(message: string, status: number, details: CloudApiErrorDetails | string = {}) {
    const { code, kind, endpoint, requestId, cause } = typeof details === 'string' ? { code: details } : details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CloudApiError';
    this.status = status;
    this.code = code;
    this.kind = kind ?? 'cloud';
    this.endpoint = endpoint;
    this.requestId = requestId;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass is checked by its prototype, as usual.
    if (this !== CloudApiError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isCloudApiError(value);
  }
}

/** Whether a value is a {@link CloudApiError}, of any copy of this package. */
export function isCloudApiError(value: unknown): value is CloudApiError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** The options or the environment are at fault. */
export function configurationError(message: string): CloudApiError {
  return new CloudApiError(message, 500, { code: 'invalid_configuration', kind: 'configuration' });
}

/** An error of the core, to throw. `cause` is why its call got no answer, if it did not. */
export function fromFailure(failure: NativeFailure, requestId?: string, cause?: Error): CloudApiError {
  const { failure: message, status, code, kind, endpoint } = failure;
  const why = kind === 'network' ? cause : undefined;
  const error = new CloudApiError(message, status, { code, kind, endpoint, requestId, cause: why });
  const reason = reasonOf(failure);
  return reason === undefined ? error : answered(error, reason);
}

/** What hosts may answer with by themselves. Other errors are for the code that called: a configuration is no browser's business. */
function reasonOf({ code, kind, refused }: NativeFailure): Reason | undefined {
  if (code === 'organization_forbidden') return code;
  return !refused && (kind === 'network' || kind === 'cloud') ? 'unavailable' : undefined;
}

/** The error in the shape of an `HTTPException`. A `Response` is read once, so each reader gets its own. */
function answered(error: CloudApiError, reason: Reason): CloudApiError {
  const getResponse = () => refuse(reason);
  return Object.defineProperties(error, { getResponse: { value: getResponse }, res: { get: getResponse } });
}

/** A value of the core; throws if it is an error. */
export function unwrap<T>(value: T | NativeFailure): T {
  if (isFailure(value)) throw fromFailure(value);
  return value;
}

export function isFailure(value: unknown): value is NativeFailure {
  return typeof value === 'object' && value !== null && 'failure' in value && typeof value.failure === 'string';
}
