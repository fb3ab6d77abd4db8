// A panic in every export: the call throws with the code `internal` and none of the panic's words, and the next call works.
//
// The exports are listed from what was loaded, so that one without the guard, or without a call here, fails the run. It imports
// nothing, and runs in every runtime.

const OPTIONS = { projectId: 'demo', baseUrl: 'https://cloud.example.com', production: false, development: false };
const T = 'a.b.c';
const URI = 'https://app.example.com/cb';

/** For each export a function that makes what the call needs before the panic is armed, and gives back the call alone. */
function callsOf(addon) {
  const open = () => addon.open(OPTIONS, new Uint8Array(32));
  const engine = open();
  const NOW = { wall: Date.now(), monotonic: performance.now() };
  const worker = engine.channelWorker(NOW);
  const set = addon.redisSet('r', '0');
  const snapshot = set.snapshot(1);
  const USER = { id: 'u', email: 'e@example.com', created_at: '2026-01-01T00:00:00Z', roles: ['owner'] };
  const answerOf = body => [200, new TextEncoder().encode(JSON.stringify({ ok: true, data: body }))];
  /** A flow that waits for an answer, or for its time. */
  const flow = () => engine.opVerifyToken(T, 0).step.started[0].flow;
  const resting = () => {
    const one = flow();
    one.failed('connect', 1);
    return one;
  };

  return {
    open: () => open,
    permissionCovers: () => () => addon.permissionCovers('a:b', 'a:b'),
    grantsAllow: () => () => addon.grantsAllow(['a:b'], 'a:b'),
    mappedGrants: () => () => addon.mappedGrants('{}', []),
    returnPath: () => () => addon.returnPath('/', null),
    cookieValues: () => () => addon.cookieValues('a=b', 'a'),
    cookieLine: () => () => addon.cookieLine(OPTIONS, 'v', 1),
    verifiedClaims: () => () => addon.verifiedClaims('t', '{}', null, { audience: 'a' }, 0),
    claimsByHost: () => () => addon.claimsByHost('t', '{}', null, { audience: 'a' }, 0),
    codes: () => () => addon.codes(),
    siteOf: () => () => addon.siteOf(null, null, 'localhost', null, null),
    readCallback: () => () => addon.readCallback('state=s', null, null, 'localhost', null, null),
    userAgent: () => () => addon.userAgent(),
    'Engine.facts': () => () => engine.facts(),
    'Engine.authenticator': () => () => engine.authenticator(),
    authenticate: () => {
      const authenticate = engine.authenticator();
      return () => authenticate(null, null, T);
    },
    'Engine.checks': () => () => engine.checks(),
    'Engine.hostChecks': () => () => engine.hostChecks(),
    'Engine.hostKey': () => () => engine.hostKey(0),
    'Engine.hostChecker': () => () => engine.hostChecker(),
    hostChecked: () => {
      const hostChecked = engine.hostChecker();
      return () => hostChecked(0, 1);
    },
    'Engine.abandonChecks': () => () => engine.abandonChecks(),
    'Engine.statistics': () => () => engine.statistics(),
    'Engine.loginUrl': () => () => engine.loginUrl(URI, 's', true),
    'Engine.loginCookie': () => () => engine.loginCookie(URI, 's'),
    'Engine.callbackKey': () => () => engine.callbackKey('c', 's', '', true),
    'Engine.callback': () => () => engine.callback('c', 's', '', 0, true),
    'Engine.loginFailed': () => () => engine.loginFailed(),
    'Engine.signOut': () => () => engine.signOut(T, 0),
    'Engine.session': () => () => engine.session(T, 0),
    'Engine.renew': () => () => engine.renew(T, 0),
    'Engine.permissions': () => () => engine.permissions('u', T, [], 0),
    'Engine.knownPermissions': () => () => engine.knownPermissions('u', T, []),
    'Engine.sessionToken': () => () => engine.sessionToken('a=b', 0),
    'Engine.sessionCookie': () => () => engine.sessionCookie(T, Date.now() + 1e6, 0),
    'Engine.clearSessionCookie': () => () => engine.clearSessionCookie(),
    'Engine.profileUrl': () => () => engine.profileUrl('u'),
    'Engine.usersWithId': () => () => engine.usersWithId('u'),
    'Engine.authenticateSession': () => () => engine.authenticateSession(T, 0),
    'Engine.roles': () => () => engine.roles(),
    'Engine.grantsOfRoles': () => () => engine.grantsOfRoles(['owner']),
    'Engine.endSession': () => () => engine.endSession('s'),
    'Engine.endUser': () => () => engine.endUser('u'),
    'Engine.channelWorker': () => () => engine.channelWorker(NOW),
    'ChannelWorker.facts': () => () => worker.facts(),
    'ChannelWorker.nextBatch': () => () => worker.nextBatch(NOW),
    'ChannelWorker.published': () => () => worker.published(NOW),
    'ChannelWorker.publishFailed': () => () => worker.publishFailed('', 0, NOW),
    'ChannelWorker.join': () => () => worker.join(NOW),
    'ChannelWorker.received': () => () => worker.received(0, [], NOW),
    'ChannelWorker.joined': () => () => worker.joined(0, [], 0, NOW),
    'ChannelWorker.lost': () => () => worker.lost(0, '', 0, NOW),
    'ChannelWorker.leave': () => () => worker.leave(NOW),
    'ChannelWorker.status': () => () => worker.status(),
    redisLimits: () => () => addon.redisLimits(),
    redisSet: () => () => addon.redisSet('r', '0'),
    'RedisSet.name': () => () => set.name(),
    'RedisSet.publish': () => () => set.publish([]),
    'RedisSet.addMark': () => () => set.addMark(),
    'RedisSet.checkMark': () => () => set.checkMark(),
    'RedisSet.snapshot': () => () => set.snapshot(1),
    'RedisSnapshot.commands': () => () => snapshot.commands(),
    'RedisSnapshot.count': () => () => snapshot.count(),
    'RedisSnapshot.late': () => () => snapshot.late(),
    'RedisSnapshot.page': () => () => snapshot.page([], 0),
    'Engine.opVerifyToken': () => () => engine.opVerifyToken(T, 0),
    'Engine.opValidateSession': () => () => engine.opValidateSession(T, 0),
    'Engine.opDestroySession': () => () => engine.opDestroySession('s', T, 0),
    'Engine.opUser': () => () => engine.opUser('u', T, 0),
    'Engine.opUserPermissions': () => () => engine.opUserPermissions('u', T, 0),
    'Engine.opExchangeCode': () => () => engine.opExchangeCode('c', null, null, 0),
    'Engine.shareSessions': () => () => engine.shareSessions(),
    'Engine.loginPage': () => () => engine.loginPage(URI, 's', null),
    'Engine.logoutPage': () => () => engine.logoutPage(URI, null),
    'Flow.woken': () => {
      const one = resting();
      return () => one.woken();
    },
    'Flow.answered': () => {
      const one = flow();
      return () => one.answered(...answerOf({ user: USER }), 1);
    },
    'Flow.failed': () => {
      const one = flow();
      return () => one.failed('timeout', 1);
    },
    'Flow.replied': () => {
      const one = flow();
      return () => one.replied(null);
    },
    'Flow.tickets': () => {
      const one = flow();
      return () => one.tickets();
    },
    'Flow.abandon': () => {
      const one = flow();
      return () => one.abandon();
    },
  };
}

/** Every function of the addon, every method of its classes, and the functions that they make. */
function listed(addon) {
  const exported = Object.entries(addon).flatMap(([name, value]) => {
    if (name === 'injectPanic') return [];
    const methods = Object.getOwnPropertyNames(value.prototype ?? {}).filter(method => method !== 'constructor');
    return /^[A-Z]/.test(name) ? methods.map(method => `${name}.${method}`) : [name];
  });
  return [...exported, 'authenticate', 'hostChecked'];
}

/** The name of an export in Rust: `Flow::woken` for `Flow.woken`. */
function inRust(name) {
  const [method, type] = name.split('.').reverse();
  const snake = method.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
  return type === undefined ? snake : `${type}::${snake}`;
}

/** Panics each export of an addon, or of a module, `rounds` times. */
export function panics(addon, rounds) {
  if (typeof addon.injectPanic !== 'function') throw new Error('it was not built with fault-injection');
  const [exports, calls] = [listed(addon), callsOf(addon)];
  for (const name of exports) {
    const prepare = calls[name];
    if (prepare === undefined) throw new Error(`${name} is exported and not called here`);
    for (let round = 0; round < rounds; round += 1) {
      const call = prepare();
      addon.injectPanic(inRust(name));
      let thrown;
      try {
        call();
      } catch (error) {
        thrown = error;
      }
      if (thrown?.code !== 'internal') throw new Error(`${name} did not throw internal: ${thrown?.code}`);
      if (`${thrown.message} ${thrown.stack}`.includes('hunter2')) throw new Error(`${name} tells what the panic said`);
      call();
    }
  }
  return `panics: ${exports.length} exports, ${rounds} each: every one thrown as internal, and every next call answered`;
}
