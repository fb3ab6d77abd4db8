/**
 * What the addon gives: the types of `crates/node`, written as they cross. No other file of the package imports the addon.
 */

import addon from './addon.cjs';
import { notLoaded } from './not-loaded.js';
import type { Failure } from './not-loaded.js';

/** An error of the core as data. */
export interface NativeFailure {
  readonly failure: string;
  readonly code: string;
  readonly kind: 'caller' | 'configuration' | 'credential' | 'cloud' | 'network';
  readonly status: number;
  readonly endpoint?: string;
  readonly refused: boolean;
  /** Whether it says only that a callback cannot be finished. */
  readonly unusableCallback: boolean;
}

export interface NativeUser {
  /** The number of the identity; 0 where it is not remembered. */
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
  /** The path of the contract: safe to log. */
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
  /** Of a fetch of the key set: how many of its entries are no keys at all. */
  readonly oddEntries?: number;
  /** Of a sign-in that was refused here: the end of its session at the Cloud, to be driven. */
  readonly refused?: NativeFlow;
  readonly failure?: NativeFailure;
}

export interface NativeLoginUrl {
  readonly url: string;
  /** How many bytes the return path would have taken in it, where it was too long and was cut. */
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
  /** A number is the ticket of a check: what comes of it has another search. */
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

/** A channel that is being joined, and then is. */
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

/** What came of a look that waited for a check: one of the members beside its ticket. */
export interface NativeSettled {
  readonly ticket: number;
  readonly user?: NativeUser;
  readonly search?: NativeSearch;
  /** Why the addon failed. */
  readonly internal?: string;
}

export interface NativeBatch {
  readonly settled: readonly NativeSettled[];
  /** Whether something was laid down again. */
  readonly isMore: boolean;
  /** Whether `background` has something to do. */
  readonly isDue: boolean;
}

/**
 * The number of the identity that credentials stand for, where that is known at once; below 0 it is that number, and `background`
 * has something to do. 0 where the look goes on with `begun`. A half more than a whole number where that is the ticket of a check. Not a
 * number where the address of the request has to be looked at first.
 */
export type Look = (cookie: Text, authorization?: Text, token?: Text) => number;

export interface NativeAuthority {
  facts(): { isLocal: boolean; maxEntries: number; longest: number };
  /** A look at requests to one site, 0 where it is not known; at any, whose address was not looked at, where none is given. */
  look(site?: number): Or<Look>;
  background(): NativeFlow[];
  statistics(): NativeStatistics;
  called(operation: string, status: number | undefined, failed: NativeTransportError | undefined, milliseconds: number): void;
  /** Whom the look that gave this number verified; `null` where that was known before. */
  found(serial: number): NativeUser | null;
  /** The look of this moment, to go on with. */
  begun(): Or<NativeSearch> | null;
  /** Begins the checks that were laid down. */
  checks(): Promise<NativeBatch>[];
  /** Whom this token was verified to be, where that is remembered and is this user. */
  identity(token: string, userId: string): NativeIdentity | null;
  /** `counted` where a look gave a number for the same request. */
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
  /** By how many seconds the clock is ahead of the Cloud's at least, where that is to be told now. */
  takeClockAhead(): number | null;
  /** Counts a failure of an unusable callback. */
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

interface Native {
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
  /** The number of the site that a request is for; 0 where it cannot be said. */
  siteOf(publicHost: Text, forwardedHost: Text, host: Text, forwardedProto: Text, url: Text): number;
}

function loaded(): Native {
  const made = addon as Native | { readonly failures: readonly Failure[] };
  if ('failures' in made) throw notLoaded(made.failures);
  return made;
}

export const native: Native = loaded();
