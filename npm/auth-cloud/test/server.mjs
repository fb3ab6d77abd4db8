// A server of its own process: one provider, and the routes of a sign-in. `node server.mjs CLOUD DIALECT`.
//
// Its callback has the address that all servers behind one name have in common; it listens elsewhere, on a free port.

import { createServer } from 'node:http';

import { MastraCloudAuth } from '../dist/esm/index.js';

const REDIRECT = 'http://localhost:4111/api/auth/sso/callback';
const [, , baseUrl, dialect] = process.argv;
const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl, dialect });

const ROUTES = {
  '/login': async ({ searchParams }) => {
    const state = searchParams.get('state');
    return [302, { location: auth.getLoginUrl(REDIRECT, state), 'set-cookie': auth.getLoginCookies(REDIRECT, state) }];
  },
  '/callback': async ({ searchParams }, cookie) => {
    auth.setCallbackCookieHeader(cookie ?? null);
    const { user, cookies } = await auth.handleCallback(searchParams.get('code'), searchParams.get('state').split('|')[0]);
    return [200, { 'set-cookie': cookies }, { id: user.id, roles: user.roles }];
  },
  '/me': async (_, cookie) => {
    const user = await auth.authenticateToken('', { headers: { cookie } });
    return user === null ? [401, {}] : [200, {}, { id: user.id, roles: user.roles }];
  },
};

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const route = ROUTES[url.pathname] ?? (async () => [404, {}]);
  const [status, headers, body] = await route(url, request.headers.cookie).catch(({ code }) => [400, {}, { code }]);
  response.writeHead(status, headers).end(JSON.stringify(body ?? {}));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`ready http://127.0.0.1:${server.address().port}\n`));
process.once('SIGTERM', () => process.exit(0));
