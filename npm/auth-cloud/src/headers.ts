/** Reads headers of any host's request: a `Request`, a Hono request, or an object with plain headers. */

export interface RequestLike {
  readonly raw?: unknown;
  readonly headers?: unknown;
  readonly url?: unknown;
  header?(name: string): string | undefined;
}

/**
 * A header's value; several of one name are joined as HTTP joins them. `name` is lower-case. If the request has a function
 * for headers, its answer is final.
 */
export function header(request: RequestLike | undefined | null, name: string): string | undefined {
  if (request === undefined || request === null) return undefined;
  if (typeof request.header === 'function') {
    const value: unknown = request.header(name);
    return typeof value === 'string' ? value : undefined;
  }
  return fromHeaders(request.headers, name) ?? fromHeaders(headersOf(request.raw), name);
}

function headersOf(raw: unknown): unknown {
  return typeof raw === 'object' && raw !== null && 'headers' in raw ? raw.headers : undefined;
}

function fromHeaders(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  if ('get' in headers && typeof headers.get === 'function') {
    const value: unknown = headers.get(name);
    return typeof value === 'string' ? value : undefined;
  }
  const value = plain(headers as Record<string, unknown>, name);
  if (Array.isArray(value)) return value.filter(part => typeof part === 'string').join(name === 'cookie' ? '; ' : ', ');
  return typeof value === 'string' ? value : undefined;
}

function plain(headers: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(headers, name)) return headers[name];
  for (const key in headers) {
    if (key.length === name.length && key.toLowerCase() === name && Object.hasOwn(headers, key)) return headers[key];
  }
  return undefined;
}
