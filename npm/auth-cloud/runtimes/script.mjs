// What every runtime does with the package: the life of a session, what is refused, and an outage. It uses nothing that a runtime may
// lack. The default export answers, for each part, what went wrong; `ok` if nothing did.
//
// A program imports this before the package, for it counts the instances of the package's WebAssembly.

import { pickPerson } from './login-page.mjs';

/** The memories of the package's instances: its module alone imports from `napi`. */
const memories = [];
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(module, imports) {
    super(module, imports);
    if (imports?.napi !== undefined) memories.push(this.exports.memory);
  }
};

const REDIRECT = 'http://localhost:4111/api/auth/sso/callback';
const pair = line => line.split(';')[0];
/** A request as hosts hand it on. Not a `Request`, from which a browser drops cookies. */
const request = cookie => ({ headers: new Headers(cookie === undefined ? {} : { cookie }) });

/** Throws unless both are the same JSON. */
function same(what, seen, wanted) {
  const [a, b] = [seen, wanted].map(value => JSON.stringify(value) ?? 'undefined');
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}

/** Each part of the script. What one needs of an earlier one is in `world`. */
const PARTS = {
  form: ({ form }) => same('it runs as', memories.length > 0 ? 'WebAssembly' : 'native', form),

  'sign-in': async world => {
    const { provider } = world;
    for (const [person, name] of Object.entries({ owner: 'Olivia Okafor', admin: 'Anders Holm', member: 'Mei Tanaka', viewer: 'Victor Reyes' })) {
      const auth = provider();
      const state = crypto.randomUUID();
      const cookies = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');
      const back = (await pickPerson(auth.getLoginUrl(REDIRECT, state), person)).searchParams;
      auth.setCallbackCookieHeader(cookies);
      const { user, cookies: set } = await auth.handleCallback(back.get('code'), back.get('state').split('|')[0]);
      same('the user', [user.name, user.roles], [name, [person]]);
      world[person] = { token: user.sessionToken, cookie: pair(set.at(-1)) };
      same('one user', (await auth.authenticateToken('', request(world[person].cookie))) === user, true);
      // A user whose mark a bundler dropped would be authenticated again.
      await auth.getPermissions(user);
      same('the requests', auth.statistics().requests.reduce((sum, { count }) => sum + count, 0), 1);
    }
  },

  bearer: async ({ auth, owner }) => {
    same('the user', (await auth.authenticateToken(owner.token, request()))?.roles, ['owner']);
  },

  cookie: async ({ auth, owner, viewer }) => {
    const users = await Promise.all([owner, viewer].map(({ cookie }) => auth.authenticateToken('', request(cookie))));
    same('the users', users.map(user => user?.roles), [['owner'], ['viewer']]);
  },

  // As a server does it for a token that ended a second ago.
  renewal: async ({ auth, issue }) => {
    const cookie = `mastra_session=${await issue('member', { age: 21, lifetime: 20 })}`;
    same('with the old token', await auth.authenticateToken('', request(cookie)), null);
    const session = await auth.refreshSession(auth.getSessionIdFromRequest(request(cookie)));
    const renewed = pair(auth.getSessionHeaders(session)['Set-Cookie']);
    same('the cookie is the old one', renewed === cookie, false);
    same('with the new token', (await auth.authenticateToken('', request(renewed)))?.roles, ['member']);
  },

  'sign-out': async ({ auth, provider, owner, viewer }) => {
    await auth.destroySession(owner.token);
    for (const one of [auth, provider()]) {
      same('the old cookie', await one.authenticateToken('', request(owner.cookie)), null);
      same('the old token', await one.authenticateToken(owner.token, request()), null);
      same('the other user', (await one.authenticateToken('', request(viewer.cookie)))?.roles, ['viewer']);
    }
  },

  refused: async ({ provider, viewer }) => {
    const events = [];
    const auth = provider({ onEvent: ({ type }) => events.push(type) });
    same('strange', await auth.authenticateToken('strange', request()), null);
    same('another signature', await auth.authenticateToken(`${viewer.token}x`, request()), null);
    same('the cookie', await auth.authenticateToken('', request('mastra_session=strange')), null);
    same('the events', events.filter(type => type === 'credential_rejected').length, 3);
    // No credential is no refused one.
    same('nothing', await auth.authenticateToken('', request()), null);
    const count = outcome => auth.statistics().requests.reduce((sum, row) => sum + (row.outcome === outcome ? row.count : 0), 0);
    same('the counts', [count('rejected'), count('anonymous'), count('unavailable')], [3, 1, 0]);
  },

  'Cloud away': async ({ provider, issue, fault }) => {
    const [known, unknown] = [await issue('admin'), await issue('member')];
    const nobody = provider({ baseUrl: 'http://127.0.0.1:2' });
    const auth = provider({ cache: { fresh: 0 } });
    const who = (one, token) => one.authenticateToken(token, request()).then(user => user?.id ?? null, error => [error.status, error.kind]);
    const { id } = await auth.authenticateToken(known, request());
    await fault('POST', { kind: 'drop' });
    try {
      same('the known user', await who(auth, known), id);
      same('the unknown user', await who(auth, unknown), [503, 'network']);
      same('where nothing listens', await who(nobody, unknown), [503, 'network']);
    } finally {
      await fault('DELETE');
    }
    same('the known user afterwards', await who(auth, known), id);
    same('the unknown user afterwards', await who(auth, unknown), 'usr_mei');
  },

  // Half of them are checked here, half by the Cloud.
  'strange tokens': async ({ provider, viewer: { token }, keys, strange }) => {
    const cache = { maxEntries: 100 };
    const auths = [provider({ cache, verification: keys }), provider({ cache })];
    const [head, payload, signature] = token.split('.');
    const random = () => crypto.randomUUID().replaceAll('-', '');
    const made = [
      () => random(),
      () => `${head}.${payload}.${random()}${signature.slice(32)}`,
      () => `${head}.${btoa(`{"sub":"${random()}"}`).replaceAll('=', '')}.${signature}`,
      () => `${random()}.${random()}.${random()}`,
    ];
    const sizes = [];
    for (let at = 0; at < strange; at += 100) {
      const auth = auths[(at / 100) % 2];
      const batch = Array.from({ length: 100 }, (_, index) => auth.authenticateToken(made[index % made.length](), request()));
      same('users', (await Promise.all(batch)).filter(user => user !== null).length, 0);
      if ((at + 100) % (strange / 2) === 0) sizes.push(measured());
    }
    for (const auth of auths) same('a right one', (await auth.authenticateToken(token, request()))?.roles, ['viewer']);
    if (sizes[1] - sizes[0] > most()) throw new Error(`the memory grows: ${sizes.map(bytes => (bytes / 1e6).toFixed(1))} MB`);
  },
};

/** The bytes of the package's own memory as WebAssembly, else of the process; and by how much they may grow. */
function measured() {
  globalThis.gc?.();
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) || globalThis.process.memoryUsage().rss;
}
const most = () => (memories.length > 0 ? 130_000 : 64_000_000);

/**
 * Runs the parts that are named. `cloud` is the local Cloud's address, `form` how the package's rules must run, and `strange` a number
 * of tokens. Where a runtime cannot call the Cloud, `jwks` holds its keys, and `owner` and `viewer` hold sessions.
 */
export default async function script({ MastraCloudAuth }, { cloud, parts, jwks, ...given }) {
  const ask = async (method, path, body) => {
    const headers = { 'content-type': 'application/json', origin: cloud };
    return (await fetch(`${cloud}${path}`, { method, headers, body: body && JSON.stringify(body) })).json();
  };
  const keys = { by: 'keys', jwks: jwks ?? (await ask('GET', '/.well-known/jwks.json')) };
  const usual = { projectId: 'demo', baseUrl: cloud, ...(jwks && { verification: keys }) };
  const provider = options => new MastraCloudAuth({ ...usual, ...options });
  const issue = async (person, times) => (await ask('POST', '/admin/api/tokens', { person, ...times })).token;
  const fault = (method, body) => ask(method, '/admin/api/faults', body);
  const world = { ...given, auth: provider(), keys, provider, issue, fault };
  const said = {};
  for (const part of parts) {
    try {
      await PARTS[part](world);
      said[part] = 'ok';
    } catch (error) {
      said[part] = String(error?.message ?? error);
    }
  }
  return said;
}
