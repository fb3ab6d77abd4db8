// Apps with one mistake each, at a real Mastra server: what the doctor in the package makes of each, and the address of those that a
// doctor outside looks at. ADAPTER names the server, CLOUD and PLATFORM the local Clouds, PROJECT the folder whose package.json names the
// adapter, CERTIFICATES the folder with a certificate for 127.0.0.1.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { serve } from '@hono/node-server';
import { MastraCloudAuth, MastraCloudAuthProvider, authCallbackRoute } from '@mastra/auth-cloud';
import { Mastra } from '@mastra/core';
import { CompositeAuth, SimpleAuth, registerApiRoute } from '@mastra/core/server';
import { clerk } from './src/mastra/agents/clerk.js';

const { ADAPTER, CERTIFICATES, CLOUD, PLATFORM, PROJECT } = process.env;
const [cert, key] = await Promise.all(['ours.pem', 'ours.key'].map((name) => readFile(`${CERTIFICATES}/${name}`)));
const OPTIONS = { projectId: 'demo', baseUrl: CLOUD };
const AT_PLATFORM = { dialect: 'platform', baseUrl: PLATFORM };
const NOWHERE = 'http://localhost:9';
const doctor = new URL('node_modules/@mastra/auth-cloud/dist/esm/bin/doctor/', import.meta.url);
const [{ App }, { examine }, { object }] = await Promise.all(['app.js', 'examine.js', 'report.js'].map((name) => import(new URL(name, doctor))));

/** A provider with some options of its own, or with methods that a subclass got wrong. */
const provider = (options, methods = {}) => {
  class Planted extends MastraCloudAuth {}
  Object.assign(Planted.prototype, methods);
  return new Planted({ ...OPTIONS, ...options });
};
const both = (options, methods) => {
  const auth = provider(options, methods);
  return { auth, rbac: auth };
};
/** With a route for the callback. */
const withRoute = (options) => {
  const server = both(options);
  return { ...server, apiRoutes: [authCallbackRoute(server.auth)] };
};
const parent = MastraCloudAuth.prototype;
const route = (path, method = 'POST') => registerApiRoute(path, { method, handler: (context) => context.json({}) });
const OWNER = { owner: ['*'], member: ['*:read'] };
const strict = {
  getLoginCookies(...given) {
    return parent.getLoginCookies.apply(this, given).map((line) => line.replace('SameSite=Lax', 'SameSite=Strict'));
  },
};

/** Options of the server, by what they are a case of. `parts` is what else the doctor sees. */
const APPS = {
  'no mistake': () => ({ server: both() }),
  'no mistake, with roles and routes': () => ({
    server: {
      ...both({ roleMapping: { ...OWNER, _default: ['auth:read'] }, public: ['/hooks/:id', '/files/*'] }),
      apiRoutes: [route('/hello'), route('/hooks/:id'), route('/files/:name', 'GET')],
    },
  }),
  'no mistake, by keys': () => ({ server: both({ verification: 'keys' }) }),
  'no mistake, below another path': () => ({ server: { ...both({ protected: ['/mastra/*'] }), apiPrefix: '/mastra' } }),
  'no mistake, at the platform': () => ({ server: withRoute(AT_PLATFORM) }),
  'no route for the callback': () => ({ server: both(AT_PLATFORM), wants: 'callback-id' }),
  'a route for the callback that the server lacks': () => {
    const { apiRoutes: _, ...server } = withRoute(AT_PLATFORM);
    return { server, wants: 'callback-id' };
  },
  'no provider': () => ({ server: {}, wants: 'auth' }),
  'keys alone': () => ({
    server: { auth: new SimpleAuth({ tokens: { key: { id: 'robot' } }, mapUserToResourceId: (user) => user.id }) },
    wants: 'provider',
  }),
  'a login that throws': () => ({
    server: both({}, { getLoginUrl: () => { throw new Error('planted'); } }),
    wants: 'login',
  }),
  'a state of its own': () => ({
    server: both({}, { getLoginUrl(to) { return parent.getLoginUrl.call(this, to, 'own|%2F'); } }),
    wants: 'state',
  }),
  'a fixed callback': () => ({
    server: { auth: new MastraCloudAuthProvider({ projectId: 'demo', cloudBaseUrl: CLOUD, callbackUrl: 'http://localhost:4111/cb' }) },
    wants: 'callback-fixed',
  }),
  'cookies by a promise': () => ({
    server: both({}, { async getLoginCookies(...given) { return parent.getLoginCookies.apply(this, given); } }),
    wants: 'sync-methods',
  }),
  'a resource by a promise': () => ({
    server: both({}, { mapUserToResourceId: (user) => Promise.resolve(user.id) }),
    wants: 'sync-methods',
  }),
  'a callback without cookies': () => ({
    server: both({}, {
      async handleCallback(...given) {
        const { user, tokens } = await parent.handleCallback.apply(this, given);
        return { user, tokens };
      },
    }),
    wants: 'callback-cookies',
  }),
  'always Secure': () => ({ server: both({ secure: true }), wants: 'cookie-kept' }),
  'never Secure': () => ({ server: both({ secure: false }), wants: 'cookie-secure' }),
  'a strict cookie': () => ({ server: both({}, strict), wants: 'cookie-same-site' }),
  'threads of all': () => ({ server: both({ mapUserToResourceId: () => undefined }), wants: 'resource-id' }),
  'a bare resource': () => ({ server: both({ roleMapping: { ...OWNER, editor: ['auth:read', 'agents'] } }), wants: 'grant-form' }),
  'a misspelt resource': () => ({ server: both({ roleMapping: { ...OWNER, editor: ['auth:read', 'agent:read'] } }), wants: 'grant-route' }),
  'a role without Studio': () => ({ server: both({ roleMapping: { ...OWNER, editor: ['agents:read'] } }), wants: 'studio-grant' }),
  'a route of no role': () => ({
    server: { ...both({ roleMapping: { member: ['*:read'] } }), apiRoutes: [route('/hello')] },
    wants: 'route-grant',
  }),
  'a path that begins with a parameter': () => ({
    server: { ...both({ roleMapping: OWNER }), apiRoutes: [route('/:tenant/info')] },
    wants: 'route-parameter',
  }),
  'a public path of the server': () => ({ server: both({ public: ['/api/agents'] }), wants: 'public-opens' }),
  'a star within a segment': () => ({
    server: { ...both({ public: ['/hooks/a*'] }), apiRoutes: [route('/hooks/ab')] },
    wants: 'public-opens',
  }),
  'another path, open': () => ({ server: { ...both(), apiPrefix: '/mastra' }, wants: 'routes-closed' }),
  'two providers': () => ({ server: { auth: provider(), rbac: provider() }, wants: 'one-provider' }),
  'an unknown project': () => ({ server: both({ projectId: 'unknown' }), wants: 'login-page' }),
  'no Cloud': () => ({ server: both({ baseUrl: NOWHERE }), wants: 'cloud' }),
  'a worker with a session': () => ({
    server: both(),
    parts: { env: { MASTRA_WORKER_AUTH_TOKEN: `e30.${Buffer.from('{"exp":1767225600}').toString('base64url')}.x` } },
    wants: 'worker-token',
  }),
  'production without a licence': () => ({
    server: both(),
    parts: { env: { NODE_ENV: 'production' } },
    wants: 'licence',
  }),
  'a local Cloud in production': () => ({
    server: both({ localCloudForTests: true }),
    parts: { env: { NODE_ENV: 'production', MASTRA_LICENSE_KEY: 'planted' } },
    wants: 'local-cloud',
  }),
  'a list of externals': () => ({ server: both(), parts: { source: "bundler: { externals: ['ws'] }" }, wants: 'externals' }),
  'an old Node': () => ({ server: both(), parts: { node: '22.12.0' }, wants: 'node-version' }),
  'a stray server': () => ({ server: both(), parts: { folder: `${PROJECT}/stray` }, wants: 'server-stray' }),
};

/** Listens with the server of the adapter. */
async function start({ apiPrefix, ...server }) {
  const mastra = new Mastra({ logger: false, agents: { clerk }, server: { ...server, ...(apiPrefix && { apiPrefix }) } });
  if (ADAPTER === 'express') {
    const [{ MastraServer }, { default: express }] = [await import('@mastra/express'), await import('express')];
    const app = express();
    app.use(express.json());
    await new MastraServer({ app, mastra, ...(apiPrefix && { prefix: apiPrefix }) }).init();
    return listening(app.listen(0));
  }
  let app;
  if (ADAPTER === 'deployer') app = await (await import('@mastra/deployer/server')).createHonoServer(mastra, {});
  else {
    const [{ MastraServer }, { Hono }] = [await import('@mastra/hono'), await import('hono')];
    app = new Hono();
    await new MastraServer({ app, mastra, ...(apiPrefix && { prefix: apiPrefix }) }).init();
  }
  return listening(serve({ fetch: app.fetch, port: 0 }));
}

async function listening(server) {
  if (!server.listening) await once(server, 'listening');
  return `http://localhost:${server.address().port}`;
}

/** What stands before a server and gets something wrong: in the request's headers, or in the answer's. */
function proxy(to, { before = (headers) => headers, after = (headers) => headers, isLost = () => false, isTls = false }) {
  const { port } = new URL(to);
  const pass = (asked, answer) => {
    if (isLost(asked.url)) return void answer.writeHead(404).end();
    const headers = before({ ...asked.headers });
    const sent = request({ port, path: asked.url, method: asked.method, headers, agent: false }, (came) => {
      answer.writeHead(came.statusCode, after({ ...came.headers }));
      came.pipe(answer);
    });
    asked.pipe(sent);
  };
  if (!isTls) return listening(createServer(pass).listen(0));
  return listening(createTlsServer({ cert, key }, pass).listen(0)).then((url) => url.replace('http://localhost', 'https://127.0.0.1'));
}

const forwarded = (headers) => ({ ...headers, 'x-forwarded-proto': 'https', 'x-forwarded-host': headers.host });

const inside = {};
for (const [name, make] of Object.entries(APPS)) {
  const { server, parts, wants } = make();
  const { env = {}, ...more } = parts ?? {};
  const app = { folder: PROJECT, source: '', env, node: '22.13.0', warnings: [], mayTrySignIn: true, server, ...more };
  let findings;
  // Again where it gave up waiting, for that a busy machine does.
  for (let tries = 0; tries < 10; tries += 1) {
    ({ findings } = object(await examine(new App(app))));
    if (!findings.some(({ seen }) => seen.includes('no whole answer came within'))) break;
  }
  const wrong = findings.filter(({ light }) => light === 'red' || light === 'yellow');
  const untested = findings.filter(({ light }) => light === 'not tested').map(({ code }) => code);
  inside[name] = { wants: wants ? [wants] : [], wrong: wrong.map(({ code }) => code), seen: wrong.map(({ seen }) => seen), untested };
}

const good = await start(both());
const own = async (name) => start(APPS[name]().server);
const outside = {
  'no mistake': { url: good },
  'no mistake, below another path': { url: await own('no mistake, below another path'), prefix: '/mastra' },
  'no mistake, at the platform': { url: await own('no mistake, at the platform') },
  'no route for the callback': { url: await own('no route for the callback'), wants: 'callback-id' },
  'a route for the callback, and no way to the Cloud': {
    url: await start(withRoute({ fetch: () => Promise.reject(new TypeError('planted')) })),
    wants: 'server-to-cloud',
  },
  'a proxy that passes all on': { url: await proxy(good, {}) },
  'no such path': { url: good, prefix: '/other', wants: 'server' },
  'no provider': { url: await own('no provider'), wants: 'auth' },
  'keys alone': { url: await own('keys alone'), wants: 'provider' },
  'a login that throws': { url: await own('a login that throws'), wants: 'login' },
  'an unknown project': { url: await own('an unknown project'), wants: 'login-page' },
  'no Cloud': { url: await own('no Cloud'), wants: ['server-to-cloud', 'cloud'] },
  'a server without a way to the Cloud': {
    url: await start(both({ fetch: () => Promise.reject(new TypeError('planted')) })),
    wants: 'server-to-cloud',
  },
  'several providers, and a server without a way to the Cloud': {
    url: await start({ auth: new CompositeAuth([provider({ fetch: () => Promise.reject(new TypeError('planted')) })]) }),
    wants: 'server-to-cloud',
  },
  'always Secure': { url: await own('always Secure'), wants: 'cookie-kept' },
  'a strict cookie': { url: await own('a strict cookie'), wants: 'cookie-same-site' },
  'another path, open': { url: await own('another path, open'), prefix: '/mastra', wants: 'routes-closed' },
  'TLS that a proxy ends and says': { url: await proxy(good, { isTls: true, before: forwarded }) },
  'TLS that a proxy ends in silence': { url: await proxy(good, { isTls: true }), wants: 'callback-scheme' },
  'never Secure, behind TLS': { url: await proxy(await own('never Secure'), { isTls: true, before: forwarded }), wants: 'cookie-secure' },
  'X-Forwarded-Host by plain http': {
    url: await proxy(good, { before: (headers) => ({ ...headers, 'x-forwarded-host': headers.host }) }),
    wants: 'callback-scheme',
  },
  'a proxy that hides the name': {
    url: await proxy(good, { before: (headers) => ({ ...headers, host: new URL(good).host }) }),
    wants: 'callback-host',
  },
  'two names of one machine': {
    url: (await proxy(good, { before: (headers) => ({ ...headers, host: headers.host.replace('127.0.0.1', 'localhost') }) })).replace('localhost', '127.0.0.1'),
    wants: 'loopback-name',
  },
  'a proxy that drops cookies': {
    url: await proxy(good, { after: ({ 'set-cookie': _, ...headers }) => headers }),
    wants: 'login-cookie',
  },
  'a proxy with a domain of its own': {
    url: await proxy(good, {
      after: (headers) => ({ ...headers, ...(headers['set-cookie'] && { 'set-cookie': headers['set-cookie'].map((line) => `${line}; Domain=app.example`) }) }),
    }),
    wants: 'cookie-domain',
  },
  'a proxy that changes paths': {
    url: await proxy(good, {
      after: (headers) => ({ ...headers, ...(headers['set-cookie'] && { 'set-cookie': headers['set-cookie'].map((line) => line.replace('Path=/', 'Path=/login')) }) }),
    }),
    wants: 'cookie-path',
  },
  'a balancer with a cookie of its own': {
    url: await proxy(good, { after: (headers) => ({ ...headers, 'set-cookie': [...(headers['set-cookie'] ?? []), 'AWSALB=x; Path=/'] }) }),
  },
  'a cookie for scripts': {
    url: await proxy(good, {
      after: (headers) => ({ ...headers, ...(headers['set-cookie'] && { 'set-cookie': headers['set-cookie'].map((line) => line.replace('HttpOnly; ', '')) }) }),
    }),
    wants: 'cookie-http-only',
  },
  'a proxy without the callback': { url: await proxy(good, { isLost: (url) => url.includes('/callback') }), wants: 'callback-route' },
  'a clock a minute off': {
    url: await proxy(good, { after: (headers) => ({ ...headers, date: new Date(Date.now() - 60_000).toUTCString() }) }),
    wants: 'clock',
  },
};
process.stdout.write(`result ${JSON.stringify({ inside, outside })}\n`);
