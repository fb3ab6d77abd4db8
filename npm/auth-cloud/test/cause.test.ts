/** What a `network_error` keeps of the error it comes of: names and codes, and no value. */

import { inspect } from 'node:util';

import { afterEach, expect, test, vi } from 'vitest';

import { MastraCloudAuth, MastraCloudClient } from '../dist/esm/index.js';
import type { CloudApiError } from '../dist/esm/index.js';
import { request } from './world.js';
import { finish } from './written-cloud.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

const CANARY = 'canary-5f2e';

function thrown(promise: Promise<unknown>): Promise<CloudApiError> {
  return promise.then(
    () => expect.fail('it was answered'),
    (error: CloudApiError) => error,
  );
}

/** The error of a call whose `fetch` throws this. */
function errorOf(value: unknown): Promise<CloudApiError> {
  vi.stubGlobal('fetch', () => Promise.reject(value));
  return thrown(new MastraCloudClient({ projectId: 'demo' }).verifyToken({ token: 't' }));
}

/** An error as the system makes them, with a value wherever one could stand. */
function systemError(code: string, syscall: string, more: object = {}): Error {
  const values = { address: CANARY, port: 443, hostname: CANARY, host: CANARY, path: CANARY, info: { token: CANARY } };
  return Object.assign(new Error(`${syscall} ${code} ${CANARY}`), { code, syscall, ...values, ...more });
}

function expectNoValue(error: CloudApiError): void {
  const names = (value: object | undefined): string => JSON.stringify(value, value && Object.getOwnPropertyNames(value));
  const shown = [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), names(error), names(error.cause as Error)];
  for (const text of shown) expect(text).not.toContain(CANARY);
}

test('a server that is not there is told with code and call, wherever the error comes out', async () => {
  // The system hands this port out to no other program, and `fetch` does not block it. Over a name there are several addresses to try.
  for (const baseUrl of ['http://127.0.0.1:2', 'http://localhost:2']) {
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl });
    const client = new MastraCloudClient({ projectId: 'demo', baseUrl });
    const user = { id: 'u', sessionToken: 't' } as never;
    for (const failing of [
      () => client.verifyToken({ token: 'token' }),
      () => client.exchangeCode({ code: 'code' }),
      () => auth.authenticateToken('token', request({})),
      () => auth.validateSession('token'),
      () => auth.refreshSession('token'),
      () => auth.getPermissions(user),
      () => finish(auth),
    ]) {
      const error = await thrown(failing());
      expect(error).toMatchObject({ code: 'network_error', status: 503, cause: { code: 'ECONNREFUSED' } });
      expect(inspect(error)).not.toMatch(/127\.0\.0\.1|localhost/);
    }
  }
});

test('each cause keeps its code, its call and its name, and nothing else', async () => {
  for (const [given, expected] of [
    [systemError('ECONNREFUSED', 'connect'), { code: 'ECONNREFUSED', syscall: 'connect', message: 'connect ECONNREFUSED' }],
    [systemError('ENOTFOUND', 'getaddrinfo'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }],
    [systemError('CERT_HAS_EXPIRED', CANARY), { code: 'CERT_HAS_EXPIRED', message: 'CERT_HAS_EXPIRED' }],
    [systemError('ERR_TLS_CERT_ALTNAME_INVALID', CANARY), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }],
    [systemError('DEPTH_ZERO_SELF_SIGNED_CERT', CANARY), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }],
    [systemError('UND_ERR_CONNECT_TIMEOUT', CANARY, { name: 'ConnectTimeoutError' }), { name: 'ConnectTimeoutError' }],
    [systemError(CANARY, CANARY, { name: CANARY }), { message: 'The request failed without a code.' }],
  ] as const) {
    for (const whole of [given, new TypeError(CANARY, { cause: given })]) {
      const error = await errorOf(whole);
      expect(error).toMatchObject({ code: 'network_error', cause: expected });
      expectNoValue(error);
    }
  }
});

test('several addresses and causes of causes are kept, without values', async () => {
  const each = [systemError('ECONNREFUSED', 'connect'), systemError('ENETUNREACH', 'connect'), new Error(CANARY)];
  const several = Object.assign(new AggregateError(each, CANARY), { code: 'ECONNREFUSED', [CANARY]: CANARY });
  const error = await errorOf(new TypeError(CANARY, { cause: several }));
  expect(error.cause).toMatchObject({ name: 'AggregateError', errors: [{ code: 'ECONNREFUSED' }, { code: 'ENETUNREACH' }] });
  expectNoValue(error);
  const nested = systemError('UND_ERR_SOCKET', CANARY, { cause: systemError('ECONNRESET', 'read') });
  const closed = await errorOf(new TypeError(CANARY, { cause: nested }));
  expect(closed.cause).toMatchObject({ code: 'UND_ERR_SOCKET', cause: { code: 'ECONNRESET', syscall: 'read' } });
  expectNoValue(closed);
});

test('whatever is thrown breaks nothing', async () => {
  const loop: { cause?: unknown; code: string } = { code: CANARY };
  loop.cause = loop;
  const hostile = new Proxy(new Error(CANARY), {
    get: () => {
      throw new Error(CANARY);
    },
  });
  const bomb = {
    get code(): string {
      throw new Error(CANARY);
    },
  };
  for (const value of [bomb, undefined, null, CANARY, 7, {}, loop, { errors: CANARY }, { code: { toString: () => CANARY } }, hostile]) {
    const error = await errorOf(value);
    expect(error.code).toBe('network_error');
    expect(error.cause).toBeInstanceOf(Error);
    expectNoValue(error);
  }
});
