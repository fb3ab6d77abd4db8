/**
 * `CloudUser`: created once per identity, frozen, and cached under the serial number from the core.
 *
 * The session token is an own property that is not enumerable: printing, spreading, cloning and `JSON.stringify` omit it.
 */

import type { NativeSession, NativeUser } from './native.js';

/** A signed-in person or machine. */
export interface CloudUser {
  /** The Cloud's id. */
  readonly id: string;
  /** The e-mail address, for display and not for decisions; empty for a machine. */
  readonly email: string;
  readonly name?: string;
  readonly avatarUrl?: string;
  /** When the account was created; absent in the `pkce` dialect. */
  readonly createdAt?: Date;
  /** Further data that the Cloud stores with the account. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The roles from the Cloud; empty if there are none. */
  readonly roles: readonly string[];
  /** The one role, in the `pkce` dialect. */
  readonly role?: string;
  /** The token of the user's session, for permission look-ups. Not enumerable. */
  readonly sessionToken: string;
}

/** A session as the Cloud knows it. */
export interface CloudSession {
  /** The Cloud's id of the session, which is not the token and is enumerable. */
  readonly id: string;
  readonly userId: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

/** The users made here. They are frozen, so what they say is what the Cloud said. */
const made = new WeakSet<object>();

/** Whether a user was made here, and is no copy and no foreign object. */
export function isOwn(user: CloudUser): boolean {
  return made.has(user);
}

/** Whether this is a copy without a session: spread, cloned, or read back from JSON, as a workflow's snapshot is. */
export function isCopy(user: CloudUser): boolean {
  const token: unknown = user?.sessionToken;
  return !isOwn(user) && (typeof token !== 'string' || token === '');
}

/** The roles of a user. A copy may hold anything. */
export function rolesOf(user: CloudUser): string[] {
  const roles: unknown = user?.roles;
  return Array.isArray(roles) ? roles.filter(role => typeof role === 'string') : [];
}

/** Creates a user, with `role` beside `roles` if the dialect has one role. */
export function makeUser(of: NativeUser, withRole: boolean): CloudUser {
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
    // A Date is mutable even in a frozen object, and this object is shared: each reader gets its own.
    Object.defineProperty(user, 'createdAt', { get: () => new Date(createdAt), enumerable: true });
  }
  Object.defineProperty(user, 'sessionToken', { value: sessionToken, enumerable: false });
  made.add(user);
  return Object.freeze(user) as CloudUser;
}

/** Converts a session of the core. */
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
