// The addon's exports, and the types that they name.

/** A value, or the error in its place. */
export type Or<T> = T | NativeFailure;
/** Text that the addon reads without copying it twice. */
export type Text = string;
/** A user as one text, which `user.ts` reads. */
export type NativeUser = string;
/** The source of an answer. */
export type NativeSource = 'cache' | 'keys' | 'cloud' | 'none';
/** Why no answer came. */
export type NativeTransportError = 'connect' | 'closed' | 'stale' | 'timeout' | 'too_large' | 'cancelled' | 'other';
/** Authenticates a request: the serial number of a cached identity, the user, or a pending authentication. */
export interface Authenticate {
  (cookie: Text | undefined, authorization?: Text, token?: Text): number | NativeUser | NativePending;
  (cookie: Text | undefined, authorization: Text | undefined, token: Text, isCounted: boolean): NativePending;
}
/** Reports the verdict on a check, by both numbers. */
export type HostChecked = (check: number, verdict: number) => NativeStep | NativeUser;

// cargo xtask gen: exports, from crates/node

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

/** What the query of a callback brings, as our own route reads it. */
export interface NativeCallbackQuery {
  /** The code; empty if there is none. */
  code: string;
  /** The state, under the sign-in's own id where the Cloud replaced that; empty if none can be read. */
  state: string;
  /** Where the browser goes next: a path, or an address of another loopback port. */
  returnPath: string;
  /** Why the Cloud ended the sign-in, if it did. */
  declined?: NativeFailure;
}

/** An event to emit as it is. */
export interface NativeChannelEvent {
  type: 'revocations_connected' | 'revocations_disconnected' | 'revocations_reconnect_failed' | 'revocations_published' | 'revocations_received' | 'revocations_unreadable' | 'revocations_truncated';
  stored?: number;
  new?: number;
  republished?: number;
  count?: number;
  lagSeconds?: number;
  error?: string;
}

/** What a channel is served with. Times are in milliseconds. */
export interface NativeChannelFacts {
  /** The namespace of this deployment's revocations. */
  realm: string;
  /** The largest number of stored entries that is of use. */
  most: number;
  /** Time-out of a publication, and of a join without progress. */
  timeout: number;
  /** Time to publish pending revocations before leaving. */
  flushTimeout: number;
}

/** What follows a failure. */
export interface NativeChannelRetry {
  /** How many milliseconds to wait before the next attempt. */
  wait: number;
  /** The event to emit, if any. */
  event?: NativeChannelEvent;
}

/** The status of a channel. */
export interface NativeChannelStatus {
  connected: boolean;
  since: number;
  lag?: number;
  pending: number;
  sent: number;
  received: number;
  unreadable: number;
  leftOut: number;
  lost: number;
}

/** The worker on a channel: it says what to publish, what follows from what arrives, and how long to wait. */
export interface NativeChannelWorker {
  /** What the channel is served with. */
  facts(): NativeChannelFacts;
  /** The messages to publish now; empty if nothing waits. */
  nextBatch(at: NativeClocks): Array<NativeRevocation>;
  /** The channel took the batch. */
  published(at: NativeClocks): Array<NativeChannelEvent>;
  /** The channel did not take the batch. `share` is a random number between 0 and 1. */
  publishFailed(why: string, share: number, at: NativeClocks): NativeChannelRetry;
  /** Begins to join. Returns the number of the turn. */
  join(): number;
  /** Applies a part of the stored entries or, once joined, published messages. None note that the channel is alive. */
  received(turn: number, texts: ReadonlyArray<string>, at: NativeClocks): Array<NativeChannelEvent>;
  /** Applies the last of the stored entries. */
  joined(turn: number, texts: ReadonlyArray<string>, leftOut: number, at: NativeClocks): Array<NativeChannelEvent>;
  /** The join failed, or messages may have been missed: the turn is over. */
  lost(turn: number, why: string, share: number, at: NativeClocks): NativeChannelRetry;
  /** Leaves the channel. */
  leave(at: NativeClocks): void;
  /** The status now. */
  status(): NativeChannelStatus;
}

/** What `Date.now()` and `performance.now()` say. */
export interface NativeClocks {
  /** Milliseconds since the Unix epoch. */
  wall: number;
  /** Milliseconds since a fixed start. */
  monotonic: number;
}

/** A running deployment. */
export interface NativeEngine {
  /**
   * A function that authenticates a request at this site; without one, at an address that was not looked up. Site 0 is an
   * address that could not be read. It takes the `Cookie` header and, if present, the `Authorization` header and a token
   * that the host has read. Most requests bring the first alone, and each argument costs.
   *
   * Returns the serial number of a cached identity, a user, or a pending authentication. Where that waits for a signature
   * check and nothing else, it returns its ticket as a negative number. With `is_counted` it is always a pending one; the
   * flag says whether the request was counted before.
   *
   * With `renewal` `here` a session near or past the end of its token is renewed, and the pending authentication ends with the
   * cookie to set: for a host that sets it. With `host` a session that the Cloud has replaced is refused, and one past the end of
   * its token if it could be renewed, for a host that asks for a renewal then.
   *
   * A function of its own and no method: every request calls it, and a method looks its object up first.
   */
  authenticator(site?: number | undefined | null, renewal?: 'here' | 'host'): Or<Authenticate>;
  /** Starts the enqueued checks. Each batch is a promise. */
  checks(): Promise<NativeStep>[];
  /** Values that follow from the options. */
  facts(): NativeFacts;
  /** The URL of a user's page at the Cloud. */
  profileUrl(userId: string): string;
  /**
   * Takes the enqueued checks. A verdict must be reported for each, unless all checks are abandoned.
   *
   * Each is four numbers of 32 bits, the low byte first, then the signature and the bytes that are signed. The numbers are that of
   * the check, which its verdict is reported with, that of its key, and the lengths of both. For ES256 the signature is both
   * numbers, as WebCrypto takes them. An object for each would cost more than the rest.
   */
  hostChecks(): Uint8Array<ArrayBuffer>;
  /** The key of a check that was taken and has no verdict yet. */
  hostKey(number: number): NativeHostKey | null;
  /** Gives every check up. Returns the tickets that waited for one. */
  abandonChecks(): Array<number>;
  /**
   * A function that reports the verdict on a check: 0 where its signature is wrong, 1 where it is good, 2 where its key cannot
   * be imported, and any other number where JavaScript could not check.
   *
   * Returns a user where that is all there is to do: the caller whose ticket is the check's number is authenticated by keys.
   */
  hostChecker(): Or<HostChecked>;
  /** Asks the Cloud who a token belongs to. */
  opVerifyToken(text: string, share: number): Or<NativePending>;
  /** Asks the Cloud for a token's session. */
  opValidateSession(text: string, share: number): Or<NativePending>;
  /** Ends a session at the Cloud. */
  opDestroySession(id: string, text: string, share: number): Or<NativePending>;
  /** Asks the Cloud for an account; `None` if the dialect has no such endpoint, or the token was signed out. */
  opUser(id: string, text: string, share: number): Or<NativePending | null>;
  /** Asks the Cloud for a user's permissions; `None` if the dialect has no such endpoint. */
  opUserPermissions(id: string, text: string, share: number): Or<NativePending | null>;
  /** Exchanges an authorization code. */
  opExchangeCode(code: string, verifier: string | undefined | null, redirectUri: string | undefined | null, share: number): Or<NativePending>;
  /** The login page's URL. */
  loginPage(redirectUri: string, state: string, challenge?: string | undefined | null): Or<NativeLoginUrl>;
  /** The logout page's URL. Omits a token that is malformed. */
  logoutPage(redirectUri: string, text?: string | undefined | null): Or<string>;
  /** The permissions of a user with this session token and these roles. */
  permissions(userId: string, text: string, roles: ReadonlyArray<string>, share: number): Or<NativePending>;
  /** The permissions of such a user that are known without a call; `None` if none are, or the session is over. */
  knownPermissions(userId: string, text: string, roles: ReadonlyArray<string>): Array<string> | null;
  /** A user's identities that still count here, the one that was verified last first. No call is made. */
  usersWithId(userId: string): NativeUser[];
  /** All roles that are defined. */
  roles(): Array<string>;
  /** The permissions of these roles, by the role mapping or by the default roles. */
  grantsOfRoles(roles: ReadonlyArray<string>): Array<string>;
  /** Revokes a session, here and for other instances. */
  endSession(sessionId: string): Or<boolean>;
  /** Revokes every session of a user that began before now, here and for other instances. */
  endUser(userId: string): Or<boolean>;
  /**
   * Shares newer sealed sessions with other instances from now on: flows have commands for Redis. Returns the time-out of
   * these, in milliseconds.
   */
  shareSessions(): number;
  /** Starts the worker on a channel: from now on revocations are queued for it. */
  channelWorker(at: NativeClocks): NativeChannelWorker;
  /**
   * Authenticates by a user's session token, which no header brings: as a bearer where it was verified as one, else as a
   * session.
   */
  authenticateSession(text: string, share: number): Or<NativePending>;
  /** Ends a session. This instance denies it from now on. */
  signOut(text: string, share: number): Or<NativePending>;
  /** The session behind a token. */
  session(text: string, share: number): Or<NativePending>;
  /** The session behind a token, with a newer token if the Cloud issues one. */
  renew(text: string, share: number): Or<NativePending>;
  /** The session token in the `Cookie` header of a request to this address, unverified: the first candidate. */
  sessionToken(cookieHeader: string, site: number): string | null;
  /** The cookie that stores a session in a browser until `expires_at`, at this address or the one last noted. */
  sessionCookie(text: string, expiresAt: number, site: number): Or<string>;
  /** The `Set-Cookie` header that clears the session cookie. */
  clearSessionCookie(): string;
  /**
   * The URL to which to send the browser to sign in. `is_route`: our own route reads the whole state when the browser comes
   * back, where a host passes on its id alone.
   */
  loginUrl(redirectUri: string, state: string, isRoute: boolean): Or<NativeLoginUrl>;
  /** The cookie that binds this sign-in to the browser. */
  loginCookie(redirectUri: string, state: string): Or<string>;
  /** Counts a failed sign-in for an unusable callback: it fails only if the browser is not signed in already. */
  loginFailed(): void;
  /**
   * The single-flight key of a sign-in in one browser; `None` if the cookies do not bind this browser to it. `is_route`:
   * sign-ins come back to our own route, so none is without its id.
   */
  callbackKey(code: string, state: string, cookieHeader: string, isRoute: boolean): string | null;
  /** Finishes a sign-in. `is_route` as for its key. */
  callback(code: string, state: string, cookieHeader: string, share: number, isRoute: boolean): Or<NativePending>;
  /** Counters since the start, and current gauges. */
  statistics(): NativeStatistics;
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
  /** Whether the Cloud is a local one. */
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

/** A flow in progress. Drive it to its end, or abandon it: others may wait for it. */
export interface NativeFlow {
  /** Reports that the wait is over. */
  woken(): NativeStep;
  /** Reports an answer, after how many milliseconds it came, and the values of its `Set-Cookie` headers. */
  answered(status: number, body: Uint8Array, milliseconds: number, cookies?: ReadonlyArray<string> | undefined | null): NativeStep;
  /**
   * Reports that no answer came: `connect`, `closed`, `stale`, `timeout`, `too_large`, `cancelled`, or anything else. Where only
   * the body is missing, with the status and the values of the `Set-Cookie` headers.
   */
  failed(why: NativeTransportError, milliseconds: number, status?: number | undefined | null, cookies?: ReadonlyArray<string> | undefined | null): NativeStep;
  /** Reports Redis's reply to each command, `null` for nil; or that it did not answer in time. */
  replied(replies?: ReadonlyArray<string | undefined | null> | undefined | null): NativeStep;
  /** The tickets that wait for it. */
  tickets(): Array<number>;
  /** Gives the flow up. Returns the tickets that waited for it. */
  abandon(): Array<number>;
}

/** A public key to import. */
export interface NativeHostKey {
  /** The algorithm: RSASSA-PKCS1-v1_5 with SHA-256, ECDSA on P-256 with SHA-256, or Ed25519. */
  algorithm: 'RS256' | 'ES256' | 'EdDSA';
  /** The key as a JSON Web Key, without `alg` and `kid`. */
  jwk: string;
}

/** A signature that JavaScript is to check. */
export interface NativeHostSignature {
  /** The key. */
  key: NativeHostKey;
  /** The bytes that are signed. */
  input: Uint8Array<ArrayBuffer>;
  /** The signature; for ES256 both numbers, as WebCrypto takes them. */
  signature: Uint8Array<ArrayBuffer>;
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
  /** Whether a local Cloud is allowed wherever tests may have it; the real one is not. */
  localCloudForTests?: boolean | undefined;
  /** The API's prefix. */
  apiPrefix?: string | undefined;
  /** The login page's path. */
  authPath?: string | undefined;
  /** `v1`, `pkce` or `platform`. */
  dialect?: string | undefined;
  /** The organization whose members alone may come in. */
  organization?: string | undefined;
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

/** The result of a job: the members of its kind, or a failure. */
export interface NativeOutcome {
  /** Of an authentication. */
  verdict?: NativeVerdict;
  /** Of an authentication or another call that returns a user; `None` if there is none. */
  user?: NativeUser;
  /** Of a call that returns a session; `None` if there is none. */
  session?: NativeSession;
  /** Of a permission look-up. */
  grants?: Array<string>;
  /** Of a sign-in: the cookies to set, in this order. Of an authentication that renewed the session: the cookie to set. */
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
  /** Of a sign-out, or of an authentication that renewed the session: the Cloud's id of the session, if known. */
  sessionId?: string;
  /** Of a fetch of the key set: the number of entries that are not keys. */
  oddEntries?: number;
  /** Of a sign-in: the sign-outs of the sessions that it replaced, or of its own session if it was refused here. */
  signOuts?: Array<NativePending>;
  /** The error, if the job failed. */
  failure?: NativeFailure;
}

/** Sign-ins or sign-outs with one outcome. */
export interface NativeOutcomeCount {
  /** The outcome. */
  outcome: string;
  /** How many. */
  count: number;
}

/** A job that was begun: `needs_site`, `outcome` or `ticket` is set. */
export interface NativePending {
  /** The request's address decides over cookies: authenticate it with its site. `always` if that goes for all requests. */
  needsSite?: 'always' | 'now';
  /** The result, if there is one at once. */
  outcome?: NativeOutcome;
  /** The ticket of the result. */
  ticket?: number;
  /** What is to be done now. */
  step?: NativeStep;
}

/** A page of the set. */
export interface NativeRedisPage {
  /** The texts. One that cannot be an entry is empty. */
  texts: Array<string>;
  /** Of the last page alone: the number of entries beyond the limit. */
  leftOut?: number;
}

/** The set of one deployment, as one instance uses it. */
export interface NativeRedisSet {
  /** The name of the set and of the channel. */
  name(): string;
  /** Commands that store and publish messages, to run in one transaction. */
  publish(messages: ReadonlyArray<NativeRevocation>): Array<Array<string>>;
  /** Adds the mark of this instance. Before the snapshot. */
  addMark(): Array<string>;
  /** Reads the mark, whose score is `null` where entries were lost, and renews it. */
  checkMark(): Array<Array<string>>;
  /** Begins to read the entries that have not expired, up to `most`. */
  snapshot(most: number): NativeRedisSnapshot;
}

/** The progress of reading the set in pages. */
export interface NativeRedisSnapshot {
  /** Commands for the next page and for the number of entries. */
  commands(): Array<Array<string>>;
  /** A command whose reply is always short: whether Redis answers after a page was late. */
  count(): Array<string>;
  /** The page was late although Redis answers. */
  late(): void;
  /** Accepts a page, members and scores in turn, of a set of `all` entries. */
  page(found: ReadonlyArray<string>, all: number): NativeRedisPage;
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

/** One revocation, or one used callback, as it is sent. */
export interface NativeRevocation {
  /** The text to send. */
  text: string;
  /** When it expires, in milliseconds since the Unix epoch. */
  until: number;
  /** Whether the channel stores it for disconnected instances. */
  kept: boolean;
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

/** A result that arrived. */
export interface NativeSettled {
  /** The tickets that it is for. */
  tickets: Array<number>;
  /** The result, or why the addon failed. */
  result: NativeOutcome | string;
}

/** A flow to drive. */
export interface NativeStarted {
  /** The flow. */
  flow: NativeFlow;
  /** What it needs first, as in `Step`. */
  next: NativeRequest | number | Array<Array<string>>;
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

/** What is to be done after a call into the core. */
export interface NativeStep {
  /**
   * What the flow needs next: a request whose result it waits for, a time in milliseconds, or commands for Redis. `None` if it
   * is done.
   */
  next?: NativeRequest | number | Array<Array<string>>;
  /** The results that arrived. */
  settled: Array<NativeSettled>;
  /** Flows to drive from now on. */
  started: Array<NativeStarted>;
  /** Whether signature checks were enqueued. */
  hasChecks: boolean;
  /** Whether revocations wait to be published. */
  hasRevocations: boolean;
  /** By at least how many seconds the clock of this machine is ahead of the Cloud's, if a warning is due. */
  clockAhead?: number;
  /** The result of a fetch of the key set. */
  keySet?: NativeOutcome;
  /** How often Redis did not answer about a sealed session, if a warning is due. */
  sessionsNotShared?: number;
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

/** Which of the four answers a request gets. */
export interface NativeVerdict {
  /** The answer. */
  kind: 'authenticated' | 'anonymous' | 'rejected' | 'unavailable';
  /** Its source. */
  source: NativeSource;
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
  /**
   * Checks options and opens a deployment. `entropy` is 32 bytes from a secure random generator. With `asks_host` JavaScript
   * checks the signatures, as it always does in WebAssembly.
   */
  open(options: NativeOptions, entropy: Uint8Array, asksHost?: boolean | undefined | null): Or<NativeEngine>;
  /** The set of a namespace. `instance` is this instance's alone: 16 hexadecimal digits. */
  redisSet(realm: string, instance: string): NativeRedisSet;
  /**
   * The time-out of a command, the times between two pings and between two checks of the mark, in milliseconds, and the
   * length of the longest text.
   */
  redisLimits(): [timeout: number, pingEvery: number, checkEvery: number, longest: number];
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
  /** Reads the query of a callback, without its `?`, at the address of a request: see `site_of`. */
  readCallback(query: string, publicHost?: string | undefined | null, forwardedHost?: string | undefined | null, host?: string | undefined | null, forwardedProto?: string | undefined | null, url?: string | undefined | null): NativeCallbackQuery;
  /** The site of a request: 0 if its address is unknown or unreadable, else 1 to 6. */
  siteOf(publicHost?: string | undefined | null, forwardedHost?: string | undefined | null, host?: string | undefined | null, forwardedProto?: string | undefined | null, url?: string | undefined | null): number;
  /** The claims of a token, verified with a key set as JSON text, or else with a shared secret. */
  verifiedClaims(text: string, keys: string | undefined | null, secret: string | undefined | null, rules: NativeTokenRules, now: number): Or<NativeTokenClaims>;
  /** As `verifiedClaims`, with a signature that JavaScript checks: what it is to check, and with its verdict the claims. */
  claimsByHost(text: string, keys: string | undefined | null, secret: string | undefined | null, rules: NativeTokenRules, now: number, verdict?: number | undefined | null): NativeTokenClaims | NativeFailure | NativeHostSignature;
}
// cargo xtask gen: end
