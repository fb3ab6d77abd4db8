/** What comes back over real sockets, and what is made of it; and headers in every shape a host has. */

import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, test, vi } from 'vitest';

import { MastraCloudClient } from '../dist/esm/index.js';
import type { CloudApiError } from '../dist/esm/index.js';
import { header } from '../dist/esm/headers.js';

const open: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllGlobals();
  open.splice(0).forEach(close => close());
});

/** A client of a server that answers so. */
async function clientOf(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return new MastraCloudClient({ projectId: 'demo', baseUrl: `http://127.0.0.1:${port}` });
}

/** The code and status with which verifying a token fails. */
function failure(client: MastraCloudClient): Promise<unknown[]> {
  const of = ({ code, status }: CloudApiError) => [code, status];
  return client.verifyToken({ token: 'secret-token' }).then(user => ['answered', user], of);
}

test('a redirect is not followed', async () => {
  const asked: (string | undefined)[] = [];
  const client = await clientOf((request, response) => {
    asked.push(request.url);
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  expect(await failure(client)).toEqual(['invalid_response', 502]);
  expect(asked).toEqual(['/api/v1/auth/verify']);
});

test('a body is read up to the cap and no further', async () => {
  let sent = 0;
  const client = await clientOf((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const part = Buffer.alloc(64 * 1024, 32);
    const more = () => {
      while (sent < 300_000_000 && !response.destroyed) {
        sent += part.length;
        if (!response.write(part)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  const before = process.memoryUsage().rss;
  expect(await failure(client)).toEqual(['response_too_large', 503]);
  expect(sent).toBeLessThan(50_000_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
});

test('a server that does not answer is not waited for', async () => {
  const client = await clientOf(() => {});
  expect(await failure(client)).toEqual(['timeout', 503]);
});

test('a server that hangs up and one that is not there are an outage', async () => {
  let calls = 0;
  const rude = await clientOf((request, response) => {
    calls += 1;
    response.destroy();
    request.destroy();
  });
  expect(await failure(rude)).toEqual(['network_error', 503]);
  expect(calls).toBe(2);
  const gone = new MastraCloudClient({ projectId: 'demo', baseUrl: 'http://127.0.0.1:9' });
  expect(await failure(gone)).toEqual(['network_error', 503]);
});

test('the global fetch is looked up at each call, and one that does not listen is not waited for', async () => {
  const client = new MastraCloudClient({ projectId: 'demo' });
  vi.stubGlobal('fetch', async () => new Response('{"ok":false}', { status: 401 }));
  expect(await client.verifyToken({ token: 't' })).toBeNull();
  vi.stubGlobal('fetch', () => new Promise(() => {}));
  expect(await failure(client)).toEqual(['timeout', 503]);
  vi.stubGlobal('fetch', () => Promise.reject(new Error('with secret-token in it')));
  const error = await client.verifyToken({ token: 'secret-token' }).catch((thrown: CloudApiError) => thrown);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('secret-token');
});

test('headers are read from whatever a host calls a request', () => {
  const headers = { cookie: 'a=1; b=2', authorization: 'Bearer t' };
  const web = new Request('http://localhost/', { headers });
  const shapes: Parameters<typeof header>[0][] = [
    web,
    { raw: web },
    { headers: web.headers },
    { headers },
    { headers: { Cookie: 'a=1; b=2', Authorization: 'Bearer t' } },
    { headers: { cookie: ['a=1', 'b=2'], authorization: 'Bearer t' } },
    { header: name => web.headers.get(name) ?? undefined },
  ];
  for (const shape of shapes) {
    expect(header(shape, 'cookie')).toBe('a=1; b=2');
    expect(header(shape, 'authorization')).toBe('Bearer t');
    expect(header(shape, 'x-request-id')).toBeUndefined();
  }
  for (const none of [undefined, null, {}, { headers: null }, { headers: { cookie: 7 } }, { raw: 7 }]) {
    expect(header(none, 'cookie')).toBeUndefined();
  }
  expect(header({ headers: {} }, 'constructor')).toBeUndefined();
  // A function that does not find it has the last word.
  expect(header({ header: () => undefined, headers }, 'cookie')).toBeUndefined();
});
