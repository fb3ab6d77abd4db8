/**
 * What a deployment tells: one event for each thing that happened, with codes and ids, never a value.
 */

import { randomUUID } from 'node:crypto';

import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { NativeFailure, NativeLoginUrl, NativeSource } from './native.js';

/** What happened. */
export type CloudAuthEventType =
  /** Somebody is signed in. Only with `traceRequests`. */
  | 'authenticated'
  /** There is no credential. Only with `traceRequests`. */
  | 'anonymous'
  /** A credential was not accepted. */
  | 'rejected'
  /** The Cloud could not be asked who somebody is or what they may do. */
  | 'unavailable'
  /** Somebody signed in. */
  | 'signed_in'
  /** A callback could not be finished, and who brought it is signed in all the same. */
  | 'signed_in_already'
  /** A sign-in was not finished. */
  | 'sign_in_failed'
  /** A copy of a user names no session to ask the Cloud with, and there is no `roleMapping`: it has no permissions. */
  | 'permissions_refused'
  /** A return path would have taken `bytes` of the login URL, more than the `limit`, and was cut. */
  | 'return_path_cut'
  /** A session ended here and at the Cloud. */
  | 'signed_out'
  /** A session ended here, and the Cloud did not confirm. */
  | 'sign_out_not_confirmed'
  /** The Cloud refused in a way that says more of the set-up than of the credential. */
  | 'refused_oddly'
  /** Keys or an identity could not be had anew while nobody waited; what is known serves on. */
  | 'background_failed'
  /** `count` entries of the key set are no keys at all, and are left out; the rest of it counts. */
  | 'key_set_odd'
  /** The Cloud accepts a token that is past its end here: the clock of this machine is ahead by `seconds` at least. Told once a minute at most. */
  | 'clock_ahead'
  /** An operator ended a session here. */
  | 'session_ended'
  /** An operator ended every session of a user here. */
  | 'user_ended'
  /** The channel to other instances is there, and all that it keeps is known. */
  | 'revocations_connected'
  /** The channel was lost, or was not reached at the start: what ends elsewhere is not known here yet. Told once each time. */
  | 'revocations_lost'
  /** The channel keeps more revocations than are read: `revocationStatus().leftOut` of them are not known here. */
  | 'revocations_left_out'
  /** One call to the Cloud was made. */
  | 'cloud_call';

/** Where an answer came from: memory, a signature that was checked here, a call to the Cloud, or nowhere. */
export type CloudAuthSource = NativeSource;

/** One event. Holds no token, cookie, code, e-mail address or body. */
export interface CloudAuthEvent {
  readonly type: CloudAuthEventType;
  /** How it ended, in a word of a short list. */
  readonly outcome?: string;
  /** Where the answer to who a request comes from was found. */
  readonly source?: CloudAuthSource;
  /** The stable code of what went wrong. */
  readonly code?: string;
  readonly status?: number;
  /** The endpoint by its name, as in the metrics. */
  readonly operation?: string;
  /** The path of the contract, with `{id}` for what is not fixed. */
  readonly endpoint?: string;
  /** The Cloud's id of the user. */
  readonly userId?: string;
  /** The Cloud's id of the session; not the token. */
  readonly sessionId?: string;
  /** The request's `x-request-id`, or one made for it. */
  readonly requestId?: string;
  readonly milliseconds?: number;
  /** How many, of what the event tells of. */
  readonly count?: number;
  /** How long, of what the event tells of. */
  readonly seconds?: number;
  /** How large it was, where it was too large. */
  readonly bytes?: number;
  /** How large it may be. */
  readonly limit?: number;
}

/** Where events are written for people. */
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

/** How often what may come with every request is logged at most, in milliseconds. */
const SELDOM = 60_000;

export class Events {
  readonly #logger: () => CloudAuthLogger | undefined;
  readonly #onEvent: ((event: CloudAuthEvent) => void) | undefined;

  /** When an event that may come with every request was logged last. */
  #logged = new Map<CloudAuthEventType, number>();

  constructor(logger: () => CloudAuthLogger | undefined, onEvent: ((event: CloudAuthEvent) => void) | undefined) {
    this.#logger = logger;
    this.#onEvent = onEvent;
  }

  /** Tells an event. Whoever listens cannot break a sign-in: what it throws is not let through. */
  tell(event: CloudAuthEvent): void {
    this.#log(event);
    this.#hand(event);
  }

  /** The same of what may come with every request: handed to `onEvent` each time, and logged once a minute at most. */
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

  /** The same, of an error. */
  failed(type: CloudAuthEventType, failure: NativeFailure, details: Omit<CloudAuthEvent, 'type'> = {}): void {
    const { code, status, endpoint } = failure;
    this.tell({ type, code, status, ...(endpoint !== undefined && { endpoint }), ...details });
  }

  /** The login URL, and tells where its return path was cut. */
  loginUrl({ url, cutFrom, limit }: NativeLoginUrl): string {
    if (cutFrom !== undefined) this.tell({ type: 'return_path_cut', bytes: cutFrom, limit });
    return url;
  }
}

function attempt(who: string, listen: () => void): void {
  try {
    listen();
  } catch {
    // What it threw may hold anything; that it threw is said where Node says such things.
    process.emitWarning(`The ${who} of MastraCloudAuth threw.`, { code: 'MASTRA_AUTH_CLOUD_LISTENER' });
  }
}

/** The id that a request goes by: its own where it has a harmless one. */
export function requestId(request?: RequestLike | null): string {
  const given = header(request, 'x-request-id');
  return given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
