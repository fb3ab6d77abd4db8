/**
 * Why an exchange failed, as an error for debugging: names and codes of the system and of `fetch`, and no value. Leaves out
 * hosts, ports, URLs and messages, and codes of any other form, whose author is unknown.
 */

const CODE =
  /^(E[A-Z0-9]{2,20}|(UND_ERR|HPE|ERR|CERT|CRL|UNABLE_TO|ERROR_IN)_[A-Z0-9_]{1,60}|(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|Connection(Refused|Closed)|FailedToOpenSocket)$/;
const NAME = /^[A-Z][A-Za-z]{0,30}(Error|Exception)$/;
const SYSCALLS = new Set(['connect', 'read', 'write', 'getaddrinfo', 'getnameinfo', 'socket', 'bind', 'shutdown', 'open']);
/** How deep causes are followed, and how many errors of an aggregate are kept. */
const MOST = 4;

/** The cause of a failed exchange: the nearest error that has a code, with its own causes. */
export interface Cause extends Error {
  readonly code?: string;
  /** The system call that failed: `connect`, `getaddrinfo` and so on. */
  readonly syscall?: string;
}

/** A copy of an error without values. Never throws, whatever was thrown at it. */
export function causeOf(error: unknown): Cause {
  try {
    return known(error, MOST) ?? made(error, undefined, undefined);
  } catch {
    return made(undefined, undefined, undefined);
  }
}

function known(error: unknown, depth: number): Cause | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const inner = 'cause' in error ? known(error.cause, depth - 1) : undefined;
  const several = 'errors' in error && Array.isArray(error.errors) ? error.errors : [];
  const parts = several.slice(0, MOST).flatMap(one => known(one, depth - 1) ?? []);
  if (codeOf(error) === undefined && parts.length === 0) return inner;
  return made(error, inner, parts.length > 0 ? parts : undefined);
}

function made(error: unknown, inner: Cause | undefined, parts: Cause[] | undefined): Cause {
  const from = typeof error === 'object' && error !== null ? error : {};
  const name = 'name' in from && typeof from.name === 'string' && NAME.test(from.name) ? from.name : 'Error';
  const syscall = 'syscall' in from && typeof from.syscall === 'string' && SYSCALLS.has(from.syscall) ? from.syscall : undefined;
  const code = codeOf(from) ?? parts?.[0]?.code;
  const message = [syscall, code].filter(word => word !== undefined).join(' ') || 'The request failed without a code.';
  const options = inner === undefined ? {} : { cause: inner };
  const cause = parts === undefined ? new Error(message, options) : new AggregateError(parts, message, options);
  cause.name = name;
  return Object.assign(cause, { ...(code !== undefined && { code }), ...(syscall !== undefined && { syscall }) });
}

function codeOf(error: object): string | undefined {
  return 'code' in error && typeof error.code === 'string' && CODE.test(error.code) ? error.code : undefined;
}
