/** The address of a request, as the core's number: it decides which cookies count if one without `__Host-` came. */

import { configurationError } from './error.js';
import { header } from './headers.js';
import type { RequestLike } from './headers.js';
import type { Native } from './native.js';
import { native } from '#host';

/** What a host may know before it serves. Older hosts have no type for it. */
export interface AuthInit {
  readonly database?: unknown;
  /** The address that browsers use, such as `https://app.example.com`. */
  readonly publicUrl?: string;
  readonly allowedOrigins?: string[];
}

/** The parts of a request that show its address, in the core's order. */
type Address = Parameters<Native['siteOf']>;

/** Caches the core's answer for consecutive requests to one address. */
export class Sites {
  /** Of all requests, if the host has said once what browsers call it. */
  #known: number | undefined;
  #origin: string | undefined;
  #last: readonly (string | undefined)[] = [];
  #number = 0;

  /** Sets the address of all requests: an origin that no header of theirs overrides. */
  know(publicOrigin: string): void {
    this.#origin = publicOrigin;
    this.#known = native.siteOf(undefined, undefined, undefined, undefined, publicOrigin);
  }

  /** The parts of this request, or what the host has said. */
  addressOf(request: RequestLike): Address {
    if (this.#origin !== undefined) return [undefined, undefined, undefined, undefined, this.#origin];
    const named = ['x-mastra-public-host', 'x-forwarded-host', 'host', 'x-forwarded-proto'] as const;
    const [publicHost, forwardedHost, host, proto] = named.map(name => header(request, name));
    return [publicHost, forwardedHost, host, proto, origin(urlOf(request))];
  }

  of(request: RequestLike | undefined | null): number {
    if (this.#known !== undefined) return this.#known;
    const publicHost = header(request, 'x-mastra-public-host');
    const forwardedHost = header(request, 'x-forwarded-host');
    const host = header(request, 'host');
    const proto = header(request, 'x-forwarded-proto');
    const url = proto === undefined || host === undefined ? origin(urlOf(request)) : undefined;
    const [lastPublicHost, lastForwardedHost, lastHost, lastProto, lastUrl] = this.#last;
    const isLast =
      host === lastHost &&
      url === lastUrl &&
      proto === lastProto &&
      forwardedHost === lastForwardedHost &&
      publicHost === lastPublicHost;
    if (isLast) return this.#number;
    this.#last = [publicHost, forwardedHost, host, proto, url];
    this.#number = native.siteOf(publicHost, forwardedHost, host, proto, url);
    return this.#number;
  }
}

function urlOf(request: RequestLike | undefined | null): unknown {
  if (typeof request?.url === 'string') return request.url;
  const raw = request?.raw;
  return typeof raw === 'object' && raw !== null && 'url' in raw ? raw.url : undefined;
}

/** The part before the path. */
function origin(url: unknown): string | undefined {
  if (typeof url !== 'string') return undefined;
  const path = url.indexOf('/', url.indexOf('://') + 3);
  return path < 0 ? url : url.slice(0, path);
}

/** The origin of a `publicUrl`. Throws for what browsers cannot be at. */
export function publicOrigin(url: unknown): string {
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  const isOne = parsed !== null && ['http:', 'https:'].includes(parsed.protocol) && parsed.username === '' && parsed.password === '';
  if (!isOne) throw configurationError('publicUrl must be the address that browsers use, such as https://app.example.com');
  return parsed.origin;
}
