/** What comes back over real sockets, and what is made of it; and headers in every shape a host has. */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { MastraCloudAuth, MastraCloudClient } from '../dist/esm/index.js';
import type { CloudApiError } from '../dist/esm/index.js';
import { header } from '../dist/esm/headers.js';

const open: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
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

test.each(['too large', 'cut off', 'failing'])('a newer session is taken from an answer that is %s', async kind => {
  const asked: (string | undefined)[] = [];
  const me = JSON.stringify({ user: { id: 'usr_1' }, organizationId: 'org_1', memberOrgIds: ['org_1'] });
  const server = createServer((request, response) => {
    asked.push(request.headers.cookie);
    if (asked.length > 1) return void response.end(me);
    response.setHeader('set-cookie', 'wos-session=newer; Path=/; HttpOnly');
    if (kind === 'failing') return void response.writeHead(503).end('{}');
    if (kind === 'too large') return void response.end(' '.repeat(4_000_000) + me);
    response.setHeader('content-length', 1_000);
    response.write(me, () => request.socket.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  open.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const auth = new MastraCloudAuth({ dialect: 'platform', baseUrl: `http://127.0.0.1:${port}` });
  const look = () => auth.getCurrentUser(new Request('http://localhost:4111/', { headers: { cookie: 'wos-session=older' } }));
  if (kind === 'too large') await expect(look()).rejects.toMatchObject({ code: 'response_too_large' });
  expect((await look())?.id).toBe('usr_1');
  expect(asked).toEqual(['wos-session=older', 'wos-session=newer']);
});

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
  vi.stubEnv('MASTRA_CALL_TIMEOUT', '1');
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
  const gone = new MastraCloudClient({ projectId: 'demo', baseUrl: 'http://127.0.0.1:2' });
  expect(await failure(gone)).toEqual(['network_error', 503]);
});

describe('a code is exchanged once', () => {
  /** Answers the first request of each connection; the next one, or the first where `rude`, finds it closed. */
  async function closing(how: 'fin' | 'rst', rude = false) {
    const paths: string[] = [];
    const server = createTcpServer(socket => {
      let served = rude;
      socket.on('error', () => {});
      socket.on('data', data => {
        const [, path = ''] = data.toString('latin1').split(' ');
        // The body may come by itself.
        if (!path.startsWith('/api')) return;
        paths.push(path);
        if (served) return void (how === 'rst' ? socket.resetAndDestroy() : socket.destroy());
        served = true;
        const body = '{"ok":false,"error":{"message":"no","status":401}}';
        socket.write(`HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const of = (options: { fetch?: typeof fetch } = {}) =>
      new MastraCloudClient({ projectId: 'demo', baseUrl: `http://127.0.0.1:${port}`, ...options });
    return { of, paths };
  }
  /** Until a connection that has answered may be used again. */
  const kept = () => new Promise(resolve => setImmediate(resolve));
  const VERIFY = '/api/v1/auth/verify';
  const EXCHANGE = '/api/v1/auth/callback';
  const ended = (client: MastraCloudClient) =>
    client.exchangeCode({ code: 'c0de' }).then(
      () => 'exchanged',
      ({ code, status }: CloudApiError) => `${code} ${status}`,
    );

  test.each(['fin', 'rst'] as const)('and once more where it met a kept connection that ended (%s)', async how => {
    for (const options of [{}, { fetch: (...args: Parameters<typeof fetch>) => fetch(...args) }]) {
      const { of, paths } = await closing(how);
      const client = of(options);
      expect(await client.verifyToken({ token: 't' })).toBeNull();
      await kept();
      expect(await ended(client)).toBe('request_failed 401');
      expect(paths).toEqual([VERIFY, EXCHANGE, EXCHANGE]);
    }
  });

  test.each(['fin', 'rst'] as const)('and not again where it may have come through (%s)', async how => {
    const { of, paths } = await closing(how, true);
    expect(await ended(of())).toBe('network_error 503');
    expect(paths).toEqual([EXCHANGE]);
  });

  test('and not again where it is not certain which request met the end', async () => {
    const { of, paths } = await closing('fin');
    const client = of({
      // Another request before it: which of the two met the end is not certain.
      fetch: async (...args: Parameters<typeof fetch>) => {
        await (await fetch(`${new URL(String(args[0])).origin}/api/v1/other`)).text();
        await kept();
        return fetch(...args);
      },
    });
    expect(await ended(client)).toBe('network_error 503');
    expect(paths).toEqual(['/api/v1/other', EXCHANGE]);
  });
});

test('the global fetch is looked up at each call, and one that does not listen is not waited for', async () => {
  vi.stubEnv('MASTRA_CALL_TIMEOUT', '1');
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

test('no hook of ours runs for the promises of the process once a code is exchanged', () => {
  // Without hooks, no promise gets an id. A test runner may have hooks of its own.
  const script = `
    const { executionAsyncId } = require('node:async_hooks');
    const { MastraCloudClient } = require('./dist/cjs/index.js');
    const id = async () => { await null; return executionAsyncId(); };
    let within;
    const fetch = async () => { within = await id(); return new Response(null, { status: 401 }); };
    const client = new MastraCloudClient({ projectId: 'demo', baseUrl: 'http://localhost:1', fetch });
    client.exchangeCode({ code: 'c0de' }).catch(() => undefined).then(() => setTimeout(async () => {
      console.log(within > 0, await id());
    }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  // Before Node 24 a storage needs hooks, so there is something to see.
  expect(stdout).toBe(`${Number.parseInt(process.versions.node, 10) < 24} 0\n`);
});
