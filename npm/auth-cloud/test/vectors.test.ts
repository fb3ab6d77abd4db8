/** `vectors/*.json`: the same cases as in Rust, the same answers. */

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';

import { expect, test } from 'vitest';

import { MastraCloudAuth, MastraCloudClient, isCloudApiError } from '../dist/esm/index.js';
import type { MastraCloudClientOptions } from '../dist/esm/index.js';
import { native } from '../dist/esm/native.js';
import { verifiedClaims } from './verified.js';
import { makeUser } from '../dist/esm/user.js';
import type {
  NativeChannelEvent,
  NativeChannelRetry,
  NativeOutcome,
  NativePending,
  NativeStep,
  NativeTransportError,
} from '../dist/esm/native.js';

type Case = Record<string, any>;

const VECTORS = new URL('../../../vectors/', import.meta.url);
const files: string[] = [];

/** Runs every case of a file. */
function every(file: string, run: (one: Case) => unknown): void {
  files.push(file);
  test(`vectors ${file}`, async () => {
    const { cases } = JSON.parse(readFileSync(new URL(file, VECTORS), 'utf8')) as { cases: Case[] };
    expect(cases).not.toEqual([]);
    for (const one of cases) await run(one);
  });
}

test('every file of vectors is read here', () => {
  // `faults.test.ts` reads the places at which an answer breaks.
  expect([...files, 'faults.json'].toSorted()).toEqual(readdirSync(VECTORS).toSorted());
});

/** What the case expects: a value, or an error's code. */
function holds(one: Case, value: unknown): void {
  const failed = typeof value === 'object' && value !== null && 'failure' in value && 'code' in value;
  const seen = failed ? { error: value.code } : { expect: value };
  expect(seen, one['name']).toEqual('error' in one ? { error: one['error'] } : { expect: one['expect'] });
}

every('cookies.json', one => {
  if (typeof one['header'] === 'string') return holds(one, native.cookieValues(one['header'], one['cookie']));
  if ('deployment' in one) {
    const { base_url: baseUrl, project_id: projectId, cookie_name: cookieName } = one['deployment'];
    const auth = new MastraCloudAuth({ baseUrl, projectId, cookieName });
    auth.getLoginCookies(one['redirect_uri'], 'state');
    return holds(one, auth.getClearSessionHeaders()['Set-Cookie']?.split('=')[0]);
  }
  const { name, secure, same_site, domain } = one['options'] ?? {};
  const options = { cookieName: name, secure, sameSite: same_site, cookieDomain: domain, production: false, development: false };
  return holds(one, native.cookieLine(options, one['value'], one['max_age_seconds'] ?? 0));
});

every('permissions.json', one => {
  if ('grant' in one) return holds(one, native.permissionCovers(one['grant'], one['required']));
  return holds(one, native.mappedGrants(one['mapping'], one['roles'] ?? []));
});

every('return_path.json', one => holds(one, native.returnPath(one['input'], one['origin'])));

every('revocation_worker.json', one => {
  const engine = native.open({ projectId: 'demo', production: false, development: false }, new Uint8Array(32));
  if ('failure' in engine) throw new Error(engine.failure);
  const base = Date.now();
  const at = (step: Case) => ({ wall: base + step['at'], monotonic: step['at'] });
  const worker = engine.channelWorker(at({ at: 0 }));
  const { realm } = worker.facts();
  const texts = (step: Case): string[] =>
    (step['texts'] ?? []).map((text: string | [string, string, number, number]) => {
      if (typeof text === 'string') return text;
      const [kind, id, from, until] = text;
      return `1 ${realm} ${kind} ${base + from} ${base + until} ${id}`;
    });
  const event = ({ lagSeconds, ...seen }: NativeChannelEvent) => ({ ...seen, ...(lagSeconds !== undefined && { lag_seconds: lagSeconds }) });
  const retry = (seen: NativeChannelRetry) => ({ wait: seen.wait, event: seen.event ? event(seen.event) : null });
  let current = 0;
  const run: Record<string, (step: Case, turn: number, share: number) => unknown> = {
    revoke_session: ({ id }) => void engine.endSession(id),
    revoke_sessions: ({ count }) => Array.from({ length: count }, (_, n) => engine.endSession(`ses_${n}`)) && undefined,
    revoke_user: ({ id }) => void engine.endUser(id),
    next_batch: step => {
      const batch = worker.nextBatch(at(step)).map(({ text }) => text.split(' '));
      return typeof step['expect'] === 'number' ? batch.length : batch.map(words => `${words[2]} ${words[5]}`);
    },
    published: step => worker.published(at(step)).map(event),
    publish_failed: (step, _, share) => retry(worker.publishFailed(step['why'], share, at(step))),
    join: () => void (current = worker.join()),
    received: (step, turn) => worker.received(turn, texts(step), at(step)).map(event),
    joined: (step, turn) => worker.joined(turn, texts(step), step['left_out'] ?? 0, at(step)).map(event),
    lost: (step, turn, share) => retry(worker.lost(turn, step['why'], share, at(step))),
    leave: step => worker.leave(at(step)),
    status: ({ expect: members }) => {
      const { since, leftOut, ...status } = worker.status();
      const seen: Case = { ...status, since: since - base, left_out: leftOut };
      return Object.fromEntries(Object.keys(members).map(name => [name, seen[name] ?? null]));
    },
  };
  for (const step of one['steps'] as Case[]) {
    const seen = run[step['do']]!(step, step['turn'] ?? current, step['share'] ?? 0.414543);
    expect(seen ?? null, `${one['name']}: ${JSON.stringify(step)}`).toEqual(step['expect'] ?? null);
  }
});

/** What differs in WebAssembly: there a point off the curve is found when WebCrypto imports it (decision 0025). */
const BY_HOST: Readonly<Record<string, string>> =
  typeof native.verifiedClaims === 'function' ? {} : { 'key-not-on-the-curve': 'token_key_unknown' };

every('tokens.json', async vector => {
  const differs = BY_HOST[vector['name']];
  const one = differs === undefined ? vector : { ...vector, error: differs };
  const { max_age: maxAge, ...rules } = one['rules'];
  const keys = one['keys'] && JSON.stringify(one['keys']);
  const claims = await verifiedClaims(one['token'], keys, one['secret'], { maxAge, ...rules }, one['now']);
  if ('failure' in claims) return holds(one, claims);
  const { sub, sid = null, email = null, name = null, avatarUrl = null, roles, iat = null, nbf = null, exp } = claims;
  return holds(one, { sub, sid, email, name, avatar_url: avatarUrl, roles, iat, nbf, exp });
});

every('requests.json', async one => {
  const sent: unknown[] = [];
  const client = clientOf(one, async (url, init) => {
    const headers = Object.fromEntries(init.headers as [string, string][]);
    const body = init.body === undefined ? null : new TextDecoder().decode(init.body as Uint8Array);
    sent.push({ method: init.method, url, headers, body });
    return new Response('{}', { status: 400 });
  });
  const { with: given } = one;
  if (typeof given['session'] === 'string') return await sealed(one);
  const asked = call(client, one['operation'], given);
  if (typeof asked === 'string' || isFailed(asked)) return holds(one, asked);
  // What the client makes of an answer is for `envelopes.json`; here it is what was sent that counts.
  const refused = await Promise.resolve(asked).then(
    () => undefined,
    (error: unknown) => {
      if (!isCloudApiError(error)) throw error;
      return error;
    },
  );
  // The dialect has no such endpoint.
  if (sent.length === 0 && refused?.code === 'not_implemented') return expect(refused.code, one['name']).toBe(one['error']);
  const made = operation(one, given);
  if (isFailed(made)) {
    expect(sent, one['name']).toEqual([]);
    return holds(one, made);
  }
  holds(versioned(one), sent[0] ?? null);
});

/** A sealed session is what a host calls a session's id: the provider alone takes one. */
async function sealed(one: Case): Promise<void> {
  const sent: unknown[] = [];
  const auth = new MastraCloudAuth({
    ...optionsOf(one, async (url, init) => {
      sent.push({ method: init.method, url, headers: Object.fromEntries(init.headers as [string, string][]), body: init.body ?? null });
      return new Response('{}', { status: 401 });
    }),
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  } as MastraCloudClientOptions);
  const made: Record<string, (session: string) => Promise<unknown>> = {
    me: session => auth.validateSession(session),
    refresh_session: session => auth.refreshSession(session),
    destroy_session: session => auth.destroySession(session),
  };
  await made[one['operation']]!(one['with']['session']);
  if ('error' in one) return expect(sent, one['name']).toEqual([]);
  holds(versioned(one), sent[0] ?? null);
}

every('envelopes.json', async one => {
  const [started] = begun(one).step!.started;
  const { flow } = started!;
  let step: Pick<NativeStep, 'next' | 'settled'> = { next: started!.next, settled: [] };
  // An operation that may be tried again ends with the same answer as with the first.
  while (step.next !== undefined) {
    if (typeof step.next === 'number') step = flow.woken();
    else if (typeof one['transport'] === 'string') {
      step = flow.failed(one['transport'].replace('-', '_') as NativeTransportError, 1);
    } else step = flow.answered(one['status'], bodyOf(one), 1);
  }
  const outcome = step.settled[0]!.result as NativeOutcome;
  const { failure } = outcome;
  if (failure === undefined) return expect({ data: shown(one, outcome) }, one['name']).toEqual({ data: one['data'] });
  const { failure: message, status, code, kind, refused } = failure;
  return expect({ message, status, code, kind, answer: refused ? 'refused' : 'unclear' }, one['name']).toEqual(one['error']);
});

function isFailed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'failure' in value;
}

function versioned(one: Case): Case {
  const version = native.userAgent().split('/')[1] ?? '';
  return JSON.parse(JSON.stringify(one).replaceAll('{version}', version)) as Case;
}

function clientOf(one: Case, fetch?: NonNullable<MastraCloudClientOptions['fetch']>): MastraCloudClient {
  return new MastraCloudClient(optionsOf(one, fetch));
}

function optionsOf(one: Case, fetch?: NonNullable<MastraCloudClientOptions['fetch']>): MastraCloudClientOptions {
  const options: Record<string, unknown> = {
    projectId: one['project_id'] ?? 'demo',
    baseUrl: one['base_url'] ?? 'https://cloud.mastra.ai',
    dialect: one['dialect'],
    ...(one['api_prefix'] !== undefined && { apiPrefix: one['api_prefix'] }),
    ...(one['login_path'] !== undefined && { authPath: one['login_path'] }),
    ...(one['organization'] !== undefined && { organization: one['organization'] }),
    ...(fetch && { fetch }),
  };
  return options as MastraCloudClientOptions;
}

/** The client's method; a page's address is thrown as a failure where its arguments are none. */
function call(client: MastraCloudClient, operation: string, given: Case): unknown {
  const { token, code, verifier, redirect_uri: redirectUri, session_id: sessionId, user_id: userId, state } = given as Record<string, string>;
  const made: Record<string, () => unknown> = {
    login_page: () => client.getLoginUrl({ redirectUri: redirectUri!, state: state!, challenge: challengeOf(verifier!) }),
    logout_page: () => client.getLogoutUrl({ redirectUri: redirectUri!, ...(token !== undefined && { token }) }),
    exchange_code: () => client.exchangeCode({ code: code!, verifier: verifier!, redirectUri: redirectUri! }),
    verify_token: () => client.verifyToken({ token: token! }),
    validate_session: () => client.validateSession({ sessionToken: token! }),
    destroy_session: () => client.destroySession({ sessionId: sessionId!, token: token! }),
    user: () => client.getUser({ userId: userId!, token: token! }),
    user_permissions: () => client.getUserPermissions({ userId: userId!, token: token! }),
  };
  try {
    return made[operation]!();
  } catch (error) {
    if (!isCloudApiError(error)) throw error;
    return { failure: error.message, code: error.code };
  }
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

/** The operation itself: begun, none where the dialect has no such endpoint, or why its arguments are none. */
function operation(one: Case, given: Case) {
  const { dialect, organization } = one;
  const options = { projectId: 'demo', dialect, organization, production: false, development: false };
  const engine = native.open(options, new Uint8Array(32));
  if ('failure' in engine) throw new Error(engine.failure);
  const { token, code, verifier, redirect_uri: redirectUri, session_id: sessionId, user_id: userId } = given as Record<string, string>;
  const made: Record<string, () => unknown> = {
    verify_token: () => engine.opVerifyToken(token!, 0),
    validate_session: () => engine.opValidateSession(token!, 0),
    user: () => engine.opUser(userId!, token!, 0),
    user_permissions: () => engine.opUserPermissions(userId!, token!, 0),
    destroy_session: () => engine.opDestroySession(sessionId!, token!, 0),
    exchange_code: () => engine.opExchangeCode(code!, verifier!, redirectUri!, 0),
  };
  return made[one['operation']]?.() ?? null;
}

function begun(one: Case): NativePending {
  const given = {
    token: 'tok-1.a_b~c+d/e=',
    code: 'c0de-of-this-login',
    verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    redirect_uri: 'http://localhost:4111/cb',
    session_id: 'ses_1',
    user_id: 'usr_1',
  };
  return operation(one, given) as NativePending;
}

function bodyOf(one: Case): Uint8Array {
  return typeof one['body_hex'] === 'string' ? Buffer.from(one['body_hex'], 'hex') : Buffer.from(one['body']);
}

function shown(one: Case, outcome: NativeOutcome): unknown {
  const user = outcome.user && makeUser(outcome.user, false);
  const shownUser = user && {
    id: user.id,
    email: user.email,
    name: user.name ?? null,
    avatar_url: user.avatarUrl ?? null,
    created_at: user.createdAt?.getTime() ?? null,
    metadata: user.metadata ?? null,
    roles: user.roles,
  };
  const { session, grants, token, expiresIn } = outcome;
  const shownSession = session && {
    id: session.id,
    user_id: session.userId,
    created_at: session.createdAt,
    expires_at: session.expiresAt,
  };
  switch (one['operation']) {
    case 'exchange_code':
      return shownUser ? { user: shownUser, session: shownSession, token } : { token, expires_in: expiresIn };
    case 'user_permissions':
      return grants?.toSorted();
    case 'destroy_session':
      return null;
    case 'validate_session':
      return { ...shownSession, ...(token !== undefined && { token }) };
    default:
      return shownUser;
  }
}
