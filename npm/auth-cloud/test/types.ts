/**
 * The public types, pinned against the newest host and the oldest: `npm run typecheck` reads this file and nothing runs it.
 *
 * A line below `@ts-expect-error` must be refused; where it is taken, that comment is the error. What the values do at run time is
 * not looked at here.
 */

import { Mastra } from '@mastra/core';
import type { ISessionProvider, ISSOProvider, IUserProvider, Session, SSOCallbackResult, SSOLoginConfig } from '@mastra/core/auth';
import type { IRBACProvider } from '@mastra/core/auth/ee';
import type { MastraAuthProvider } from '@mastra/core/server';

import { CloudApiError, MastraCloudAuth, MastraCloudAuthProvider, MastraCloudClient, authCallbackRoute, authCheckRoute, isCloudApiError } from '../dist/esm/index.js';
import type {
  CacheOptions,
  CloudAuthEvent,
  CloudAuthEventType,
  CloudAuthLogger,
  CloudAuthSource,
  CloudAuthStatistics,
  CloudSession,
  CloudUser,
  Dialect,
  ErrorCode,
  ErrorKind,
  ExchangedCode,
  Fetch,
  MastraCloudAuthOptions,
  MastraCloudClientOptions,
  RevocationChannel,
  RevocationMessage,
  RevocationStatus,
  RevocationSubscription,
  VerificationOptions,
} from '../dist/esm/index.js';
import { TokenSource } from '../dist/esm/program.js';
import type { TokenSourceOptions } from '../dist/esm/program.js';
import { LocalCloudError, startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud, LocalCloudErrorCode, LocalCloudFault, LocalCloudOptions } from '../dist/esm/testing.js';
import type { LocalPlatformOptions, SignedIn, StorageState } from '../dist/esm/testing.js';
import { same } from './same.js';

/** What a method gives back. */
type Gives<Name extends keyof MastraCloudAuth> = MastraCloudAuth[Name] extends (...given: never[]) => infer R ? R : never;

export function hosts(auth: MastraCloudAuth): unknown[] {
  const provider: MastraAuthProvider<CloudUser> = auth;
  const users: IUserProvider<CloudUser> = auth;
  const sessions: ISessionProvider = auth;
  const sso: ISSOProvider<CloudUser> = auth;
  const rbac: IRBACProvider<CloudUser> = auth;
  const apiRoutes = [authCheckRoute(auth), authCheckRoute(auth, '/who'), authCallbackRoute(auth), authCallbackRoute(auth, '/done')];
  const server = new Mastra({ server: { auth, rbac: auth, apiRoutes } });
  // @ts-expect-error Nothing comes back to a client.
  authCallbackRoute(new MastraCloudClient({}));
  // @ts-expect-error A client is no provider.
  const noProvider = new Mastra({ server: { auth: new MastraCloudClient({}) } });
  // @ts-expect-error A client cannot tell who sends a request.
  authCheckRoute(new MastraCloudClient({}));
  // @ts-expect-error Nor does it know permissions.
  const noRoles = new Mastra({ server: { auth, rbac: new MastraCloudClient({}) } });
  return [provider, users, sessions, sso, rbac, server, noProvider, noRoles];
}

/** As newer hosts declare them, and the oldest does not. */
interface Organizations {
  ensureOrganization(userId: string): Promise<string | undefined>;
  isOrganizationAdmin(organizationId: string, userId: string): Promise<boolean>;
}

interface Init {
  init(context: { database?: unknown; publicUrl?: string; allowedOrigins?: string[] }): Promise<void>;
}

interface Pending {
  consumePendingResponseHeaders?(request: Request): Record<string, string> | undefined;
}

export function newerHosts(auth: MastraCloudAuth): unknown[] {
  const organizations: Organizations = auth;
  const init: Init = auth;
  const pending: Pending = auth;
  return [organizations, init, pending, auth.consumePendingResponseHeaders({ headers: {} })];
}

export async function programs(options: TokenSourceOptions): Promise<void> {
  const source = new TokenSource(options);
  same<ReturnType<TokenSource['token']>, Promise<string>>(true);
  same<ReturnType<TokenSource['refreshed']>, Promise<string>>(true);
  same<ReturnType<TokenSource['organizationId']>, Promise<string | undefined>>(true);
  const answer = await source.call(async token => ({ status: token.length }), ({ status }) => status === 401);
  same<typeof answer, { status: number }>(true);
  // @ts-expect-error What a refusal looks like is for the program to say.
  await source.call(async token => token);
  // @ts-expect-error A token comes from the environment or the file.
  new TokenSource({ token: 't' });
}

export function methods(): void {
  same<Gives<'mapUserToResourceId'>, string | null | undefined>(true);
  same<Gives<'getLoginUrl'>, string>(true);
  same<Gives<'getLoginCookies'>, string[]>(true);
  same<Gives<'getSessionHeaders'>, Record<string, string>>(true);
  same<Gives<'getClearSessionHeaders'>, Record<string, string>>(true);
  same<Gives<'getSessionIdFromRequest'>, string | null>(true);
  same<Gives<'getLoginButtonConfig'>, SSOLoginConfig>(true);
  same<Gives<'getUserProfileUrl'>, string>(true);
  same<Gives<'setCallbackCookieHeader'>, void>(true);
  same<Gives<'authenticateToken'>, Promise<CloudUser | null>>(true);
  same<Gives<'getCurrentUser'>, Promise<CloudUser | null>>(true);
  same<Gives<'checkRequest'>, Promise<Response>>(true);
  same<Gives<'getUser'>, Promise<CloudUser | null>>(true);
  same<Gives<'getUsers'>, Promise<(CloudUser | null)[]>>(true);
  same<Gives<'createSession'>, Promise<Session>>(true);
  same<Gives<'validateSession'>, Promise<Session | null>>(true);
  same<Gives<'refreshSession'>, Promise<Session | null>>(true);
  same<Gives<'destroySession'>, Promise<void>>(true);
  same<Gives<'handleCallback'>, Promise<SSOCallbackResult<CloudUser>>>(true);
  same<Gives<'endSession'>, void>(true);
  same<Gives<'endUser'>, void>(true);
  same<Gives<'revocationStatus'>, RevocationStatus | null>(true);
  same<Gives<'close'>, Promise<void>>(true);
  same<Gives<'getRoles'>, Promise<string[]>>(true);
  same<Gives<'getPermissions'>, Promise<string[]>>(true);
  same<Gives<'hasPermission'>, Promise<boolean>>(true);
  same<Gives<'hasAllPermissions'>, Promise<boolean>>(true);
  same<Gives<'hasAnyPermission'>, Promise<boolean>>(true);
  same<Gives<'getAvailableRoles'>, Promise<{ id: string; name: string }[]>>(true);
  same<Gives<'getPermissionsForRole'>, Promise<string[]>>(true);
  same<Gives<'statistics'>, CloudAuthStatistics>(true);
  same<Gives<'consumePendingResponseHeaders'>, Record<string, string> | undefined>(true);
  same<Gives<'ensureOrganization'>, Promise<string | undefined>>(true);
  same<Gives<'isOrganizationAdmin'>, Promise<boolean>>(true);
  same<Gives<'init'>, Promise<void>>(true);
}

/** Each of these may be a method of a subclass, also one that answers more narrowly. */
export class Subclass extends MastraCloudAuth {
  override mapUserToResourceId(user: CloudUser): string | undefined {
    return user.metadata === undefined ? undefined : `team-${user.id}`;
  }
  override authorizeUser(user: CloudUser): boolean {
    return user.roles.includes('owner');
  }
  override async getRoles(user: CloudUser): Promise<string[]> {
    return [...(await super.getRoles(user)), 'staff'];
  }
}

export class OldSubclass extends MastraCloudAuthProvider {
  override mapUserToResourceId(): null {
    return null;
  }
}

export class WrongSubclass extends MastraCloudAuth {
  // @ts-expect-error A resource id is a text.
  override mapUserToResourceId(): number {
    return 7;
  }
}

type ClientOption = 'projectId' | 'baseUrl' | 'localCloudForTests' | 'apiPrefix' | 'authPath' | 'dialect' | 'fetch' | 'logger' | 'onEvent';
type CookieOption = 'cookieName' | 'cookieDomain' | 'sameSite' | 'secure' | 'sessionMaxAge';
type HostOption = 'name' | 'authorizeUser' | 'mapUserToResourceId' | 'protected' | 'public';

export function options(): void {
  type Operation = 'getLoginUrl' | 'getLogoutUrl' | 'exchangeCode' | 'verifyToken' | 'validateSession' | 'destroySession' | 'getUser' | 'getUserPermissions';
  same<keyof MastraCloudClient, Operation>(true);
  same<keyof MastraCloudClientOptions, ClientOption>(true);
  type Other = 'organization' | 'roleMapping' | 'cache' | 'verification' | 'revocations' | 'traceRequests';
  same<keyof MastraCloudAuthOptions, ClientOption | CookieOption | HostOption | Other>(true);
  type Key = 'jwksUrl' | 'jwks' | 'jwksFile' | 'secret' | 'algorithms';
  same<keyof VerificationOptions, 'by' | Key | 'issuer' | 'audience' | 'leeway' | 'maxAge' | 'sessionEvery'>(true);
  same<Dialect, 'v1' | 'pkce' | 'platform'>(true);
  same<Fetch, (url: string, init: RequestInit) => Promise<Response>>(true);
  same<keyof CloudAuthLogger, 'debug' | 'info' | 'warn'>(true);
  same<MastraCloudAuthOptions['onEvent'], ((event: CloudAuthEvent) => void) | undefined>(true);
  same<Required<CacheOptions>, Readonly<Record<'fresh' | 'refreshEarly' | 'staleIfError' | 'refused' | 'maxEntries', number>>>(true);
  void new MastraCloudAuth();
  void new MastraCloudAuth({ projectId: 'p', baseUrl: 'https://a', apiPrefix: '/api/v1', authPath: '/auth/oss', dialect: 'pkce' });
  void new MastraCloudAuth({ cookieName: 'c', cookieDomain: 'a.b', sameSite: 'Strict', secure: true, sessionMaxAge: 60 });
  void new MastraCloudAuth({ sameSite: 'lax', cache: { fresh: 1, staleIfError: 0, refused: 5, maxEntries: 10 } });
  void new MastraCloudAuth({ verification: 'keys' });
  void new MastraCloudAuth({ verification: { by: 'keys+session', jwksUrl: 'https://a', sessionEvery: 60, algorithms: ['ES256'] as const } });
  void new MastraCloudAuth({ roleMapping: { owner: ['*'], _default: ['agents:read'] }, fetch, logger: console });
  void new MastraCloudAuth({ roleMapping: { owner: ['*'] as const } as const, onEvent: event => event.code?.trim() });
  void new MastraCloudAuth({ name: 'n', protected: ['/api/*'], public: ['/health'], mapUserToResourceId: user => user.id });
  void new MastraCloudAuth({ revocations: { redis: 'redis://localhost' } });
  void new MastraCloudAuth({ revocations: {} as RevocationChannel });
  void new MastraCloudAuth({ traceRequests: true });
  void new MastraCloudAuth({ authorizeUser: async user => user.roles.includes('owner') });
}

export function refusedOptions(): void {
  // @ts-expect-error There is no such option.
  void new MastraCloudAuth({ project: 'p' });
  // @ts-expect-error Nor this one, which only the old plugin has.
  void new MastraCloudAuth({ cloudBaseUrl: 'https://a' });
  // @ts-expect-error The client has no cookies.
  void new MastraCloudClient({ cookieName: 'c' });
  void new MastraCloudAuth({ localCloudForTests: true });
  // @ts-expect-error There is no such dialect.
  void new MastraCloudAuth({ dialect: 'v2' });
  // @ts-expect-error There is no such way.
  void new MastraCloudAuth({ verification: 'signature' });
  // @ts-expect-error Which way has to be said.
  void new MastraCloudAuth({ verification: { issuer: 'https://a' } });
  // @ts-expect-error There is no such value.
  void new MastraCloudAuth({ sameSite: 'Sometimes' });
  // @ts-expect-error True or false.
  void new MastraCloudAuth({ secure: 'true' });
  // @ts-expect-error A number of seconds.
  void new MastraCloudAuth({ sessionMaxAge: '60' });
  // @ts-expect-error A text.
  void new MastraCloudAuth({ projectId: 7 });
  // @ts-expect-error True or false.
  void new MastraCloudAuth({ traceRequests: 'yes' });
  // @ts-expect-error The client answers no requests.
  void new MastraCloudClient({ traceRequests: true });
  // @ts-expect-error A list for each role.
  void new MastraCloudAuth({ roleMapping: { owner: '*' } });
  // @ts-expect-error There is no such time.
  void new MastraCloudAuth({ cache: { ttl: 1 } });
  // @ts-expect-error A number.
  void new MastraCloudAuth({ cache: { fresh: '30' } });
  // @ts-expect-error A URL.
  void new MastraCloudAuth({ revocations: { redis: 6379 } });
  // @ts-expect-error A channel listens too.
  void new MastraCloudAuth({ revocations: { publish: async () => {} } });
  // @ts-expect-error What sends a request answers with a response.
  void new MastraCloudAuth({ fetch: async () => 'ok' });
  // @ts-expect-error A logger warns too.
  void new MastraCloudAuth({ logger: { debug() {}, info() {} } });
  // @ts-expect-error An event has no token.
  void new MastraCloudAuth({ onEvent: event => event.token });
}

export function channels(): RevocationChannel {
  same<RevocationMessage, Readonly<{ text: string; until: number; kept: boolean }>>(true);
  const kept: RevocationSubscription = { standing: ['text'], close() {} };
  return {
    publish: async (messages, realm) => void [realm.length, messages.map(({ text, until }) => `${text}${until}`)],
    subscribe: async (told, lost, realm, most) => (told([realm]), lost(), { ...kept, leftOut: most }),
  };
}

type UserMember = 'id' | 'email' | 'name' | 'avatarUrl' | 'createdAt' | 'metadata' | 'roles' | 'role' | 'sessionToken' | 'organizationId' | 'memberOrgIds' | 'scopes';

export function values(user: CloudUser, session: CloudSession, exchanged: ExchangedCode, event: CloudAuthEvent): unknown {
  same<keyof CloudUser, UserMember>(true);
  same<CloudUser, Readonly<CloudUser>>(true);
  same<CloudSession, Readonly<CloudSession>>(true);
  same<ExchangedCode, Readonly<ExchangedCode>>(true);
  same<CloudAuthEvent, Readonly<CloudAuthEvent>>(true);
  same<CloudUser['roles'], readonly string[]>(true);
  same<CloudUser['organizationId'], string | undefined>(true);
  same<CloudUser['memberOrgIds'], readonly string[] | undefined>(true);
  same<CloudUser['scopes'], readonly string[] | undefined>(true);
  same<CloudUser['createdAt'], Date | undefined>(true);
  same<CloudUser['metadata'], Readonly<Record<string, unknown>> | undefined>(true);
  // @ts-expect-error The id is read-only.
  user.id = 'x';
  // @ts-expect-error Roles are read-only.
  user.roles.push('owner');
  // @ts-expect-error Nor is what the Cloud keeps written to.
  user.metadata!['plan'] = 'free';
  same<CloudAuthSource, 'cache' | 'keys' | 'cloud' | 'none'>(true);
  same<CloudAuthEvent['source'], CloudAuthSource | undefined>(true);
  const kind: CloudAuthEventType = event.type;
  const token: string = exchanged.token;
  const end: Date = session.expiresAt;
  return [kind, token, end];
}

export function statistics(of: CloudAuthStatistics): number | undefined {
  same<CloudAuthStatistics, Readonly<CloudAuthStatistics>>(true);
  same<(typeof of.requests)[number]['source'], CloudAuthSource>(true);
  same<typeof of.breaker, 'closed' | 'open' | 'half_open'>(true);
  // @ts-expect-error What was counted stays as it is.
  of.requests[0]!.count = 0;
  return of.keysAge ?? of.revocations?.lag;
}

export function errors(thrown: unknown): unknown {
  // @ts-expect-error It may be anything so far.
  void thrown.status;
  if (thrown instanceof CloudApiError) same<typeof thrown, CloudApiError>(true);
  if (!isCloudApiError(thrown)) return undefined;
  same<typeof thrown, CloudApiError>(true);
  same<typeof thrown.status, number>(true);
  same<typeof thrown.kind, 'caller' | 'configuration' | 'credential' | 'cloud' | 'network'>(true);
  same<typeof thrown.kind, ErrorKind>(true);
  same<typeof thrown.res, Response | undefined>(true);
  same<typeof thrown.getResponse, (() => Response) | undefined>(true);
  const ours: typeof thrown.code = 'timeout' satisfies ErrorCode;
  // @ts-expect-error This is none of our codes.
  const theirs: ErrorCode = 'rate_limited';
  return [ours, theirs];
}

/** As Playwright's `newContext` takes it. */
interface PlaywrightState {
  cookies: {
    name: string;
    value: string;
    domain: string;
    path: string;
    expires: number;
    httpOnly: boolean;
    secure: boolean;
    sameSite: 'Strict' | 'Lax' | 'None';
  }[];
  origins: { origin: string; localStorage: { name: string; value: string }[] }[];
}

export async function testing(thrown: unknown): Promise<unknown> {
  same<keyof LocalCloudOptions, 'port' | 'seed' | 'dialect' | 'tokenLifetime' | 'sessionLifetime' | 'platform' | 'binary'>(true);
  same<keyof LocalPlatformOptions, 'rotateAfter' | 'rotationLeeway' | 'redirectQuery' | 'callbackState' | 'redirectHosts'>(true);
  same<keyof SignedIn, 'token' | 'expiresAt' | 'userId' | 'sessionId' | 'cookie' | 'storageState' | 'refreshToken'>(true);
  await using cloud = await startLocalCloud({ seed: { people: [{ handle: 'a', name: 'A', email: 'a@example.com', role: 'owner' }] } });
  const running: LocalCloud = cloud;
  const { storageState } = await cloud.signIn('a', { app: 'https://app.example.com', age: 1, lifetime: 2 });
  const state: StorageState & PlaywrightState = storageState;
  const faults: LocalCloudFault[] = [{ kind: 'drop' }, { kind: 'delay', ms: 5, endpoint: 'jwks', times: 1 }, { kind: 'without', member: 'role', endpoint: 'me' }];
  // @ts-expect-error A status has to be given.
  await cloud.faults.set({ kind: 'status' });
  // @ts-expect-error A person has a role.
  await startLocalCloud({ seed: { people: [{ handle: 'a', name: 'A', email: 'a@example.com' }] } });
  if (thrown instanceof LocalCloudError) same<typeof thrown.code, LocalCloudErrorCode>(true);
  return [running, state, faults];
}
