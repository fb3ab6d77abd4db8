/** Migration from the plugin 1.1 and 1.2: its classes, over this one. The dialect is `pkce`. */

import type { IRBACProvider } from '@mastra/core/auth/ee';
import type { MastraAuthProviderOptions } from '@mastra/core/server';
import type { SSOCallbackResult } from '@mastra/core/auth';

import { CloudApiError, unwrap } from './error.js';
import { allows, allowsAll, allowsAny } from './permissions.js';
import { native } from '#host';
import { BARE_NAME, CALLBACK_URL, mapping } from './options.js';
import type { MastraCloudAuthOptions, RoleMapping } from './options.js';
import { MastraCloudAuth } from './provider.js';
import { variable, warn } from './runtime.js';
import type { CloudUser } from './user.js';

/** @deprecated Use `MastraCloudAuthOptions`. */
export interface MastraCloudAuthProviderOptions extends MastraAuthProviderOptions<CloudUser> {
  /** The project that users sign in to. */
  readonly projectId?: string;
  /** The Cloud's address. */
  readonly cloudBaseUrl?: string;
  /** The address to which the Cloud sends the browser back; default: the one that the server says. */
  readonly callbackUrl?: string;
  /** Whether cookies are Secure. Default: by the address that a sign-in comes back to. */
  readonly isProduction?: boolean;
}

/** Option names that appear only in the old plugin's documentation, and their new names; `undefined` if there is none. */
const RENAMED: Readonly<Record<string, keyof MastraCloudAuthOptions | undefined>> = {
  cloudUrl: 'baseUrl',
  endpoint: 'baseUrl',
  clientId: 'projectId',
  apiKey: undefined,
  customDomain: undefined,
};

/** The old plugin's session cookie, which never had a prefix. Keeping the name keeps its users signed in. */
const OLD_COOKIE = 'mastra_cloud_session';

/** @deprecated Use `MastraCloudAuth`. */
export class MastraCloudAuthProvider extends MastraCloudAuth {
  constructor(options: MastraCloudAuthProviderOptions = {}) {
    const { cloudBaseUrl, callbackUrl, isProduction, ...rest } = options;
    const known = renamed(rest);
    const isNamed = known.cookieName !== undefined || variable('MASTRA_COOKIE_NAME') !== undefined;
    super({
      ...known,
      ...(!isNamed && { cookieName: OLD_COOKIE, [BARE_NAME]: true }),
      ...(cloudBaseUrl !== undefined && { baseUrl: cloudBaseUrl }),
      dialect: 'pkce',
      ...(isProduction !== undefined && { secure: isProduction }),
      ...(callbackUrl !== undefined && { [CALLBACK_URL]: callbackUrl }),
    });
  }

  override handleCallback(code: string, state: string, cookieHeader?: string): Promise<SSOCallbackResult<CloudUser>> {
    return super.handleCallback(code, state, cookieHeader).catch((error: unknown) => {
      throw error instanceof CloudApiError ? AuthError.of(error) : error;
    });
  }

  /** `null` if the request has no session: there is nothing to sign out of. */
  override getLogoutUrl(redirectUri: string, request?: Request): string | null | Promise<string | null> {
    const token = request === undefined ? null : this.getSessionIdFromRequest(request);
    return token === null ? null : super.getLogoutUrl(redirectUri, request);
  }
}

function renamed(options: MastraCloudAuthOptions): MastraCloudAuthOptions {
  const known: Record<string, unknown> = { ...options };
  for (const [name, now] of Object.entries(RENAMED)) {
    if (known[name] === undefined) continue;
    const hint = now === undefined ? 'is not used any more' : `is called ${now}`;
    warn(`The option ${name} of MastraCloudAuthProvider ${hint}.`, 'MASTRA_AUTH_CLOUD_OPTION', 'DeprecationWarning');
    if (now !== undefined) known[now] ??= known[name];
    delete known[name];
  }
  return known;
}

/** The old plugin's code for a failed sign-in. */
export type AuthErrorCode =
  | 'invalid_state'
  | 'state_mismatch'
  | 'token_exchange_failed'
  | 'verification_failed'
  | 'network_error';

/** @deprecated Use `CloudApiError`, its base class. `cause` holds the error with today's code. */
export class AuthError extends CloudApiError {
  declare readonly code: AuthErrorCode;

  constructor(code: AuthErrorCode, message: string, status = 401, cause?: CloudApiError) {
    super(message, status, { code, kind: cause?.kind ?? 'credential', endpoint: cause?.endpoint, requestId: cause?.requestId });
    this.name = 'AuthError';
    if (cause !== undefined) this.cause = cause;
  }

  /** Converts an error to the old plugin's. */
  static of(error: CloudApiError): AuthError {
    return new AuthError(oldCode(error), error.message, error.status, error);
  }
}

function oldCode({ code, kind, endpoint }: CloudApiError): AuthErrorCode {
  if (code === 'state_malformed') return 'invalid_state';
  if (kind === 'network') return 'network_error';
  if (endpoint?.endsWith('/auth/verify')) return 'verification_failed';
  return endpoint === undefined ? 'state_mismatch' : 'token_exchange_failed';
}

/** @deprecated Give `MastraCloudAuth` a `roleMapping` and use it as `rbac`. */
export class MastraRBACCloud implements IRBACProvider<CloudUser> {
  readonly roleMapping: NonNullable<IRBACProvider['roleMapping']>;
  readonly #mapping: string;

  constructor({ roleMapping }: { roleMapping: RoleMapping }) {
    const text = mapping(roleMapping) ?? '{}';
    unwrap(native.mappedGrants(text, []));
    this.#mapping = text;
    this.roleMapping = JSON.parse(text) as NonNullable<IRBACProvider['roleMapping']>;
  }

  /** The one role of an old plugin's user, or the roles of a present one. */
  getRoles(user: CloudUser): Promise<string[]> {
    return Promise.resolve(user.role ? [user.role] : [...(user.roles ?? [])]);
  }

  async hasRole(user: CloudUser, role: string): Promise<boolean> {
    return (await this.getRoles(user)).includes(role);
  }

  /** The grants of the user's roles; those of `_default` for a user without roles, as in the old plugin. */
  async getPermissions(user: CloudUser): Promise<string[]> {
    const roles = await this.getRoles(user);
    return unwrap(native.mappedGrants(this.#mapping, roles.length === 0 ? ['_default'] : roles));
  }

  async hasPermission(user: CloudUser, permission: string): Promise<boolean> {
    return allows(await this.getPermissions(user), permission);
  }

  async hasAllPermissions(user: CloudUser, permissions: string[]): Promise<boolean> {
    return allowsAll(await this.getPermissions(user), permissions);
  }

  async hasAnyPermission(user: CloudUser, permissions: string[]): Promise<boolean> {
    return allowsAny(await this.getPermissions(user), permissions);
  }
}
