/** The addon's interface: the types of `crates/node` as JavaScript sees them. */

/** An error of the core as data. */
export interface NativeFailure {
  readonly failure: string;
  readonly code: string;
  readonly kind: 'caller' | 'configuration' | 'credential' | 'cloud' | 'network';
  readonly status: number;
  readonly endpoint?: string;
  readonly refused: boolean;
  /** Whether it says only that a callback is unusable. */
  readonly unusableCallback: boolean;
}

export interface NativeUser {
  /** The serial number of the identity; 0 if it is not cached. */
  readonly serial: number;
  readonly id: string;
  readonly email: string;
  readonly name?: string;
  readonly avatarUrl?: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt?: number;
  /** JSON text. */
  readonly metadata?: string;
  readonly roles: string[];
  readonly sessionToken: string;
}

export interface NativeSession {
  readonly id: string;
  readonly userId: string;
  readonly expiresAt: number;
  readonly createdAt: number;
}

export interface NativeIdentity {
  serial(): number;
  user(): NativeUser;
}

export interface NativeAnswer {
  kind(): 'authenticated' | 'anonymous' | 'rejected' | 'unavailable';
  identity(): NativeIdentity | null;
  failure(): NativeFailure | null;
}

export interface NativeRequest {
  readonly method: 'GET' | 'POST';
  /** The endpoint by its name: `verify_token` and so on. */
  readonly operation: string;
  /** The contract path: safe to log. */
  readonly endpoint: string;
  readonly url: string;
  readonly headers: [string, string][];
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Milliseconds. */
  readonly timeout: number;
  readonly maxResponseBytes: number;
}

export interface NativeOutcome {
  readonly answer?: NativeAnswer;
  readonly identity?: NativeIdentity;
  readonly session?: NativeSession;
  readonly grants?: string[];
  readonly cookies?: string[];
  readonly returnPath?: string;
  readonly again?: boolean;
  readonly token?: string;
  readonly expiresIn?: number;
  readonly signOut?: 'ended' | 'already_gone';
  readonly userId?: string;
  readonly sessionId?: string;
  /** Of a fetch of the key set: the number of entries that are not keys. */
  readonly oddEntries?: number;
  /** Of a sign-in that was refused here: the flow that ends its session at the Cloud. */
  readonly refused?: NativeFlow;
  readonly failure?: NativeFailure;
}

export interface NativeLoginUrl {
  readonly url: string;
  /** Bytes that the whole return path needs in the URL, if it was cut. */
  readonly cutFrom?: number;
  readonly limit: number;
}

export interface NativeStep {
  readonly send?: NativeRequest;
  readonly wait?: number;
  readonly done?: NativeOutcome;
}

export type NativeTransportError = 'connect' | 'closed' | 'stale' | 'timeout' | 'too_large' | 'other';

/** Every `jitter` is `Math.random()`. */
export interface NativeFlow {
  key(): string | null;
  start(): NativeStep;
  woken(): NativeStep;
  answered(status: number, body: Uint8Array): NativeStep;
  failed(why: NativeTransportError): NativeStep;
}

export type NativeSource = 'cache' | 'keys' | 'cloud' | 'none';

export interface NativeSearch {
  /** A number is the ticket of a check, which returns another search. */
  next(last: NativeAnswer | undefined, jitter: number): NativeAnswer | NativeFlow | number;
  background(): NativeFlow | null;
  source(): NativeSource;
}

export interface NativeRevocation {
  readonly text: string;
  /** Milliseconds since the Unix epoch. */
  readonly until: number;
  readonly kept: boolean;
}

export interface NativeHeard {
  readonly new: number;
  readonly unreadable: number;
  /** Milliseconds. */
  readonly lag?: number;
}

/** A channel that is being joined or is joined. */
export interface NativeJoining {
  most(): number;
  hear(texts: readonly string[]): NativeHeard;
  joined(): NativeRevocation[];
}

/** Times in seconds. */
export interface NativeStatistics {
  readonly requests: { outcome: 'authenticated' | 'anonymous' | 'rejected' | 'unavailable'; source: NativeSource; count: number }[];
  readonly logins: { outcome: 'succeeded' | 'failed'; count: number }[];
  readonly signOuts: { outcome: 'ended' | 'already_gone' | 'not_confirmed'; count: number }[];
  readonly cloudCalls: { operation: string; status: string; count: number }[];
  readonly cloudCallTimes: { operation: string; le: string; count: number }[];
  readonly cacheEntries: { kind: 'identities' | 'refusals'; count: number }[];
  readonly breaker: 'closed' | 'open' | 'half_open';
  readonly keysAge?: number;
}

type Or<T> = T | NativeFailure;
type Text = string | null | undefined;

/** The result of an authentication that waited for a check: exactly one member beside its ticket is set. */
export interface NativeSettled {
  readonly ticket: number;
  readonly user?: NativeUser;
  readonly search?: NativeSearch;
  /** Why the addon failed. */
  readonly internal?: string;
}

export interface NativeBatch {
  readonly settled: readonly NativeSettled[];
  /** Whether checks were enqueued again. */
  readonly isMore: boolean;
  /** Whether `background` has work. */
  readonly isDue: boolean;
}

/**
 * Authenticates and returns a number:
 *
 * - A positive whole number is the serial of the identity.
 * - A negative number is the negated serial; `background` has work.
 * - 0: the authentication continues with `begun`.
 * - A whole number and a half: the whole number is the ticket of a check.
 * - NaN: the address of the request must be looked at first.
 */
export type Look = (cookie: Text, authorization?: Text, token?: Text) => number;

export interface NativeAuthority {
  facts(): { isLocal: boolean; maxEntries: number; longest: number };
  /** A look at requests to one site, 0 if the site is unknown. Without a number: at requests whose address was not looked at. */
  look(site?: number): Or<Look>;
  background(): NativeFlow[];
  statistics(): NativeStatistics;
  called(operation: string, status: number | undefined, failed: NativeTransportError | undefined, milliseconds: number): void;
  /** The user whom the look with this serial verified by a signature; `null` if the identity was cached. */
  found(serial: number): NativeUser | null;
  /** The search of the look just made, to continue with. */
  begun(): Or<NativeSearch> | null;
  /** Starts the enqueued checks. */
  checks(): Promise<NativeBatch>[];
  /** The cached identity of this token, if it is this user. */
  identity(token: string, userId: string): NativeIdentity | null;
  /** `counted` if a look returned a number for the same request. */
  authenticate(token: Text, authorization: Text, cookie: Text, counted: boolean, site: number): Or<NativeSearch>;
  loginUrl(redirectUri: string, state: string): Or<NativeLoginUrl>;
  loginCookie(redirectUri: string, state: string): Or<string>;
  callbackKey(state: string, cookieHeader: string): string | null;
  callback(
    code: string,
    state: string,
    cookieHeader: string,
    jitter: number,
  ): Or<NativeFlow>;
  /** By at least how many seconds the clock is ahead of the Cloud's, if a warning is due. */
  takeClockAhead(): number | null;
  /** Counts a sign-in that failed for an unusable callback. */
  loginFailed(): void;
  replaced(cookieHeader: string, by: NativeIdentity, jitter: number): NativeFlow[];
  signOut(token: string, jitter: number): Or<NativeFlow>;
  session(token: string, jitter: number): Or<NativeFlow>;
  renew(token: string, jitter: number): Or<NativeFlow>;
  permissions(of: NativeIdentity, jitter: number): string[] | NativeFlow;
  endSession(sessionId: string): Or<true>;
  endUser(userId: string): Or<true>;
  publishRevocations(): string;
  takeRevocations(most: number): NativeRevocation[];
  waiting(): number;
  joining(): NativeJoining;
  sessionToken(cookieHeader: string, site: number): string | null;
  sessionCookie(token: string, expiresAt: number, site: number): Or<string>;
  clearSessionCookie(): string;
  profileUrl(userId: string): string;
  roles(): string[];
  grantsOfRoles(roles: readonly string[]): string[];
  opVerifyToken(token: string, jitter: number): Or<NativeFlow>;
  opValidateSession(token: string, jitter: number): Or<NativeFlow>;
  opDestroySession(sessionId: string, token: string, jitter: number): Or<NativeFlow>;
  opUser(userId: string, token: string, jitter: number): Or<NativeFlow | null>;
  opUserPermissions(userId: string, token: string, jitter: number): Or<NativeFlow | null>;
  opExchangeCode(code: string, verifier: Text, redirectUri: Text, jitter: number): Or<NativeFlow>;
  loginPage(redirectUri: string, state: string, challenge: Text): Or<NativeLoginUrl>;
  logoutPage(redirectUri: string, token: Text): Or<string>;
}

/** Times are in seconds. */
export interface NativeVerification {
  mode?: string | undefined;
  jwksUrl?: string | undefined;
  jwks?: string | undefined;
  secret?: string | undefined;
  algorithms?: string[] | undefined;
  issuer?: string | undefined;
  audience?: string | undefined;
  leeway?: number | undefined;
  maxAge?: number | undefined;
  sessionEvery?: number | undefined;
}

/** Times are in seconds. */
export interface NativeOptions {
  projectId?: string | undefined;
  baseUrl?: string | undefined;
  apiPrefix?: string | undefined;
  authPath?: string | undefined;
  dialect?: string | undefined;
  cookieName?: string | undefined;
  cookieDomain?: string | undefined;
  cookiePrefix?: boolean | undefined;
  sameSite?: string | undefined;
  secure?: boolean | undefined;
  sessionMaxAge?: number | undefined;
  roleMapping?: string | undefined;
  callTimeout?: number | undefined;
  fresh?: number | undefined;
  staleIfError?: number | undefined;
  refused?: number | undefined;
  maxEntries?: number | undefined;
  refreshEarly?: number | undefined;
  verification?: NativeVerification | undefined;
  production: boolean;
  development: boolean;
}

/** Times are in seconds. */
export interface NativeTokenRules {
  algorithms?: string[] | undefined;
  issuer?: string | undefined;
  audience: string;
  leeway?: number | undefined;
  maxAge?: number | undefined;
  kind?: string | undefined;
}

/** Times are in milliseconds since the Unix epoch. */
export interface NativeTokenClaims {
  readonly sub: string;
  readonly sid?: string;
  readonly email?: string;
  readonly name?: string;
  readonly avatarUrl?: string;
  readonly roles: string[];
  readonly iat?: number;
  readonly nbf?: number;
  readonly exp: number;
}

/** The addon: its exports. */
export interface Native {
  open(options: NativeOptions, entropy: Uint8Array): Or<NativeAuthority>;
  permissionCovers(grant: string, required: string): boolean;
  grantsAllow(grants: readonly string[], required: string): boolean;
  mappedGrants(mapping: Text, roles: readonly string[]): Or<string[]>;
  returnPath(input: string, origin: Text): string;
  cookieValues(header: string, name: string): Or<string[]>;
  cookieLine(options: NativeOptions, value: Text, maxAge: number): Or<string>;
  verifiedClaims(token: string, keys: Text, secret: Text, rules: NativeTokenRules, now: number): Or<NativeTokenClaims>;
  codes(): string[];
  userAgent(): string;
  /** The number of a request's site; 0 if it is unknown. */
  siteOf(publicHost: Text, forwardedHost: Text, host: Text, forwardedProto: Text, url: Text): number;
}
