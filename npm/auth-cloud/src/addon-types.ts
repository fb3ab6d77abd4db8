// The addon's exports, and the types that they name.

/** A value, or the error in its place. */
export type Or<T> = T | NativeFailure;
/** Text that the addon reads without copying it twice. */
export type Text = string;
/** The source of an answer. */
export type NativeSource = 'cache' | 'keys' | 'cloud' | 'none';
/** Why no answer came. */
export type NativeTransportError = 'connect' | 'closed' | 'stale' | 'timeout' | 'too_large' | 'other';
/** Authenticates a request; `NativeAuthority.look` says what the number means. */
export type Look = (cookie: Text | null | undefined, authorization?: Text | null, token?: Text | null) => number;

// cargo xtask gen: exports, from crates/node

/** One of the four answers. */
export interface NativeAnswer {
  /** `authenticated`, `anonymous`, `rejected` or `unavailable`. */
  kind(): 'authenticated' | 'anonymous' | 'rejected' | 'unavailable';
  /** The identity, if the answer is `authenticated`. */
  identity(): NativeIdentity | null;
  /** The error, if the credential was rejected or could not be checked. */
  failure(): NativeFailure | null;
}

/** A running deployment. */
export interface NativeAuthority {
  /**
   * A function of a cookie header and, if present, an `Authorization` header and a token that the host has read. Most
   * requests bring the first alone, and each argument costs. It authenticates them and returns a number:
   *
   * - A positive whole number is the serial of the identity.
   * - A negative number is the negated serial; [`background`](Self::background) has work.
   * - 0: the authentication continues with [`begun`](Self::begun).
   * - A whole number and a half: the whole number is a ticket. The signature is checked on the thread pool, and
   *   [`checks`](Self::checks) returns the result under that ticket.
   * - NaN: the request's address decides which cookies count. Call the function made for its `site`; 0 is an address
   *   that was not read.
   *
   * A function of its own and no method: every request calls it, and a method looks its object up first.
   */
  look(site?: number | undefined | null): Or<Look>;
  /** Background work that authentications left; no request waits for it. */
  background(): Array<NativeFlow>;
  /**
   * The user whom the look with this number verified by a signature; `None` if the identity was cached. Saves another
   * look-up.
   */
  found(number: number): NativeUser | null;
  /** The search of the look just made, to continue with; `None` if that look is finished. */
  begun(): Or<NativeSearch> | null;
  /** Authenticates these credentials step by step. `counted` if a look already counted the request. */
  authenticate(token: Text | undefined | null, authorization: Text | undefined | null, cookie: Text | undefined | null, counted: boolean, site: number): Or<NativeSearch>;
  /** The cached identity of this token, if it is this user. */
  identity(text: string, userId: string): NativeIdentity | null;
  /** Starts the enqueued checks. Each batch is a promise. */
  checks(): Promise<NativeBatch>[];
  /** Values that follow from the options. */
  facts(): NativeFacts;
  /** By at least how many seconds the clock of this machine is ahead of the Cloud's, if a warning is due. */
  takeClockAhead(): number | null;
  /** The URL of a user's page at the Cloud. */
  profileUrl(userId: string): string;
  /** Asks the Cloud who a token belongs to. */
  opVerifyToken(text: string, share: number): Or<NativeFlow>;
  /** Asks the Cloud for a token's session. */
  opValidateSession(text: string, share: number): Or<NativeFlow>;
  /** Ends a session at the Cloud. */
  opDestroySession(id: string, text: string, share: number): Or<NativeFlow>;
  /** Asks the Cloud for an account; `None` if the dialect has no such endpoint. */
  opUser(id: string, text: string, share: number): Or<NativeFlow | null>;
  /** Asks the Cloud for a user's permissions; `None` if the dialect has no such endpoint. */
  opUserPermissions(id: string, text: string, share: number): Or<NativeFlow | null>;
  /** Exchanges an authorization code. */
  opExchangeCode(code: string, verifier: string | undefined | null, redirectUri: string | undefined | null, share: number): Or<NativeFlow>;
  /** The login page's URL. */
  loginPage(redirectUri: string, state: string, challenge?: string | undefined | null): Or<NativeLoginUrl>;
  /** The logout page's URL. Omits a token that is malformed. */
  logoutPage(redirectUri: string, text?: string | undefined | null): Or<string>;
  /** A user's permissions if known, else the flow that asks for them. */
  permissions(of: NativeIdentity, share: number): Array<string> | NativeFlow;
  /** All roles that are defined. */
  roles(): Array<string>;
  /** The permissions of these roles, by the role mapping or by the default roles. */
  grantsOfRoles(roles: ReadonlyArray<string>): Array<string>;
  /** Revokes a session, here and for other instances. */
  endSession(sessionId: string): Or<boolean>;
  /** Revokes every session of a user that began before now, here and for other instances. */
  endUser(userId: string): Or<boolean>;
  /** The namespace of this deployment's revocations. From the first call on they are queued for publication. */
  publishRevocations(): string;
  /** Takes up to `most` messages to publish: revocations, and once there are none, used callbacks. */
  takeRevocations(most: number): Array<NativeRevocation>;
  /** How many revocations wait to be taken. Cheap. */
  waiting(): number;
  /** Begins to join a channel. */
  joining(): NativeJoining;
  /** Ends a session. This instance denies it from now on. */
  signOut(text: string, share: number): Or<NativeFlow>;
  /** The session behind a token. */
  session(text: string, share: number): Or<NativeFlow>;
  /** The session behind a token, with a newer token if the Cloud issues one. */
  renew(text: string, share: number): Or<NativeFlow>;
  /** The session token in the `Cookie` header of a request to this address, unverified: the first candidate. */
  sessionToken(cookieHeader: string, site: number): string | null;
  /** The cookie that stores a session in a browser until `expires_at`, at this address or the one last noted. */
  sessionCookie(text: string, expiresAt: number, site: number): Or<string>;
  /** The `Set-Cookie` header that clears the session cookie. */
  clearSessionCookie(): string;
  /** The URL to which to send the browser to sign in. */
  loginUrl(redirectUri: string, state: string): Or<NativeLoginUrl>;
  /** The cookie that binds this sign-in to the browser. */
  loginCookie(redirectUri: string, state: string): Or<string>;
  /** Counts a failed sign-in for an unusable callback: it fails only if the browser is not signed in already. */
  loginFailed(): void;
  /** The single-flight key of a sign-in in one browser; `None` if the cookies do not bind this browser to it. */
  callbackKey(state: string, cookieHeader: string): string | null;
  /** Finishes a sign-in. */
  callback(code: string, state: string, cookieHeader: string, share: number): Or<NativeFlow>;
  /** The sign-outs of the sessions that a browser had before a sign-in. */
  replaced(cookieHeader: string, by: NativeIdentity, share: number): Array<NativeFlow>;
  /** Counters since the start, and current gauges. */
  statistics(): NativeStatistics;
  /** Counts a call to the Cloud: its duration in milliseconds, and its status or the reason why there was none. */
  called(operation: string, status: number | undefined | null, failed: NativeTransportError | undefined, milliseconds: number): void;
}

/** The result of a batch. */
export interface NativeBatch {
  /** One entry for each waiting authentication that is settled. */
  settled: Array<NativeSettled>;
  /** Whether checks were enqueued again. */
  isMore: boolean;
  /** Whether there is background work. */
  isDue: boolean;
}

/** Calls to one endpoint with one result. */
export interface NativeCallCount {
  /** The endpoint. */
  operation: string;
  /** The result. */
  status: string;
  /** How many. */
  count: number;
}

/** Calls to one endpoint within a time limit. */
export interface NativeCallTime {
  /** The endpoint. */
  operation: string;
  /** The upper bound in seconds, as Prometheus writes it. */
  le: string;
  /** How many took that long or less. */
  count: number;
}

/** Cache entries of one kind. */
export interface NativeEntryCount {
  /** The kind. */
  kind: 'identities' | 'refusals';
  /** How many. */
  count: number;
}

/** Values that follow from the options. */
export interface NativeFacts {
  /** Whether the Cloud is on this machine. */
  isLocal: boolean;
  /** How many identities are cached. */
  maxEntries: number;
  /** The longest time in milliseconds that a cached identity is of use. */
  longest: number;
}

/** An error of the core. */
export interface NativeFailure {
  /** One short sentence without values. Only failures have this member. */
  failure: string;
  /** The stable code. */
  code: string;
  /** The kind of error: who can mend it. */
  kind: 'caller' | 'configuration' | 'credential' | 'cloud' | 'network';
  /** The HTTP status that describes the error. */
  status: number;
  /** The contract path of the call. */
  endpoint?: string;
  /** Whether the Cloud refused the credential. */
  refused: boolean;
  /** Whether it says only that a callback is unusable. */
  unusableCallback: boolean;
}

/** A task in progress. */
export interface NativeFlow {
  /** The single-flight key; `None` if the flow is never shared. */
  key(): string | null;
  /** Starts the flow. */
  start(): NativeStep;
  /** Reports that the wait is over. */
  woken(): NativeStep;
  /** Reports an answer. */
  answered(status: number, body: Uint8Array): NativeStep;
  /** Reports that no answer came: `connect`, `closed`, `stale`, `timeout`, `too_large`, or anything else. */
  failed(why: NativeTransportError): NativeStep;
}

/** The result of applying received texts. */
export interface NativeHeard {
  /** How many said something new. */
  new: number;
  /** How many were not applied. */
  unreadable: number;
  /** How many milliseconds before its arrival the last new revocation was made; `None` if none was new. */
  lag?: number;
}

/** An identity that the Cloud vouched for; permission look-ups take it. */
export interface NativeIdentity {
  /** The serial number that a warm look returns for this identity; 0 if it is not cached. */
  serial(): number;
  /** The user as a plain object. */
  user(): NativeUser;
}

/** A join in progress. */
export interface NativeJoining {
  /** The largest number of stored entries that is of use. */
  most(): number;
  /**
   * Applies a part of the stored entries or, once joined, published messages. An empty list notes that the channel is
   * alive.
   */
  hear(texts: ReadonlyArray<string>): NativeHeard;
  /** The revocations that the channel lacks. Call it after the last stored entry. */
  joined(): Array<NativeRevocation>;
}

/** The URL to which to send a browser to sign in. */
export interface NativeLoginUrl {
  /** The URL. */
  url: string;
  /** Bytes that the whole return path needs in the URL, if it was cut. */
  cutFrom?: number;
  /** Bytes that the return path may take. */
  limit: number;
}

/** Options of a deployment. A missing option has its documented default. Times are in seconds. */
export interface NativeOptions {
  /** The project that users sign in to. */
  projectId?: string | undefined;
  /** The Cloud's address. */
  baseUrl?: string | undefined;
  /** The API's prefix. */
  apiPrefix?: string | undefined;
  /** The login page's path. */
  authPath?: string | undefined;
  /** `v1` or `pkce`. */
  dialect?: string | undefined;
  /** The session cookie's name without prefix. */
  cookieName?: string | undefined;
  /** The session cookie's Domain. */
  cookieDomain?: string | undefined;
  /** `Lax`, `Strict` or `None`. */
  sameSite?: string | undefined;
  /** Whether the name gets the prefix `__Host-`; if not, the name is the one of the plugin 1.x. */
  cookiePrefix?: boolean | undefined;
  /** Whether cookies are Secure; if not set, each address decides. */
  secure?: boolean | undefined;
  /** Longest lifetime of a session cookie. */
  sessionMaxAge?: number | undefined;
  /** Permissions by role, as JSON text. */
  roleMapping?: string | undefined;
  /** Longest wait for an answer of the Cloud. The exchange of a code waits 10 s where this is less. */
  callTimeout?: number | undefined;
  /** How long a verified identity is used without asking the Cloud again. */
  fresh?: number | undefined;
  /** How long past that it is used while the Cloud is unavailable. */
  staleIfError?: number | undefined;
  /** How long a refusal is cached. */
  refused?: number | undefined;
  /** How many identities are cached. */
  maxEntries?: number | undefined;
  /** How long before the end of the fresh time an identity in use is refreshed in the background. */
  refreshEarly?: number | undefined;
  /** How tokens are verified. */
  verification?: NativeVerification | undefined;
  /** Whether this is a production deployment. */
  production: boolean;
  /** Whether this is a developer's machine, which serves pages over plain http. */
  development: boolean;
}

/** The result of a flow: the members of its kind, or a failure. */
export interface NativeOutcome {
  /** Of an authentication. */
  answer?: NativeAnswer;
  /** Of a call that returns a user; `None` if there is none. */
  identity?: NativeIdentity;
  /** Of a call that returns a session; `None` if there is none. */
  session?: NativeSession;
  /** Of a permission look-up. */
  grants?: Array<string>;
  /** Of a sign-in: the cookies to set, in this order. */
  cookies?: Array<string>;
  /** Of a sign-in: the return path. */
  returnPath?: string;
  /** Of a sign-in: whether this repeats a recent result that was already logged. */
  again?: boolean;
  /** Of a code exchange or a sign-in: the session's token. Of a session look-up: a newer token, if any. */
  token?: string;
  /** Of a code exchange: lifetime of the token in seconds. */
  expiresIn?: number;
  /** Of a sign-out: `ended` or `already_gone`. */
  signOut?: 'ended' | 'already_gone';
  /** Of a sign-out: the id of the session's user, if known. */
  userId?: string;
  /** Of a sign-out: the Cloud's id of the session, if known. */
  sessionId?: string;
  /** Of a fetch of the key set: the number of entries that are not keys. */
  oddEntries?: number;
  /** Of a sign-in that was refused here: the flow that ends its session at the Cloud. */
  refused?: NativeFlow;
  /** The error, if the flow failed. */
  failure?: NativeFailure;
}

/** Sign-ins or sign-outs with one outcome. */
export interface NativeOutcomeCount {
  /** The outcome. */
  outcome: string;
  /** How many. */
  count: number;
}

/** One call to the Cloud. */
export interface NativeRequest {
  /** The method. */
  method: 'GET' | 'POST';
  /** The endpoint by its name. */
  operation: string;
  /** The contract path: safe to log. */
  endpoint: string;
  /** The whole URL. */
  url: string;
  /** Pairs of name and value. */
  headers: [string, string][];
  /** The body, if any. */
  body?: Uint8Array<ArrayBuffer>;
  /** Time-out of the whole exchange, in milliseconds. */
  timeout: number;
  /** Largest response body, in bytes. */
  maxResponseBytes: number;
}

/** Requests with one outcome and one source. */
export interface NativeRequestCount {
  /** Which of the four answers. */
  outcome: 'authenticated' | 'anonymous' | 'rejected' | 'unavailable';
  /** The source of the answer. */
  source: NativeSource;
  /** How many. */
  count: number;
}

/** One revocation as it is sent. */
export interface NativeRevocation {
  /** The text to send. */
  text: string;
  /** When it expires, in milliseconds since the Unix epoch. */
  until: number;
  /** Whether the channel stores it for disconnected instances. */
  kept: boolean;
}

/** An authentication in progress. */
export interface NativeSearch {
  /**
   * Continues the search: without an answer at first, then with each flow's answer. Drive a flow once per key. A number
   * is the ticket of an enqueued check, which returns another search.
   */
  next(last?: NativeAnswer | undefined | null): NativeAnswer | NativeFlow | number;
  /** Background work, once there is an answer; no request waits for it. */
  background(): NativeFlow | null;
  /** The source of the answer, once there is one: `cache`, `keys`, `cloud` or `none`. */
  source(): NativeSource;
}

/** A session. */
export interface NativeSession {
  /** The Cloud's id of the session. */
  id: string;
  /** The id of the session's user. */
  userId: string;
  /** When it expires. */
  expiresAt: number;
  /** When it was created. */
  createdAt: number;
}

/** The result of one enqueued authentication: exactly one of the members beside `ticket` is set. */
export interface NativeSettled {
  /** The ticket that the look returned. */
  ticket: number;
  /** The user. */
  user?: NativeUser;
  /** The search, to continue with. */
  search?: NativeSearch;
  /** Why the addon failed. */
  internal?: string;
}

/** All counters and gauges. */
export interface NativeStatistics {
  /** Since the start. */
  requests: Array<NativeRequestCount>;
  /** Since the start. */
  logins: { outcome: 'succeeded' | 'failed'; count: number }[];
  /** Since the start. */
  signOuts: { outcome: 'ended' | 'already_gone' | 'not_confirmed'; count: number }[];
  /** Since the start. */
  cloudCalls: Array<NativeCallCount>;
  /** Since the start. */
  cloudCallTimes: Array<NativeCallTime>;
  /** Now. */
  cacheEntries: Array<NativeEntryCount>;
  /** `closed`, `open` or `half_open`. */
  breaker: 'closed' | 'open' | 'half_open';
  /** In seconds; `None` if signatures are not checked with fetched keys. */
  keysAge?: number;
}

/** The next step of a flow: exactly one member is set. */
export interface NativeStep {
  /** Send this request and report the result. */
  send?: NativeRequest;
  /** Resume after this many milliseconds. */
  wait?: number;
  /** The flow is done. */
  done?: NativeOutcome;
}

/** The claims of a verified token. */
export interface NativeTokenClaims {
  /** The subject. */
  sub: string;
  /** The Cloud's id of the session. */
  sid?: string;
  /** The e-mail address. */
  email?: string;
  /** The display name. */
  name?: string;
  /** The URL of the picture. */
  avatarUrl?: string;
  /** The roles. */
  roles: Array<string>;
  /** When it was issued. */
  iat?: number;
  /** From when it is valid. */
  nbf?: number;
  /** Until when it is valid. */
  exp: number;
}

/** The rules for a token. Times are in seconds. */
export interface NativeTokenRules {
  /** The allowed algorithms; default: those with a public key. */
  algorithms?: Array<string> | undefined;
  /** The required issuer. */
  issuer?: string | undefined;
  /** The required audience. */
  audience: string;
  /** The leeway for clocks that differ. */
  leeway?: number | undefined;
  /** The greatest age of a token, from its issue. */
  maxAge?: number | undefined;
  /** `session` or `access_token`. */
  kind?: string | undefined;
}

/** A user. */
export interface NativeUser {
  /** The serial number of the identity; 0 if it is not cached. */
  serial: number;
  /** The Cloud's id. */
  id: string;
  /** The e-mail address; empty for a machine. */
  email: string;
  /** The display name. */
  name?: string;
  /** The URL of the picture. */
  avatarUrl?: string;
  /** When the account was created. */
  createdAt?: number;
  /** Further data that the Cloud stores with the account, as JSON text. */
  metadata?: string;
  /** The roles from the Cloud. */
  roles: Array<string>;
  /** The token of the user's session. */
  sessionToken: string;
}

/** How tokens are verified. Times are in seconds. */
export interface NativeVerification {
  /** `cloud`, `keys` or `keys+session`. */
  mode?: string | undefined;
  /** The address of the key set. */
  jwksUrl?: string | undefined;
  /** The key set, as JSON text. */
  jwks?: string | undefined;
  /** The HS256 secret. */
  secret?: string | undefined;
  /** The allowed algorithms. */
  algorithms?: Array<string> | undefined;
  /** The issuer that a token must name. */
  issuer?: string | undefined;
  /** The audience that a token must name. */
  audience?: string | undefined;
  /** The leeway for clocks that differ. */
  leeway?: number | undefined;
  /** The greatest age of a token. */
  maxAge?: number | undefined;
  /** How often the Cloud is asked whether the session still lives. */
  sessionEvery?: number | undefined;
}

/** The addon's functions. */
export interface Native {
  /** Checks options and opens a deployment. `entropy` is 32 bytes from a secure random generator. */
  open(options: NativeOptions, entropy: Uint8Array): Or<NativeAuthority>;
  /** Whether a grant covers a required permission. */
  permissionCovers(grant: string, required: string): boolean;
  /** Whether any of the grants covers a required permission. */
  grantsAllow(grants: ReadonlyArray<string>, required: string): boolean;
  /** The permissions of these roles, by a mapping given as JSON text, or by the default roles. */
  mappedGrants(mapping: string | undefined | null, roles: ReadonlyArray<string>): Or<Array<string>>;
  /** The path to which a browser returns after sign-in if `input` was requested. */
  returnPath(input: string, origin?: string | undefined | null): string;
  /** The values of all cookies of one name, in order. */
  cookieValues(header: string, name: string): Or<Array<string>>;
  /** A `Set-Cookie` value of the session cookie: with a value it lasts `max_age` seconds, without one it clears the cookie. */
  cookieLine(options: NativeOptions, value: string | undefined | null, maxAge: number): Or<string>;
  /** Every error code of this package's own. */
  codes(): Array<string>;
  /** The `User-Agent` of every request. */
  userAgent(): string;
  /** The site of a request: 0 if its address is unknown or unreadable, else 1 to 6. */
  siteOf(publicHost?: string | undefined | null, forwardedHost?: string | undefined | null, host?: string | undefined | null, forwardedProto?: string | undefined | null, url?: string | undefined | null): number;
  /** The claims of a token, verified with a key set as JSON text, or else with a shared secret. */
  verifiedClaims(text: string, keys: string | undefined | null, secret: string | undefined | null, rules: NativeTokenRules, now: number): Or<NativeTokenClaims>;
}
// cargo xtask gen: end
