/** Sends one request of the core. Where that would spend something twice, it says whether a reused connection was closed instead. */

import { exchange } from './exchange.js';
import type { Delivery, Fetch } from './exchange.js';
import type { NativeRequest } from './native.js';
import { ConnectionWatch, freshDispatcher } from './stale-connection.js';

export type { Delivery, Fetch } from './exchange.js';

/**
 * Sends one request. Never throws: the delivery holds the error. `again` repeats a request whose reused connection was
 * closed. It takes a connection of its own if the global `fetch` supports that.
 */
export async function send(request: NativeRequest, fetch: Fetch | undefined, again = false): Promise<Delivery> {
  const dispatcher = again && fetch === undefined ? freshDispatcher() : undefined;
  // Every other request is retried anyway.
  const watch = request.operation === 'exchange_code' ? new ConnectionWatch() : undefined;
  try {
    const delivery = await exchange(request, fetch, { dispatcher, run: watch && (asking => watch.run(asking)) });
    return delivery.failed === 'closed' && watch?.endedUnanswered ? { ...delivery, failed: 'stale' } : delivery;
  } finally {
    dispatcher?.close().catch(() => undefined);
  }
}
