/** A slow way to a Redis: what it answers comes at so many bytes a second. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import type { RedisServer } from './redis-server.js';

/** The URL of Redis by that way, on each connection. */
export async function slowWay(redis: RedisServer, bytesASecond: number): Promise<{ url: string; close: () => void }> {
  const server = createServer(here => {
    const there = connect(redis.port, '127.0.0.1');
    here.pipe(there);
    void pass();
    here.on('error', () => there.destroy()).on('close', () => there.destroy());
    there.on('error', () => here.destroy());

    async function pass(): Promise<void> {
      try {
        for await (const bytes of there as AsyncIterable<Buffer>) {
          for (let at = 0; at < bytes.length && !here.destroyed; at += bytesASecond / 50) {
            here.write(bytes.subarray(at, at + bytesASecond / 50));
            // What is short goes through at once.
            if (bytes.length > 1000) await new Promise(resolve => setTimeout(resolve, 20));
          }
        }
      } catch {
        // The client disconnected.
      }
      here.end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `redis://127.0.0.1:${port}/0`, close: () => server.close() };
}
