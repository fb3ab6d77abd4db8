/**
 * Sends one request over `fetch`: unchanged, without following redirects, with a limit on the body and a time-out on the whole. Loads
 * no addon.
 */

import { causeOf } from './cause.js';
import type { Cause } from './cause.js';
import type { NativeRequest, NativeTransportError } from './addon-types.js';
import type { Dispatcher } from './stale-connection.js';
import { deadline } from './timeout.js';

/** The subset of `fetch` that is needed. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export type Delivery =
  | {
      readonly status: number;
      readonly body: Uint8Array;
      /** The values of `Set-Cookie`. */
      readonly cookies: string[];
      readonly failed?: undefined;
      readonly cause?: undefined;
    }
  | ({ readonly failed: NativeTransportError; readonly cause?: Cause; readonly body?: undefined } & Readonly<Head>);

/** What came although there is no body. */
interface Head {
  status?: number;
  /** The values of `Set-Cookie`. */
  cookies?: string[];
}

/** Codes of a failure to connect: nothing of the request was sent. */
const CONNECT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED', 'UND_ERR_ABORTED']);

/** How a request is sent in another way than by a call of `fetch`. */
export interface Around {
  /** Runs the call. */
  readonly run?: ((asking: () => Promise<Response>) => Promise<Response>) | undefined;
  /** The connections that the global `fetch` takes. */
  readonly dispatcher?: Dispatcher | undefined;
}

/** Sends one request. Never throws: the delivery holds the error. */
export async function exchange(request: Omit<NativeRequest, 'operation' | 'endpoint'>, fetch: Fetch | undefined, around: Around = {}): Promise<Delivery> {
  const controller = new AbortController();
  const head: Head = {};
  let cancel: (() => void) | undefined;
  const late = new Promise<Delivery>(resolve => {
    const end = () => {
      resolve({ failed: 'timeout', ...head });
      controller.abort();
    };
    cancel = deadline(end, request.timeout, setTimeout);
  });
  try {
    // A `fetch` that ignores the signal is not waited for.
    return await Promise.race([answered(request, fetch ?? globalThis.fetch, head, controller, around), late]);
  } finally {
    cancel?.();
  }
}

async function answered(
  request: Omit<NativeRequest, 'operation' | 'endpoint'>,
  fetch: Fetch,
  head: Head,
  controller: AbortController,
  { run = asking => asking(), dispatcher }: Around,
): Promise<Delivery> {
  try {
    const response = await run(() =>
      fetch(request.url, {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        signal: controller.signal,
        ...(request.body && { body: request.body }),
        ...(dispatcher && ({ dispatcher } as object)),
      }),
    );
    const { status } = response;
    const cookies = response.headers.getSetCookie();
    Object.assign(head, { status, cookies });
    const body = await read(response, request.maxResponseBytes);
    if (body === undefined) {
      controller.abort();
      return { failed: 'too_large', ...head };
    }
    return { status, body, cookies };
  } catch (error) {
    return { failed: reason(error), cause: causeOf(error), ...head };
  }
}

/** The whole body; `undefined` if it exceeds the cap. */
async function read(response: Response, cap: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  if (response.body) {
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      size += part.byteLength;
      if (size > cap) return undefined;
      parts.push(part);
    }
  }
  return joined(parts, size);
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/** The reason why there is no response, whatever was thrown. */
function reason(error: unknown): NativeTransportError {
  try {
    return reasonOf(error);
  } catch {
    return 'other';
  }
}

/** Judges by the codes that `fetch` leaves in the cause, not by messages. */
function reasonOf(error: unknown): NativeTransportError {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 4; depth += 1) {
    const code = 'code' in at ? at.code : undefined;
    if (typeof code === 'string') {
      if (CONNECT.has(code)) return 'connect';
      if (CLOSED.has(code)) return 'closed';
    }
    at = 'cause' in at ? at.cause : undefined;
  }
  return 'other';
}
