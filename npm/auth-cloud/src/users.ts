/**
 * The users that were made, under their numbers: bounded in number, in size and in time.
 *
 * Two generations: what is used moves into the young one, and what was not used since the last turn is let go with the old one.
 * Whether an identity still counts is never decided here: the core says its number or does not.
 */

import type { NativeIdentity } from './native.js';
import { makeUser } from './user.js';
import type { CloudUser } from './user.js';

/** What an entry of usual size counts, in characters; larger ones count more. */
const UNIT = 8 * 1024;

/** A user, and the promise of it: whoever is known is promised once, and not at every request. */
export interface Known {
  readonly user: CloudUser;
  readonly promised: Promise<CloudUser>;
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
    if (serial === 0) return makeUser(identity, this.#withRole);
    const known = this.get(serial);
    if (known !== undefined) return known.user;
    const user = makeUser(identity, this.#withRole);
    this.#put(serial, { user, promised: Promise.resolve(user) });
    return user;
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
    if (known !== undefined) this.#put(serial, known);
    return known;
  }

  #put(serial: number, known: Known): void {
    const now = performance.now();
    if (this.#units >= this.#capacity || now - this.#turned > this.#lifetime) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#units = 0;
      this.#turned = now;
    }
    const { user } = known;
    this.#young.set(serial, known);
    this.#units += 1 + Math.floor((JSON.stringify(user).length + user.sessionToken.length) / UNIT);
  }
}
