// A panic in every export: Node lives, the call throws with the code `internal`, and the next call works.
//
// The exports are listed from the addon itself, so that one without the guard, or without a call here, fails the run.

import { createRequire } from 'node:module';

const addon = createRequire(import.meta.url)('../../dist/esm/addon.cjs');
const OPTIONS = { projectId: 'demo', baseUrl: 'https://cloud.example.com', production: false, development: false };
const T = 'a.b.c';
const URI = 'https://app.example.com/cb';

const open = () => addon.open(OPTIONS, new Uint8Array(32));
const authority = open();
const USER = { id: 'u', email: 'e@example.com', created_at: '2026-01-01T00:00:00Z', roles: ['owner'] };
const answerOf = body => [200, Buffer.from(JSON.stringify({ ok: true, data: body }))];
const flow = () => authority.opVerifyToken(T, 0);
const started = () => {
  const one = flow();
  one.start();
  return one;
};
const identity = () => started().answered(...answerOf({ user: USER })).done.identity;
const search = () => authority.authenticate(T, null, null, false, 0);
const answer = () => {
  const next = authority.authenticate('', null, null, false, 0).next(undefined, 0);
  if (next.kind() !== 'anonymous') throw new Error('not an answer');
  return next;
};

/** Each makes what it needs before the panic is armed, and gives back the call alone. */
const CALLS = {
  open: () => open,
  permissionCovers: () => () => addon.permissionCovers('a:b', 'a:b'),
  grantsAllow: () => () => addon.grantsAllow(['a:b'], 'a:b'),
  mappedGrants: () => () => addon.mappedGrants('{}', []),
  returnPath: () => () => addon.returnPath('/', null),
  cookieValues: () => () => addon.cookieValues('a=b', 'a'),
  cookieLine: () => () => addon.cookieLine(OPTIONS, 'v', 1),
  verifiedClaims: () => () => addon.verifiedClaims('t', '{}', null, { audience: 'a' }, 0),
  codes: () => () => addon.codes(),
  siteOf: () => () => addon.siteOf(null, null, 'localhost', null, null),
  userAgent: () => () => addon.userAgent(),
  'Authority.facts': () => () => authority.facts(),
  'Authority.look': () => () => authority.look(),
  look: () => {
    const look = authority.look();
    return () => look(null, null, T);
  },
  'Authority.found': () => () => authority.found(1),
  'Authority.begun': () => () => authority.begun(),
  'Authority.checks': () => () => authority.checks(),
  'Authority.identity': () => () => authority.identity(T, 'u'),
  'Authority.background': () => () => authority.background(),
  'Authority.authenticate': () => () => authority.authenticate(T, null, null, false, 0),
  'Authority.statistics': () => () => authority.statistics(),
  'Authority.called': () => () => authority.called('verify_token', 200, undefined, 1),
  'Authority.loginUrl': () => () => authority.loginUrl(URI, 's'),
  'Authority.loginCookie': () => () => authority.loginCookie(URI, 's'),
  'Authority.callbackKey': () => () => authority.callbackKey('s', ''),
  'Authority.callback': () => () => authority.callback('c', 's', '', 0),
  'Authority.takeClockAhead': () => () => authority.takeClockAhead(),
  'Authority.loginFailed': () => () => authority.loginFailed(),
  'Authority.replaced': () => {
    const by = identity();
    return () => authority.replaced('', by, 0);
  },
  'Authority.signOut': () => () => authority.signOut(T, 0),
  'Authority.session': () => () => authority.session(T, 0),
  'Authority.renew': () => () => authority.renew(T, 0),
  'Authority.permissions': () => {
    const of = identity();
    return () => authority.permissions(of, 0);
  },
  'Authority.sessionToken': () => () => authority.sessionToken('a=b', 0),
  'Authority.sessionCookie': () => () => authority.sessionCookie(T, Date.now() + 1e6, 0),
  'Authority.clearSessionCookie': () => () => authority.clearSessionCookie(),
  'Authority.profileUrl': () => () => authority.profileUrl('u'),
  'Authority.roles': () => () => authority.roles(),
  'Authority.grantsOfRoles': () => () => authority.grantsOfRoles(['owner']),
  'Authority.endSession': () => () => authority.endSession('s'),
  'Authority.endUser': () => () => authority.endUser('u'),
  'Authority.publishRevocations': () => () => authority.publishRevocations(),
  'Authority.takeRevocations': () => () => authority.takeRevocations(1),
  'Authority.waiting': () => () => authority.waiting(),
  'Authority.joining': () => () => authority.joining(),
  'Joining.most': () => {
    const one = authority.joining();
    return () => one.most();
  },
  'Joining.hear': () => {
    const one = authority.joining();
    return () => one.hear([]);
  },
  'Joining.joined': () => {
    const one = authority.joining();
    return () => one.joined();
  },
  'Authority.opVerifyToken': () => () => authority.opVerifyToken(T, 0),
  'Authority.opValidateSession': () => () => authority.opValidateSession(T, 0),
  'Authority.opDestroySession': () => () => authority.opDestroySession('s', T, 0),
  'Authority.opUser': () => () => authority.opUser('u', T, 0),
  'Authority.opUserPermissions': () => () => authority.opUserPermissions('u', T, 0),
  'Authority.opExchangeCode': () => () => authority.opExchangeCode('c', null, null, 0),
  'Authority.loginPage': () => () => authority.loginPage(URI, 's', null),
  'Authority.logoutPage': () => () => authority.logoutPage(URI, null),
  'Flow.key': () => {
    const one = flow();
    return () => one.key();
  },
  'Flow.start': () => () => flow().start(),
  'Flow.woken': () => () => started().woken(),
  'Flow.answered': () => {
    const one = started();
    return () => one.answered(...answerOf({ user: USER }));
  },
  'Flow.failed': () => {
    const one = started();
    return () => one.failed('timeout');
  },
  'Search.source': () => {
    const one = search();
    return () => one.source();
  },
  'Search.next': () => {
    const one = search();
    return () => one.next(undefined, 0);
  },
  'Search.background': () => {
    const one = search();
    return () => one.background();
  },
  'Answer.kind': () => {
    const one = answer();
    return () => one.kind();
  },
  'Answer.identity': () => {
    const one = answer();
    return () => one.identity();
  },
  'Answer.failure': () => {
    const one = answer();
    return () => one.failure();
  },
  'Identity.serial': () => {
    const one = identity();
    return () => one.serial();
  },
  'Identity.user': () => {
    const one = identity();
    return () => one.user();
  },
};

/** Every function of the addon, every method of its classes, and the function that one of them makes. */
function listed() {
  const exported = Object.entries(addon).flatMap(([name, value]) => {
    if (name === 'injectPanic') return [];
    const methods = Object.getOwnPropertyNames(value.prototype ?? {}).filter(method => method !== 'constructor');
    return /^[A-Z]/.test(name) ? methods.map(method => `${name}.${method}`) : [name];
  });
  return [...exported, 'look'];
}

/** Each export `rounds` times. */
export async function run(rounds = 100) {
  if (typeof addon.injectPanic !== 'function') throw new Error('this addon was not built with fault-injection');
  const exports = listed();
  for (const name of exports) {
    const prepare = CALLS[name];
    if (prepare === undefined) throw new Error(`${name} is exported and not called here`);
    for (let round = 0; round < rounds; round += 1) {
      const call = prepare();
      addon.injectPanic(name);
      let thrown;
      try {
        call();
      } catch (error) {
        thrown = error;
      }
      if (thrown?.code !== 'internal') throw new Error(`${name} did not throw internal: ${thrown?.code}`);
      if (`${thrown.stack}`.includes('hunter2')) throw new Error(`${name} tells what the panic said`);
      call();
    }
  }
  return `panics: ${exports.length} exports, ${rounds} each: every one thrown as internal, and Node lives`;
}
