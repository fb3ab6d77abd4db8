/** Options of a deployment: given ones, else environment variables, in the core's form. Checks types; the addon checks the values. */

import type { MastraAuthProviderOptions } from '@mastra/core/server';

import type { MastraCloudClientOptions } from './client-options.js';
import { configurationError } from './error.js';
import type { NativeOptions, NativeVerification } from './native.js';
import type { RevocationChannel } from './revocation/channel.js';
import { builtin, variable } from './runtime.js';
import type { Fetch } from './transport.js';
import type { CloudUser } from './user.js';

/** Permissions by role. `_default` applies to roles that are not listed. */
export type RoleMapping = Readonly<Record<string, readonly string[]>>;

/** How long results are cached. Times in seconds. */
export interface CacheOptions {
  /** How long a verified identity is used without asking again. Default 30. */
  readonly fresh?: number;
  /**
   * How long before the end of that time an identity in use is refreshed in the background: at most a tenth of it. Default
   * 3; 0 is never.
   */
  readonly refreshEarly?: number;
  /** How long past that it is used while the Cloud is unavailable; never past its expiry or a sign-out. Default 60. */
  readonly staleIfError?: number;
  /** How long a refused token is refused without asking again. Default 5. */
  readonly refused?: number;
  /** How many identities are cached, and as many refusals. Default 10,000. */
  readonly maxEntries?: number;
}

/** How tokens are verified. Times in seconds. */
export interface VerificationOptions {
  /** `cloud`: ask the Cloud. `keys`: check signatures, without a call. `keys+session`: both. */
  readonly by: 'cloud' | 'keys' | 'keys+session';
  /** The address of the key set. Default `MASTRA_JWKS_URL`, else the Cloud's own: `/.well-known/jwks.json` below its address. */
  readonly jwksUrl?: string;
  /** The key set itself, instead of an address: an object, or its JSON text. */
  readonly jwks?: string | { readonly keys: readonly object[] };
  /** A file with the key set, instead of an address; read once. Default `MASTRA_JWKS_FILE`. */
  readonly jwksFile?: string;
  /** The HS256 secret, at least 32 bytes, instead of a key set. Default `MASTRA_TOKEN_SECRET`. */
  readonly secret?: string;
  /** The allowed algorithms. Default RS256, ES256 and EdDSA; with a secret, HS256. `Ed25519` is another name of `EdDSA`. */
  readonly algorithms?: readonly ('RS256' | 'ES256' | 'EdDSA' | 'Ed25519' | 'HS256')[];
  /** The issuer that a token must name exactly. Default `MASTRA_TOKEN_ISSUER`, else the Cloud's address. */
  readonly issuer?: string;
  /** The audience that a token must name exactly. Default `MASTRA_TOKEN_AUDIENCE`, else the project id. */
  readonly audience?: string;
  /** The leeway for clocks that differ. Default 30, at most 300. */
  readonly leeway?: number;
  /** The greatest age of a token, from its issue time. Default: none but its expiry. */
  readonly maxAge?: number;
  /** With `keys+session`: how often the Cloud is asked whether a session still lives. Default 30. */
  readonly sessionEvery?: number;
}

/** Options of `MastraCloudAuth`. */
export interface MastraCloudAuthOptions extends MastraCloudClientOptions, MastraAuthProviderOptions<CloudUser> {
  /**
   * The session cookie's name. Default `MASTRA_COOKIE_NAME`, else `mastra_session`, in dialect `platform` `wos-session`, with a suffix
   * of the deployment's own if the server's address names a port. A name that is set gets no suffix. The prefix `__Host-` is added where it is
   * allowed.
   */
  readonly cookieName?: string;
  /** The session cookie's Domain. Default `MASTRA_COOKIE_DOMAIN`, else none: the cookie belongs to one host. */
  readonly cookieDomain?: string;
  /**
   * The session cookie's SameSite. Default `Lax`. With `Strict`, browsers do not send the cookie with the first page load
   * after a sign-in. That page's script requests have it; what the server renders for the page does not.
   */
  readonly sameSite?: 'Lax' | 'Strict' | 'None' | 'lax' | 'strict' | 'none';
  /** Whether cookies are Secure. Default `MASTRA_COOKIE_SECURE`, else by the address that a sign-in comes back to. */
  readonly secure?: boolean;
  /**
   * Longest life of a session cookie in seconds. Also how long a revocation by `endSession` or `endUser` is kept for
   * sessions that are not cached. Default 86,400; in dialect `platform` `MASTRA_SESSION_MAX_AGE`, else 1,209,600.
   *
   * Must be at least the token lifetime; otherwise a revoked token not seen within it is accepted again.
   */
  readonly sessionMaxAge?: number;
  /**
   * The organization whose members alone may come in: others are refused with `organization_forbidden`. They act for it, and
   * roles in another one do not count. Default: all users. In dialect `platform` only, where `MASTRA_ORGANIZATION_ID` is the default.
   */
  readonly organization?: string;
  /** Permissions by role, used instead of asking the Cloud. */
  readonly roleMapping?: RoleMapping;
  /** How tokens are verified. Default `MASTRA_VERIFICATION`, else `cloud`. */
  readonly verification?: VerificationOptions | VerificationOptions['by'];
  /** How long results are cached. */
  readonly cache?: CacheOptions;
  /**
   * The channel over which instances exchange revocations: Redis, with the package `redis` installed, or a channel of your
   * own. Default none: an instance then learns of an end elsewhere when `cache.fresh` is over.
   */
  readonly revocations?: { readonly redis: string } | RevocationChannel;
  /**
   * Emits an event `request_authenticated` or `request_anonymous` for each request too. Default false: every request then takes the slow
   * path, at several times the cost. To count requests use `statistics()`, which costs nothing.
   */
  readonly traceRequests?: boolean;
}

/**
 * Under this name a provider shows `npx @mastra/auth-cloud doctor`, which may be another copy of the package, how it was set up.
 * Not a public member.
 */
export const SETTINGS: unique symbol = Symbol.for('@mastra/auth-cloud/settings');

/** How a deployment was set up, as far as the doctor looks. Holds no secret. Times in seconds. */
export interface Settings {
  readonly fetch: Fetch | undefined;
  readonly isLocalCloudForTests: boolean;
  readonly callTimeout: number | undefined;
  readonly leeway: number | undefined;
  /** Whether tokens are verified by a key set that is fetched, and from where if that is not the Cloud's own. */
  readonly fetchesKeys: boolean;
  readonly jwksUrl: string | undefined;
}

export function settingsOf({ localCloudForTests, callTimeout, verification }: NativeOptions, fetch: Fetch | undefined): Settings {
  const { mode, jwksUrl, jwks, secret, leeway } = verification ?? {};
  const fetchesKeys = mode !== undefined && mode !== 'cloud' && jwks === undefined && secret === undefined;
  return { fetch, isLocalCloudForTests: localCloudForTests === true, callTimeout, leeway, fetchesKeys, jwksUrl };
}

/** Turns the prefix `__Host-` off. Not a public option: sibling subdomains can set a cookie without it. */
export const BARE_NAME: unique symbol = Symbol('bare cookie name');

/** The address that sign-ins come back to, in place of the host's. Not a public option. */
export const CALLBACK_URL: unique symbol = Symbol('callback address');

/** Every member is named, even where it is not set: one that is forgotten does not compile. */
type Complete<T> = { [K in keyof Required<T>]: T[K] };

/** The options in the core's form. */
export function nativeOptions(options: MastraCloudAuthOptions & { readonly [BARE_NAME]?: boolean }): Complete<NativeOptions> {
  const { cache } = options;
  // `mastra dev` runs the server with NODE_ENV=production; only this variable identifies it.
  const isMastraDev = variable('MASTRA_DEV') === 'true';
  const dialect = text(options, 'dialect', 'MASTRA_CLOUD_DIALECT');
  const isPlatform = dialect === 'platform';
  return {
    projectId: text(options, 'projectId', 'MASTRA_PROJECT_ID'),
    baseUrl: text(options, 'baseUrl', 'MASTRA_CLOUD_URL') ?? (isPlatform ? variable('MASTRA_SHARED_API_URL') : undefined),
    localCloudForTests: onOff(options, 'localCloudForTests', 'MASTRA_LOCAL_CLOUD_FOR_TESTS'),
    apiPrefix: text(options, 'apiPrefix', 'MASTRA_CLOUD_API_PREFIX'),
    authPath: text(options, 'authPath', 'MASTRA_CLOUD_AUTH_PATH'),
    dialect,
    organization: text(options, 'organization', isPlatform ? 'MASTRA_ORGANIZATION_ID' : undefined),
    cookieName: text(options, 'cookieName', 'MASTRA_COOKIE_NAME'),
    cookieDomain: text(options, 'cookieDomain', 'MASTRA_COOKIE_DOMAIN'),
    cookiePrefix: options[BARE_NAME] === true ? false : undefined,
    sameSite: text(options, 'sameSite'),
    secure: onOff(options, 'secure', 'MASTRA_COOKIE_SECURE'),
    sessionMaxAge: number('sessionMaxAge', options.sessionMaxAge) ?? (isPlatform ? seconds('MASTRA_SESSION_MAX_AGE') : undefined),
    roleMapping: mapping(options.roleMapping),
    callTimeout: seconds('MASTRA_CALL_TIMEOUT'),
    fresh: number('cache.fresh', cache?.fresh),
    staleIfError: number('cache.staleIfError', cache?.staleIfError),
    refused: number('cache.refused', cache?.refused),
    maxEntries: entries(cache?.maxEntries),
    refreshEarly: number('cache.refreshEarly', cache?.refreshEarly),
    verification: verification(options.verification),
    production: variable('NODE_ENV') === 'production' && !isMastraDev,
    development: variable('NODE_ENV') === 'development' || isMastraDev,
  };
}

const VERIFICATION: Readonly<Record<keyof VerificationOptions, true>> = {
  by: true,
  jwksUrl: true,
  jwks: true,
  jwksFile: true,
  secret: true,
  algorithms: true,
  issuer: true,
  audience: true,
  leeway: true,
  maxAge: true,
  sessionEvery: true,
};

/** Options in the form that the core checks: strings, lists of strings and numbers. An unknown member may be a misspelt rule. */
function verification(given: MastraCloudAuthOptions['verification']): Complete<NativeVerification> {
  const options: Partial<VerificationOptions> = typeof given === 'object' && given !== null ? given : {};
  const unknown = Object.keys(options).find(name => !Object.hasOwn(VERIFICATION, name));
  if (unknown !== undefined) throw configurationError(`verification has no member ${unknown.slice(0, 40)}`);
  const by: unknown = typeof given === 'string' ? given : (options.by ?? variable('MASTRA_VERIFICATION'));
  const { jwks } = options;
  const named = (name: 'jwksUrl' | 'jwksFile' | 'secret' | 'issuer' | 'audience', from: string) => {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'string') throw configurationError(`verification.${name} must be a string`);
    // Variables about keys count only if keys are used.
    return value ?? (by === undefined || by === 'cloud' ? undefined : variable(from));
  };
  // If the options give keys, variables about keys do not count.
  const isGiven = [options.jwksUrl, options.jwksFile, jwks, options.secret].some(value => value !== undefined);
  const source = (name: 'jwksUrl' | 'jwksFile' | 'secret', from: string) => named(name, isGiven ? '' : from);
  const file = source('jwksFile', 'MASTRA_JWKS_FILE');
  if (file !== undefined && jwks !== undefined) throw configurationError('verification: give one of jwksFile and jwks');
  return {
    mode: by === undefined ? undefined : String(by),
    jwksUrl: source('jwksUrl', 'MASTRA_JWKS_URL'),
    jwks: file === undefined ? keySet(jwks) : contents(file),
    secret: source('secret', 'MASTRA_TOKEN_SECRET'),
    algorithms: options.algorithms && [...options.algorithms],
    issuer: named('issuer', 'MASTRA_TOKEN_ISSUER'),
    audience: named('audience', 'MASTRA_TOKEN_AUDIENCE'),
    leeway: number('verification.leeway', options.leeway),
    maxAge: number('verification.maxAge', options.maxAge),
    sessionEvery: number('verification.sessionEvery', options.sessionEvery),
  };
}

function keySet(jwks: VerificationOptions['jwks']): string | undefined {
  return jwks === undefined || typeof jwks === 'string' ? jwks : JSON.stringify(jwks);
}

function contents(file: string): string {
  const files = builtin('node:fs');
  if (files === undefined) throw configurationError('verification.jwksFile: this runtime has no files; give jwks or jwksUrl');
  try {
    return files.readFileSync(file, 'utf8');
  } catch {
    throw configurationError('verification.jwksFile: the file cannot be read');
  }
}

/** A role mapping as JSON text. */
export function mapping(given: RoleMapping | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'object' || given === null) throw configurationError('roleMapping must be an object of lists of permissions');
  return JSON.stringify(given);
}

function text<K extends keyof MastraCloudAuthOptions>(
  options: MastraCloudAuthOptions,
  name: K,
  from?: string,
): string | undefined {
  const given: unknown = options[name];
  if (given !== undefined && typeof given !== 'string') throw configurationError(`${name} must be a string`);
  return given ?? (from === undefined ? undefined : variable(from));
}

function onOff<K extends keyof MastraCloudAuthOptions>(options: MastraCloudAuthOptions, name: K, from: string): boolean | undefined {
  const given: unknown = options[name];
  if (given !== undefined) {
    if (typeof given !== 'boolean') throw configurationError(`${name} must be true or false`);
    return given;
  }
  const said = variable(from);
  if (said === undefined) return undefined;
  if (said !== 'true' && said !== 'false') throw configurationError(`${from} must be true or false`);
  return said === 'true';
}

/** Whether an option is on; default off. */
export function flag(name: string, given: unknown): boolean {
  if (given !== undefined && typeof given !== 'boolean') throw configurationError(`${name} must be true or false`);
  return given === true;
}

/** A variable in seconds, at least one. */
function seconds(name: string): number | undefined {
  const given = variable(name);
  if (given === undefined) return undefined;
  const most = name === 'MASTRA_SESSION_MAX_AGE' ? 999_999_999 : 9999;
  if (!/^[1-9]\d{0,8}$/.test(given) || Number(given) > most) {
    throw configurationError(`${name} must be a whole number of seconds, 1 to ${most}`);
  }
  return Number(given);
}

function number(name: string, given: unknown): number | undefined {
  if (given !== undefined && typeof given !== 'number') throw configurationError(`${name} must be a number`);
  return given;
}

function entries(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 1 || given > 10_000_000) {
    throw configurationError('cache.maxEntries must be a whole number from 1 to 10,000,000');
  }
  return given;
}
