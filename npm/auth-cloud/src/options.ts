/**
 * Options of a deployment: what was given, else what the environment says, as the core takes it. The core checks the values.
 */

import { readFileSync } from 'node:fs';

import type { MastraAuthProviderOptions } from '@mastra/core/server';

import { CloudApiError } from './error.js';
import type { CloudAuthEvent, CloudAuthLogger } from './events.js';
import type { NativeOptions, NativeVerification } from './native.js';
import type { RevocationChannel } from './revocations.js';
import type { Fetch } from './transport.js';
import type { CloudUser } from './user.js';

/** Which form of the Cloud's API is spoken. */
export type Dialect = 'v1' | 'pkce';

/** Which role grants what. `_default` is for the roles that are not named. */
export type RoleMapping = Readonly<Record<string, readonly string[]>>;

/** How long what was found out is used. Times in seconds. */
export interface CacheOptions {
  /** How long a verified identity is used without asking again. Default 30. */
  readonly fresh?: number;
  /** How long before the end of that time one in use is asked about anew, while nobody waits: at most a tenth of it. Default 3; 0 is never. */
  readonly refreshEarly?: number;
  /** How long past that it is used while the Cloud cannot be asked; never past its end or a sign-out. Default 60. */
  readonly staleIfError?: number;
  /** How long a refused token is refused without asking again. Default 5. */
  readonly refused?: number;
  /** How many identities are remembered, and as many refusals. Default 10,000. */
  readonly maxEntries?: number;
}

/** How tokens are verified, beyond the name of the way. Times in seconds. */
export interface VerificationOptions {
  /** `cloud`: the Cloud is asked. `keys`: signatures are checked, without a call. `keys+session`: both. */
  readonly by: 'cloud' | 'keys' | 'keys+session';
  /** Where the key set is. Default `MASTRA_JWKS_URL`, else the Cloud's own: `/.well-known/jwks.json` below its address. */
  readonly jwksUrl?: string;
  /** The key set itself, in place of an address: an object, or its JSON text. */
  readonly jwks?: string | { readonly keys: readonly object[] };
  /** A file with the key set, in place of an address; read once. Default `MASTRA_JWKS_FILE`. */
  readonly jwksFile?: string;
  /** The secret of HS256, at least 32 bytes, in place of a key set. Default `MASTRA_TOKEN_SECRET`. */
  readonly secret?: string;
  /** The algorithms that are allowed. Default RS256, ES256 and EdDSA; with a secret, HS256. `Ed25519` is another name of `EdDSA`. */
  readonly algorithms?: readonly ('RS256' | 'ES256' | 'EdDSA' | 'Ed25519' | 'HS256')[];
  /** Who must have issued a token, exactly. Default `MASTRA_TOKEN_ISSUER`, else the Cloud's address. */
  readonly issuer?: string;
  /** Whom a token must be for, exactly. Default `MASTRA_TOKEN_AUDIENCE`, else the project id. */
  readonly audience?: string;
  /** How far the clocks may differ. Default 30, at most 300. With 60 or more a Mastra server renews no session. */
  readonly leeway?: number;
  /** The greatest age of a token, from its issue time. Default: none but its expiry. */
  readonly maxAge?: number;
  /** With `keys+session`: how often the Cloud is asked whether a session still lives. Default 30. */
  readonly sessionEvery?: number;
}

/** What `MastraCloudClient` can be told. */
export interface MastraCloudClientOptions {
  /** The project that users sign in to. Required, here or as `MASTRA_PROJECT_ID`. */
  readonly projectId?: string;
  /** The Cloud's address. Default `MASTRA_CLOUD_URL`, else `https://cloud.mastra.ai`. Plain http for this machine only. */
  readonly baseUrl?: string;
  /** The API's prefix. Default `MASTRA_CLOUD_API_PREFIX`, else the dialect's own: `/api/v1`. */
  readonly apiPrefix?: string;
  /** The login page's path. Default `MASTRA_CLOUD_AUTH_PATH`, else `/auth/oss`. */
  readonly authPath?: string;
  /** Default `MASTRA_CLOUD_DIALECT`, else `v1`. */
  readonly dialect?: Dialect;
  /** What sends the requests. Default: the global `fetch`, looked up at each call. */
  readonly fetch?: Fetch;
  /** Where events are written for people. Default: the server's logger. */
  readonly logger?: CloudAuthLogger;
  /** Called with each event. */
  readonly onEvent?: (event: CloudAuthEvent) => void;
}

/** What `MastraCloudAuth` can be told. */
export interface MastraCloudAuthOptions extends MastraCloudClientOptions, MastraAuthProviderOptions<CloudUser> {
  /**
   * The session cookie's name, used as it is. Default `MASTRA_COOKIE_NAME`, else `mastra_session`, with a suffix of the deployment's own
   * where the server's address names a port. `__Host-` goes before it where it may stand.
   */
  readonly cookieName?: string;
  /** The session cookie's Domain. Default `MASTRA_COOKIE_DOMAIN`, else none: the cookie belongs to one host. */
  readonly cookieDomain?: string;
  /**
   * The session cookie's SameSite. Default `Lax`. With `Strict` browsers keep the cookie back from the first page after a sign-in: what its
   * script asks for has it, what the server renders there has not.
   */
  readonly sameSite?: 'Lax' | 'Strict' | 'None' | 'lax' | 'strict' | 'none';
  /** Whether cookies travel over https only. Default `MASTRA_COOKIE_SECURE`, else by the address that a sign-in comes back to. */
  readonly secure?: boolean;
  /**
   * Longest life of a session cookie in seconds, and how long what `endSession` and `endUser` end is known where nothing of it is known.
   * Default 86,400; where tokens live longer, their life, for one that nobody brings in that time is let in again afterwards.
   */
  readonly sessionMaxAge?: number;
  /** Permissions by role, instead of asking the Cloud for them. */
  readonly roleMapping?: RoleMapping;
  /** How tokens are verified. Default `MASTRA_VERIFICATION`, else `cloud`. */
  readonly verification?: VerificationOptions | VerificationOptions['by'];
  /** How long what was found out is used. */
  readonly cache?: CacheOptions;
  /**
   * How instances tell each other what ended before its time: over Redis, with the package `redis` installed, or over a channel of your
   * own. Default: they do not, and what ended elsewhere is found out when `cache.fresh` is over.
   */
  readonly revocations?: { readonly redis: string } | RevocationChannel;
  /**
   * Tells an event `authenticated` or `anonymous` for each request too. Default false: it takes every request the long way, at several
   * times the cost. To count requests use `statistics()`, which costs nothing.
   */
  readonly traceRequests?: boolean;
}

/** Says that `__Host-` never goes before the cookie's name. No option: sibling subdomains can set a cookie without it. */
export const BARE_NAME: unique symbol = Symbol('bare cookie name');

/** The options as the core takes them. */
export function nativeOptions(options: MastraCloudAuthOptions & { readonly [BARE_NAME]?: boolean }): NativeOptions {
  const { cache } = options;
  // `mastra dev` runs the server with NODE_ENV=production and says only in this variable what it is.
  const isMastraDev = process.env['MASTRA_DEV'] === 'true';
  return {
    projectId: text(options, 'projectId', 'MASTRA_PROJECT_ID'),
    baseUrl: text(options, 'baseUrl', 'MASTRA_CLOUD_URL'),
    apiPrefix: text(options, 'apiPrefix', 'MASTRA_CLOUD_API_PREFIX'),
    authPath: text(options, 'authPath', 'MASTRA_CLOUD_AUTH_PATH'),
    dialect: text(options, 'dialect', 'MASTRA_CLOUD_DIALECT'),
    cookieName: text(options, 'cookieName', 'MASTRA_COOKIE_NAME'),
    cookieDomain: text(options, 'cookieDomain', 'MASTRA_COOKIE_DOMAIN'),
    cookiePrefix: options[BARE_NAME] === true ? false : undefined,
    sameSite: text(options, 'sameSite'),
    secure: secure(options.secure),
    sessionMaxAge: number('sessionMaxAge', options.sessionMaxAge),
    roleMapping: mapping(options.roleMapping),
    fresh: number('cache.fresh', cache?.fresh),
    staleIfError: number('cache.staleIfError', cache?.staleIfError),
    refused: number('cache.refused', cache?.refused),
    maxEntries: entries(cache?.maxEntries),
    refreshEarly: number('cache.refreshEarly', cache?.refreshEarly),
    verification: verification(options.verification),
    production: process.env['NODE_ENV'] === 'production' && !isMastraDev,
    development: process.env['NODE_ENV'] === 'development' || isMastraDev,
  };
}

const VERIFICATION = new Set([
  'by',
  'jwksUrl',
  'jwks',
  'jwksFile',
  'secret',
  'algorithms',
  'issuer',
  'audience',
  'leeway',
  'maxAge',
  'sessionEvery',
] satisfies (keyof VerificationOptions)[] as string[]);

/** What the core checks: texts, lists of texts and numbers. A member that nobody knows may be a rule that was misspelt. */
function verification(given: MastraCloudAuthOptions['verification']): NativeVerification {
  const environment = (name: string) => process.env[name] || undefined;
  const options: Partial<VerificationOptions> = typeof given === 'object' && given !== null ? given : {};
  const unknown = Object.keys(options).find(name => !VERIFICATION.has(name));
  if (unknown !== undefined) throw wrong(`verification has no member ${unknown.slice(0, 40)}`);
  const by: unknown = typeof given === 'string' ? given : (options.by ?? environment('MASTRA_VERIFICATION'));
  const { jwks } = options;
  const named = (name: 'jwksUrl' | 'jwksFile' | 'secret' | 'issuer' | 'audience', variable: string) => {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'string') throw wrong(`verification.${name} must be a string`);
    // What the environment says of keys is of use only where they are used.
    return value ?? (by === undefined || by === 'cloud' ? undefined : environment(variable));
  };
  // Where the keys are given, the environment says nothing of them.
  const isGiven = [options.jwksUrl, options.jwksFile, jwks, options.secret].some(value => value !== undefined);
  const source = (name: 'jwksUrl' | 'jwksFile' | 'secret', variable: string) => named(name, isGiven ? '' : variable);
  const file = source('jwksFile', 'MASTRA_JWKS_FILE');
  if (file !== undefined && jwks !== undefined) throw wrong('verification: give one of jwksFile and jwks');
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
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw wrong('verification.jwksFile: the file cannot be read');
  }
}

/** A role mapping as JSON text. */
export function mapping(given: RoleMapping | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'object' || given === null) throw wrong('roleMapping must be an object of lists of permissions');
  return JSON.stringify(given);
}

export function wrong(message: string): CloudApiError {
  return new CloudApiError(message, 500, { code: 'invalid_configuration', kind: 'configuration' });
}

function text<K extends keyof MastraCloudAuthOptions>(
  options: MastraCloudAuthOptions,
  name: K,
  variable?: string,
): string | undefined {
  const given: unknown = options[name];
  if (given !== undefined && typeof given !== 'string') throw wrong(`${name} must be a string`);
  // A variable that is empty counts as unset.
  return given ?? (variable && process.env[variable] ? process.env[variable] : undefined);
}

function secure(given: unknown): boolean | undefined {
  if (given !== undefined) {
    if (typeof given !== 'boolean') throw wrong('secure must be true or false');
    return given;
  }
  const said = process.env['MASTRA_COOKIE_SECURE'];
  if (said === undefined || said === '') return undefined;
  if (said !== 'true' && said !== 'false') throw wrong('MASTRA_COOKIE_SECURE must be true or false');
  return said === 'true';
}

/** Whether an option is on; what is not given is off. */
export function flag(name: string, given: unknown): boolean {
  if (given !== undefined && typeof given !== 'boolean') throw wrong(`${name} must be true or false`);
  return given === true;
}

function number(name: string, given: unknown): number | undefined {
  if (given !== undefined && typeof given !== 'number') throw wrong(`${name} must be a number`);
  return given;
}

function entries(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 1 || given > 10_000_000) {
    throw wrong('cache.maxEntries must be a whole number from 1 to 10,000,000');
  }
  return given;
}
