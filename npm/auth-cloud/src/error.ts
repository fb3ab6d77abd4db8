/**
 * `CloudApiError`: whose fault, which code, which status, which endpoint; never a value.
 *
 * Both module kinds of the package have a class of their own; `instanceof` goes by a brand, so that an error of one is an
 * instance of the other.
 */

import type { ErrorCode } from './codes.js';
import type { NativeFailure } from './native.js';

const BRAND = Symbol.for('@mastra/auth-cloud/CloudApiError');

/** Whose fault an error is, and so who can mend it. */
export type ErrorKind = 'caller' | 'configuration' | 'credential' | 'cloud' | 'network';

/** What else an error knows. */
export interface CloudApiErrorDetails {
  /** A stable code: one of ours, or the one that the Cloud gave. */
  readonly code?: ErrorCode | (string & {}) | undefined;
  readonly kind?: ErrorKind | undefined;
  /** The path of the contract that was asked, with `{id}` for what is not fixed. */
  readonly endpoint?: string | undefined;
  /** The host's id of the request that failed. */
  readonly requestId?: string | undefined;
  /** Why no answer came: names and codes of the system, and no value. */
  readonly cause?: Error | undefined;
}

/** An operation did not give its result. */
export class CloudApiError extends Error {
  /** The HTTP status that describes it; 503 where the Cloud could not be asked. */
  readonly status: number;
  readonly code: ErrorCode | (string & {}) | undefined;
  readonly kind: ErrorKind;
  readonly endpoint: string | undefined;
  readonly requestId: string | undefined;

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
    // A class that extends this one is told by its prototype, as usual.
    if (this !== CloudApiError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isCloudApiError(value);
  }
}

/** Whether a value is a {@link CloudApiError}, of whichever copy of this package. */
export function isCloudApiError(value: unknown): value is CloudApiError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** An error of the core, to throw. `cause` is what kept the call from being answered, where that is what it tells of. */
export function fromFailure(failure: NativeFailure, requestId?: string, cause?: Error): CloudApiError {
  const { failure: message, status, code, kind, endpoint } = failure;
  const why = kind === 'network' ? cause : undefined;
  return new CloudApiError(message, status, { code, kind, endpoint, requestId, cause: why });
}

/** A value of the core; throws where it is an error. */
export function unwrap<T>(value: T | NativeFailure): T {
  if (isFailure(value)) throw fromFailure(value);
  return value;
}

export function isFailure(value: unknown): value is NativeFailure {
  return typeof value === 'object' && value !== null && 'failure' in value && typeof value.failure === 'string';
}
