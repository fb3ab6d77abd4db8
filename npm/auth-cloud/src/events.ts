/** Emits the events of a deployment to `onEvent` and the logger. The list of events is the core's: `event-types.ts`. */

import { EVENT_LEVELS } from './event-types.js';
import type { CloudAuthEvent, CloudAuthEventType, EventMembers } from './event-types.js';
import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { NativeFailure, NativeLoginUrl } from './native.js';
import { warn } from './runtime.js';

/** The members of an event beside its type. */
type Members<T extends CloudAuthEventType> = Pick<CloudAuthEvent, EventMembers[T]>;

/** The events that hold an error. */
type FailureEvent = {
  [T in CloudAuthEventType]: 'code' | 'status' | 'endpoint' extends EventMembers[T] ? T : never;
}[CloudAuthEventType];

/** The logger that events are written to. */
export interface CloudAuthLogger {
  debug(message: string, details?: Record<string, unknown>): void;
  info(message: string, details?: Record<string, unknown>): void;
  warn(message: string, details?: Record<string, unknown>): void;
}

/** Least time in milliseconds between two log lines of an event that any request can cause. */
const MINUTE = 60_000;

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
  emit<T extends CloudAuthEventType>(event: { readonly type: T } & Members<T>): void {
    this.#log(event);
    this.#notify(event);
  }

  /** Emits an event that any request can cause: `onEvent` gets each one, the log at most one a minute. */
  emitLimited<T extends CloudAuthEventType>(event: { readonly type: T } & Members<T>): void {
    const now = performance.now();
    if (now - (this.#logged.get(event.type) ?? -Infinity) >= MINUTE) {
      this.#logged.set(event.type, now);
      this.#log(event);
    }
    this.#notify(event);
  }

  #log({ type, ...details }: CloudAuthEvent): void {
    attempt('logger', () => this.#logger()?.[EVENT_LEVELS[type]](`mastra cloud auth: ${type}`, details));
  }

  #notify(event: CloudAuthEvent): void {
    attempt('onEvent', () => this.#onEvent?.(event));
  }

  /** Emits an event for an error. */
  failed<T extends FailureEvent>(type: T, failure: NativeFailure, details: Partial<Members<T>> = {}): void {
    const { code, status, endpoint } = failure;
    const event = { type, code, status, ...(endpoint !== undefined && { endpoint }), ...details };
    this.#log(event);
    this.#notify(event);
  }

  /** The login URL; emits an event if its return path was shortened. */
  loginUrl({ url, cutFrom, limit }: NativeLoginUrl): string {
    if (cutFrom !== undefined) this.emit({ type: 'return_path_truncated', bytes: cutFrom, limit });
    return url;
  }
}

function attempt(who: string, listen: () => void): void {
  try {
    listen();
  } catch {
    // The listener's error may hold anything, so only the fact that it threw becomes a warning of the process.
    warn(`The ${who} of MastraCloudAuth threw.`, 'MASTRA_AUTH_CLOUD_LISTENER');
  }
}

/** The id of a request: its own if it has a harmless one, else a new one. */
export function requestId(request?: RequestLike | null): string {
  const given = header(request, 'x-request-id');
  return given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID();
}
