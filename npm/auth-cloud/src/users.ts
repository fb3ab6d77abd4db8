/**
 * A cache of user objects by serial number: bounded in number, size and time.
 *
 * It has two generations. A used entry moves into the young one; entries not used since the last turn are evicted with the
 * old one. It never decides whether an identity still counts: the core returns its number or does not.
 */

import type { NativeUser } from './native.js';
import { makeUser, serialOf } from './user.js';
import type { CloudUser } from './user.js';

/** Size of a usual entry, in characters; larger entries count more. */
const UNIT = 8 * 1024;

/** A user and its resolved promise, made once instead of at every request. */
export interface CachedUser {
  readonly user: CloudUser;
  readonly promised: Promise<CloudUser>;
  /** The entry's size. */
  readonly units: number;
}

export class Users {
  readonly #capacity: number;
  readonly #lifetime: number;
  readonly #withRole: boolean;
  #young = new Map<number, CachedUser>();
  #old = new Map<number, CachedUser>();
  #units = 0;
  #turned = 0;

  /** `capacity` in users of usual size, `lifetime` in milliseconds. */
  constructor(capacity: number, lifetime: number, withRole: boolean) {
    this.#capacity = capacity;
    this.#lifetime = lifetime;
    this.#withRole = withRole;
  }

  get(serial: number): CachedUser | undefined {
    return this.#young.get(serial) ?? this.#fromOld(serial);
  }

  /** The cached or created entry of a user. */
  of(text: NativeUser): CachedUser {
    const serial = serialOf(text);
    const known = this.get(serial);
    if (known !== undefined) return known;
    const user = makeUser(text, this.#withRole);
    // Each role counts a reference and an object header beside its characters.
    const units = 1 + Math.floor((text.length + 16 * user.roles.length) / UNIT);
    const made = { user, promised: Promise.resolve(user), units };
    // An identity that the core does not cache has no number, so two of them are not the same.
    return serial === 0 ? made : this.#keep(serial, made);
  }

  /** A cached user with this id. */
  withId(id: string): CloudUser | undefined {
    for (const generation of [this.#young, this.#old]) {
      for (const { user } of generation.values()) if (user.id === id) return user;
    }
    return undefined;
  }

  #fromOld(serial: number): CachedUser | undefined {
    const known = this.#old.get(serial);
    return known && this.#keep(serial, known);
  }

  #keep(serial: number, known: CachedUser): CachedUser {
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
