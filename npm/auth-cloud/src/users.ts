/**
 * The users that were made, under their numbers: bounded in number, in size and in time.
 *
 * Two generations: what is used moves into the young one, and what was not used since the last turn is let go with the old one.
 * Whether an identity still counts is never decided here: the core says its number or does not.
 */

import type { NativeIdentity, NativeUser } from './native.js';
import { makeUser, userOf } from './user.js';
import type { CloudUser } from './user.js';

/** What an entry of usual size counts, in characters; larger ones count more. */
const UNIT = 8 * 1024;

/** A user, and the promise of it: whoever is known is promised once, and not at every request. */
export interface Known {
  readonly user: CloudUser;
  readonly promised: Promise<CloudUser>;
  /** What it counts. */
  readonly units: number;
}

export class Users {
  readonly #capacity: number;
  readonly #lifetime: number;
  readonly #withRole: boolean;
  #young = new Map<number, Known>();
  #old = new Map<number, Known>();
  #units = 0;
  #turned = 0;

  /** `capacity` in users of usual size, `lifetime` in milliseconds. */
  constructor(capacity: number, lifetime: number, withRole: boolean) {
    this.#capacity = capacity;
    this.#lifetime = lifetime;
    this.#withRole = withRole;
  }

  get(serial: number): Known | undefined {
    return this.#young.get(serial) ?? this.#again(serial);
  }

  /** The user of an identity: the one that was made, or made now. */
  of(identity: NativeIdentity): CloudUser {
    const serial = identity.serial();
    // What the core does not remember has no number, and two of them are not one.
    if (serial === 0) return userOf(identity, this.#withRole);
    return (this.get(serial) ?? this.#put(identity.user(), identity)).user;
  }

  /** The same, where the core handed on no more than who it is. */
  who(user: NativeUser): Known {
    if (user.serial === 0) return this.#made(user, null);
    return this.get(user.serial) ?? this.#put(user, null);
  }

  /** A user of this id that is at hand. */
  withId(id: string): CloudUser | undefined {
    for (const generation of [this.#young, this.#old]) {
      for (const { user } of generation.values()) if (user.id === id) return user;
    }
    return undefined;
  }

  #again(serial: number): Known | undefined {
    const known = this.#old.get(serial);
    return known && this.#keep(serial, known);
  }

  #put(of: NativeUser, identity: NativeIdentity | null): Known {
    return this.#keep(of.serial, this.#made(of, identity));
  }

  #made(of: NativeUser, identity: NativeIdentity | null): Known {
    const user = makeUser(of, this.#withRole, identity);
    return { user, promised: Promise.resolve(user), units: units(of) };
  }

  #keep(serial: number, known: Known): Known {
    const now = performance.now();
    if (this.#units >= this.#capacity || now - this.#turned > this.#lifetime) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#units = 0;
      this.#turned = now;
    }
    this.#young.set(serial, known);
    this.#units += known.units;
    return known;
  }
}

function units({ id, email, name = '', avatarUrl = '', metadata = '', roles, sessionToken }: NativeUser): number {
  const texts = id.length + email.length + name.length + avatarUrl.length + metadata.length + sessionToken.length;
  // Of each role a reference and a head beside its characters.
  return 1 + Math.floor(roles.reduce((sum, role) => sum + role.length + 16, texts) / UNIT);
}
