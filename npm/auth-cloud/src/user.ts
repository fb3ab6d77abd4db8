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
  /** The organization that the user acts for; in a dialect without organizations one of the user alone, `user:` and the id. */
  readonly organizationId?: string;
  /** The organizations that the user is a member of. */
  readonly memberOrgIds?: readonly string[];
  /**
   * The permissions, as MCP tools read them: those that are known without a call, by roles or by an earlier look-up. `undefined`
   * if none are known, or the session is over. Read at each access. To decide, ask `hasPermission`.
   */
  readonly scopes?: readonly string[] | undefined;
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

const [ZERO, COLON] = [48, 58];
/** The roles that administer an organization. */
const ADMINS = ['owner', 'admin'];

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What a constructor returns gets the private fields of a class that extends it. */
class Returned {
  constructor(user: object) {
    return user;
  }
}

/** Marks the users made here. They are frozen, so what they say is what the Cloud said. */
class Made extends Returned {
  readonly #isSealed: boolean;

  constructor(user: object, isSealed: boolean) {
    super(user);
    this.#isSealed = isSealed;
  }

  static has(value: unknown): value is Made {
    return typeof value === 'object' && value !== null && #isSealed in value;
  }

  static isSealed(value: unknown): boolean {
    return Made.has(value) && value.#isSealed;
  }
}

/** Whether a user was made here, and is no copy and no foreign object. */
export function isOwn(user: CloudUser): boolean {
  return Made.has(user);
}

/** Whether a user that was made here came with a sealed session, which is a cookie's and no bearer. */
export function isSealed(user: CloudUser): boolean {
  return Made.isSealed(user);
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

/** The serial number of a user's identity; 0 if the identity is not cached. */
export function serialOf(user: NativeUser): number {
  return new Reader(user).number();
}

/** The organization of a user where the dialect has none. */
export function ownOrganization(userId: string): string {
  return `user:${userId}`;
}

/** Whether a user administers an organization: the user's own, or the one in which the user has such a role. */
export function administers(user: CloudUser, organizationId: unknown): boolean {
  if (user.organizationId === undefined || user.organizationId !== organizationId) return false;
  return organizationId === ownOrganization(user.id) || ADMINS.some(role => user.roles.includes(role));
}

/** What a provider adds to the Cloud's data on its users. */
export interface Extras {
  /** Whether the Cloud knows organizations. If not, each user has one alone. */
  readonly hasOrganizations: boolean;
  /** The permissions of a user that are known without a call; `null` if none are. */
  permissionsOf(user: CloudUser): string[] | null;
}

/** Creates a user, with `role` beside `roles` if the dialect has one role. */
export function makeUser(from: NativeUser, withRole: boolean, extras?: Extras): CloudUser {
  const reader = new Reader(from);
  reader.number();
  const sessionToken = reader.text() ?? '';
  const user: Partial<Writable<CloudUser>> = { id: reader.text() ?? '', email: reader.text() ?? '' };
  const [name, avatarUrl, createdAt, metadata] = [reader.text(), reader.text(), reader.text(), reader.text()];
  const organizations = reader.text()?.split(' ');
  const isSealed = reader.text() !== undefined;
  // Without spreads, which cost more than all the rest.
  if (name !== undefined) user.name = name;
  if (avatarUrl !== undefined) user.avatarUrl = avatarUrl;
  if (metadata !== undefined) user.metadata = deepFreeze(JSON.parse(metadata)) as Record<string, unknown>;
  const own = extras?.hasOrganizations === false ? ownOrganization(user.id ?? '') : undefined;
  const [chosen, ...all] = organizations ?? (own === undefined ? [] : [own, own]);
  if (chosen !== undefined && chosen !== '') user.organizationId = chosen;
  if (chosen !== undefined || extras !== undefined) user.memberOrgIds = Object.freeze(all);
  const roles: string[] = [];
  for (let role = reader.text(); role !== undefined; role = reader.text()) roles.push(role);
  user.roles = Object.freeze(roles);
  if (withRole && roles[0] !== undefined) user.role = roles[0];
  if (createdAt !== undefined) {
    // A Date is mutable even in a frozen object, and this object is shared: each reader gets its own.
    Object.defineProperty(user, 'createdAt', { get: () => new Date(Number(createdAt)), enumerable: true });
  }
  Object.defineProperty(user, 'sessionToken', { value: sessionToken, enumerable: false });
  return finished(user, isSealed, extras);
}

/** The same user in another of the user's organizations. Roles are those in the chosen one, so there are none. */
export function inOrganization(of: CloudUser, organizationId: string, extras?: Extras): CloudUser {
  const { organizationId: _own, roles: _roles, role: _role, scopes: _scopes, ...kept } = Object.getOwnPropertyDescriptors(of);
  const user = { organizationId, roles: Object.freeze([]) };
  return finished(Object.defineProperties(user, kept), isSealed(of), extras);
}

function finished(user: Partial<Writable<CloudUser>>, isSealed: boolean, extras: Extras | undefined): CloudUser {
  if (extras !== undefined) {
    Object.defineProperty(user, 'scopes', { get: () => extras.permissionsOf(user as CloudUser) ?? undefined, enumerable: true });
  }
  // Its value is used: a bundler sees no effect in it, and drops it as a statement.
  return Object.freeze(new Made(user, isSealed)) as unknown as CloudUser;
}

/** A string of its own. V8's slice points into the record, and would keep it and its token for as long as an id is kept. */
function flat(slice: string): string {
  return ` ${slice}`.slice(1);
}

/** Reads a number, and texts of which each comes after its length. */
class Reader {
  readonly #record: string;
  #at = 0;

  constructor(record: string) {
    this.#record = record;
  }

  /** The number before the next colon. */
  number(): number {
    let number = 0;
    while (this.#at < this.#record.length) {
      const code = this.#record.charCodeAt(this.#at++);
      if (code === COLON) break;
      number = number * 10 + (code - ZERO);
    }
    return number;
  }

  /** The next text; `undefined` if it is missing, and at the end. */
  text(): string | undefined {
    const from = this.#at;
    const length = this.number();
    // A missing text has no length.
    if (this.#at <= from + 1) return undefined;
    return flat(this.#record.slice(this.#at, (this.#at += length)));
  }
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
