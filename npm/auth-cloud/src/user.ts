/**
 * `CloudUser`: made once for an identity, frozen, and kept here under the number that the core gives it.
 *
 * The session token is an own property that is not enumerable: printing, spreading, cloning and `JSON.stringify` leave it out.
 */

import type { NativeIdentity, NativeSession, NativeUser } from './native.js';

/** A signed-in person or machine. */
export interface CloudUser {
  /** The Cloud's id. */
  readonly id: string;
  /** The e-mail address, to show and not to decide on; empty for a machine. */
  readonly email: string;
  readonly name?: string;
  readonly avatarUrl?: string;
  /** When the account was made; the `pkce` dialect does not say. */
  readonly createdAt?: Date;
  /** What else the Cloud keeps with the account. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The roles the Cloud gave; empty where it gave none. */
  readonly roles: readonly string[];
  /** The one role, in the `pkce` dialect. */
  readonly role?: string;
  /** The token of the user's session: what permission look-ups are made with. Not enumerable. */
  readonly sessionToken: string;
}

/** A session as the Cloud knows it. */
export interface CloudSession {
  readonly id: string;
  readonly userId: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

/** Of each user of ours the core's identity; `null` where it was not asked for so far. */
const identities = new WeakMap<object, NativeIdentity | null>();

/** The core's identity behind a user of ours; `null` where it is to be asked for, `undefined` behind a copy or somebody else's. */
export function identityOf(user: object): NativeIdentity | null | undefined {
  return identities.get(user);
}

/** Keeps the identity behind a user of ours. */
export function identify(user: object, identity: NativeIdentity): void {
  identities.set(user, identity);
}

/** Whether this is a copy that names no session: it was spread, cloned, or read back from JSON, as a workflow's snapshot is. */
export function isCopy(user: CloudUser): boolean {
  const token: unknown = user?.sessionToken;
  return identities.get(user) === undefined && (typeof token !== 'string' || token === '');
}

/** The roles of a user, also of a copy, which may hold anything. */
export function rolesOf(user: CloudUser): string[] {
  const roles: unknown = user?.roles;
  return Array.isArray(roles) ? roles.filter(role => typeof role === 'string') : [];
}

/** A user, made anew; with the one `role` beside `roles` where the dialect knows it by that name. */
export function makeUser(of: NativeUser, withRole: boolean, identity: NativeIdentity | null): CloudUser {
  const { id, email, name, avatarUrl, createdAt, metadata, roles, sessionToken } = of;
  const user = {
    id,
    email,
    ...(name !== undefined && { name }),
    ...(avatarUrl !== undefined && { avatarUrl }),
    ...(metadata !== undefined && { metadata: deepFreeze(JSON.parse(metadata)) as Record<string, unknown> }),
    roles: Object.freeze(roles),
    ...(withRole && roles[0] !== undefined && { role: roles[0] }),
  };
  if (createdAt !== undefined) {
    // A Date can be changed even in a frozen object, and this one is shared: each reader gets its own.
    Object.defineProperty(user, 'createdAt', { get: () => new Date(createdAt), enumerable: true });
  }
  Object.defineProperty(user, 'sessionToken', { value: sessionToken, enumerable: false });
  identities.set(user, identity);
  return Object.freeze(user) as CloudUser;
}

/** The same, of an identity that is at hand. */
export function userOf(identity: NativeIdentity, withRole: boolean): CloudUser {
  return makeUser(identity.user(), withRole, identity);
}

/** A session of the core. */
export function makeSession({ id, userId, expiresAt, createdAt }: NativeSession): CloudSession {
  return { id, userId, expiresAt: new Date(expiresAt), createdAt: new Date(createdAt) };
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
