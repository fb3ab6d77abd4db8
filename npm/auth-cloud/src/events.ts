/** Events of a deployment: each has codes and ids, never a value. */

import { randomUUID } from 'node:crypto';

import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { NativeFailure, NativeLoginUrl, NativeSource } from './native.js';

/** The kind of an event. */
export type CloudAuthEventType =
  /** A request has a signed-in user. Only with `traceRequests`. */
  | 'authenticated'
  /** A request has no credential. Only with `traceRequests`. */
  | 'anonymous'
  /** A credential was refused. */
  | 'rejected'
  /** The Cloud could not be asked for an identity or for permissions. */
  | 'unavailable'
  /** A user signed in. */
  | 'signed_in'
  /** A callback failed, but its browser is already signed in. */
  | 'signed_in_already'
  /** A sign-in failed. */
  | 'sign_in_failed'
  /** A copy of a user names no session to ask the Cloud with, and there is no `roleMapping`: it gets no permissions. */
  | 'permissions_refused'
  /** A return path of `bytes` in the login URL exceeded the `limit` and was cut. */
  | 'return_path_cut'
  /** A session ended here and at the Cloud. */
  | 'signed_out'
  /** A session ended here, but the Cloud did not confirm. */
  | 'sign_out_not_confirmed'
  /** The Cloud refused in a way that points to the configuration rather than the credential. */
  | 'refused_oddly'
  /** Keys or an identity could not be refreshed in the background; the cached ones stay in use. */
  | 'background_failed'
  /** `count` entries of the key set are not keys and are skipped; the rest is used. */
  | 'key_set_odd'
  /**
   * The Cloud accepts a token that is expired here: the clock of this machine is ahead by at least `seconds`. At most once
   * a minute.
   */
  | 'clock_ahead'
  /** An operator revoked a session here. */
  | 'session_ended'
  /** An operator revoked every session of a user here. */
  | 'user_ended'
  /** The revocation channel is connected, and all its stored entries are known. */
  | 'revocations_connected'
  /** The channel was lost, or was unreachable at the start: revocations elsewhere do not arrive here. Emitted once each time. */
  | 'revocations_lost'
  /** The channel stores more revocations than are read: `revocationStatus().leftOut` of them are not known here. */
  | 'revocations_left_out'
  /** A call to the Cloud ended. */
  | 'cloud_call';

/** The source of an answer: the cache, a signature check here, a call to the Cloud, or none. */
export type CloudAuthSource = NativeSource;

/** One event. Holds no token, cookie, code, e-mail address or body. */
export interface CloudAuthEvent {
  readonly type: CloudAuthEventType;
  /** The outcome, a word of a fixed list. */
  readonly outcome?: string;
  /** The source of the answer to an authentication. */
  readonly source?: CloudAuthSource;
  /** The stable code of the error. */
  readonly code?: string;
  readonly status?: number;
  /** The endpoint by its name, as in the metrics. */
  readonly operation?: string;
  /** The contract path, with `{id}` for what varies. */
  readonly endpoint?: string;
  /** The Cloud's id of the user. */
  readonly userId?: string;
  /** The Cloud's id of the session; not the token. */
  readonly sessionId?: string;
  /** The request's `x-request-id`, or one made for it. */
  readonly requestId?: string;
  readonly milliseconds?: number;
  /** The event's count. */
  readonly count?: number;
  /** The event's duration in seconds. */
  readonly seconds?: number;
  /** The actual size, if it was too large. */
  readonly bytes?: number;
  /** The largest size allowed. */
  readonly limit?: number;
}

/** The logger that events are written to. */
export interface CloudAuthLogger {
  debug(message: string, details?: Record<string, unknown>): void;
  info(message: string, details?: Record<string, unknown>): void;
  warn(message: string, details?: Record<string, unknown>): void;
}

const LEVEL: Record<CloudAuthEventType, keyof CloudAuthLogger> = {
  authenticated: 'debug',
  anonymous: 'debug',
  rejected: 'debug',
  unavailable: 'warn',
  signed_in: 'info',
  signed_in_already: 'info',
  sign_in_failed: 'warn',
  permissions_refused: 'warn',
  return_path_cut: 'warn',
  signed_out: 'info',
  sign_out_not_confirmed: 'warn',
  refused_oddly: 'warn',
  background_failed: 'warn',
  key_set_odd: 'warn',
  clock_ahead: 'warn',
  session_ended: 'info',
  user_ended: 'info',
  revocations_connected: 'info',
  revocations_lost: 'warn',
  revocations_left_out: 'warn',
  cloud_call: 'debug',
};

/** Least time in milliseconds between two log lines of an event that any request can cause. */
const SELDOM = 60_000;

export class Events {
  readonly #logger: () => CloudAuthLogger | undefined;
  readonly #onEvent: ((event: CloudAuthEvent) => void) | undefined;

  /** When each event that any request can cause was last logged. */
  #logged = new Map<CloudAuthEventType, number>();

  constructor(logger: () => CloudAuthLogger | undefined, onEvent: ((event: CloudAuthEvent) => void) | undefined) {
    this.#logger = logger;
    this.#onEvent = onEvent;
  }

  /** Emits an event. A listener that throws does not break a sign-in: its error is caught. */
  tell(event: CloudAuthEvent): void {
    this.#log(event);
    this.#hand(event);
  }

  /** Emits an event that any request can cause: `onEvent` gets each one, the log at most one a minute. */
  tellOften(event: CloudAuthEvent): void {
    const now = performance.now();
    if (now - (this.#logged.get(event.type) ?? -Infinity) >= SELDOM) {
      this.#logged.set(event.type, now);
      this.#log(event);
    }
    this.#hand(event);
  }

  #log({ type, ...details }: CloudAuthEvent): void {
    attempt('logger', () => this.#logger()?.[LEVEL[type]](`mastra cloud auth: ${type}`, details));
  }

  #hand(event: CloudAuthEvent): void {
    attempt('onEvent', () => this.#onEvent?.(event));
  }

  /** Emits an event for an error. */
  failed(type: CloudAuthEventType, failure: NativeFailure, details: Omit<CloudAuthEvent, 'type'> = {}): void {
    const { code, status, endpoint } = failure;
    this.tell({ type, code, status, ...(endpoint !== undefined && { endpoint }), ...details });
  }

  /** The login URL; emits an event if its return path was cut. */
  loginUrl({ url, cutFrom, limit }: NativeLoginUrl): string {
    if (cutFrom !== undefined) this.tell({ type: 'return_path_cut', bytes: cutFrom, limit });
    return url;
  }
}

function attempt(who: string, listen: () => void): void {
  try {
    listen();
  } catch {
    // The listener's error may hold anything, so only the fact that it threw becomes a warning of the process.
    process.emitWarning(`The ${who} of MastraCloudAuth threw.`, { code: 'MASTRA_AUTH_CLOUD_LISTENER' });
  }
}

/** The id of a request: its own if it has a harmless one, else a new one. */
export function requestId(request?: RequestLike | null): string {
  const given = header(request, 'x-request-id');
  return given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
