/** Errors that a host may answer with by itself, as it does with an `HTTPException`. */

import { Hono } from 'hono';
import { expect, test } from 'vitest';

import { CloudApiError, MastraCloudAuth } from '../dist/esm/index.js';
import { fromFailure } from '../dist/esm/error.js';
import { request } from './world.js';

const secret = 'token-of-nobody-else';

/** An app that answers by what the provider throws. */
function app(answer: () => Promise<Response>, options: object = {}) {
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: 'http://localhost:9', fetch: answer, ...options });
  const thrown: unknown[] = [];
  const hono = new Hono();
  const noted = (error: unknown) => {
    thrown.push(error);
    throw error;
  };
  hono.get('/who', async c => c.json(await auth.authenticateToken(secret, c.req).catch(noted)));
  hono.get('/renew', async c => c.json(await auth.refreshSession(secret).catch(noted)));
  hono.get('/may', async c => {
    const user = await auth.authenticateToken(secret, c.req);
    return c.json(await auth.hasPermission(user!, 'agents:read').catch(noted));
  });
  hono.get('/wrong', async c => c.json(await auth.createSession('u').catch(noted)));
  return { hono, thrown };
}

const away = () => Promise.reject(new TypeError('fetch failed'));
const failing = (status: number) => () => Promise.resolve(new Response(`{"secret":"${secret}"}`, { status }));

test.each([
  ['/who', away],
  ['/renew', away],
  ['/who', failing(500)],
  ['/who', failing(429)],
  ['/who', () => Promise.resolve(new Response('<html>'))],
])('%s answers 503 where the Cloud could not be asked', async (path, answer) => {
  const { hono, thrown } = app(answer);
  const found = await hono.request(path);
  expect([found.status, found.headers.get('retry-after'), found.headers.get('cache-control')]).toEqual([503, '5', 'no-store']);
  const text = await found.text();
  expect(JSON.parse(text)).toEqual({ error: { code: 'unavailable', message: expect.stringContaining('Try again') } });
  expect(text).not.toContain(secret);
  const [error] = thrown as CloudApiError[];
  expect(error).toBeInstanceOf(CloudApiError);
  // Each reader has a body of its own, and no log shows either.
  expect(await error!.getResponse!().text()).toBe(text);
  expect(await error!.res!.text()).toBe(text);
  expect(Object.keys(error!)).not.toContain('res');
  expect(JSON.stringify(error)).not.toContain('Try again');
});

test('permissions that could not be looked up answer 503', async () => {
  const user = { id: 'usr_1', email: 'a@example.com', created_at: '2026-01-01T00:00:00Z', roles: [] };
  const { hono } = app(() => Promise.resolve(Response.json({ ok: true, data: { user } })));
  expect((await hono.request('/may')).status).toBe(503);
});

test('no other error is the business of a browser', async () => {
  const { hono, thrown } = app(away);
  const { status, headers } = await hono.request('/wrong');
  expect([status, headers.get('retry-after')]).toEqual([500, null]);
  expect(thrown).toEqual([expect.objectContaining({ code: 'not_implemented', status: 501 })]);
  expect('getResponse' in (thrown[0] as object)).toBe(false);
  for (const error of [new CloudApiError('x', 503, 'network_error'), failureOf('invalid_configuration', 500), failureOf('invalid_token', 401)]) {
    expect([error.res, error.getResponse]).toEqual([undefined, undefined]);
  }
});

test('a user of another organization is answered 403', async () => {
  const error = failureOf('organization_forbidden', 403);
  expect([error.status, error.getResponse?.().status]).toEqual([403, 403]);
  const { error: told } = (await error.res!.json()) as { error: { code: string } };
  expect(told.code).toBe('organization_forbidden');
});

test('a refusal is thrown by nothing, and so is never answered', async () => {
  const { hono } = app(failing(401), { dialect: 'pkce' });
  expect(await (await hono.request('/who')).json()).toBeNull();
  expect(await new MastraCloudAuth({ projectId: 'demo', fetch: away }).authenticateToken('', request({}))).toBeNull();
});

function failureOf(code: string, status: number): CloudApiError {
  const kind = code === 'invalid_configuration' ? 'configuration' : 'credential';
  return fromFailure({ failure: 'x', code, kind, status, refused: false, unusableCallback: false });
}
