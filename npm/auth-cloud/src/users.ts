/**
 * A cache of user objects by serial number: bounded in number, size and time.
 *
 * The oldest entry is evicted first, but one that was used since it came to the head of the queue goes to its end once more. It
 * never decides whether an identity still counts: the core returns its number or does not.
 */

import type { NativeUser } from './native.js';
import { inOrganization, makeUser, serialOf } from './user.js';
import type { CloudUser, Extras } from './user.js';

/** Size of a usual entry, in characters; larger entries count more. */
const UNIT = 8 * 1024;

/** A user and its resolved promise, made once instead of at every request. */
export interface CachedUser {
  readonly user: CloudUser;
  readonly promised: Promise<CloudUser>;
}

/** A cached user in the queue. */
interface Entry extends CachedUser {
  readonly serial: number;
  /** The entry's size. */
  readonly units: number;
  /** Whether it was used since it was put in the queue, and when that was. */
  isUsed: boolean;
  since: number;
  /** The entry that was put in after it. */
  next: Entry | undefined;
}

export class Users {
  readonly #capacity: number;
  readonly #lifetime: number;
  readonly #withRole: boolean;
  readonly #extras: Extras | undefined;
  readonly #entries = new Map<number, Entry>();
  /** Users in organizations that they have not chosen at the Cloud. */
  readonly #elsewhere = new WeakMap<CloudUser, Map<string, CloudUser>>();
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  #units = 0;

  /** `capacity` in users of usual size, `lifetime` in milliseconds. */
  constructor(capacity: number, lifetime: number, withRole: boolean, extras?: Extras) {
    this.#capacity = capacity;
    this.#lifetime = lifetime;
    this.#withRole = withRole;
    this.#extras = extras;
  }

  get(serial: number): CachedUser | undefined {
    const known = this.#entries.get(serial);
    if (known !== undefined) known.isUsed = true;
    return known;
  }

  /** Whether this user was made already. */
  has(text: NativeUser): boolean {
    return this.#entries.has(serialOf(text));
  }

  /** The cached or created entry of a user. */
  of(text: NativeUser): CachedUser {
    const serial = serialOf(text);
    const known = this.get(serial);
    if (known !== undefined) return known;
    const user = makeUser(text, this.#withRole, this.#extras);
    const promised = Promise.resolve(user);
    // An identity that the core does not cache has no number, so two of them are not the same.
    if (serial === 0) return { user, promised };
    // Each role counts a reference and an object header beside its characters.
    const units = 1 + Math.floor((text.length + 16 * user.roles.length) / UNIT);
    const now = performance.now();
    const made: Entry = { user, promised, serial, units, isUsed: false, since: now, next: undefined };
    this.#makeRoom(units, now);
    this.#entries.set(serial, made);
    this.#units += units;
    this.#append(made);
    return made;
  }

  /** The user in an organization that the user is a member of. */
  within(organizationId: string, user: CloudUser): CloudUser {
    const known = this.#elsewhere.get(user) ?? new Map<string, CloudUser>();
    this.#elsewhere.set(user, known);
    const found = known.get(organizationId) ?? inOrganization(user, organizationId, this.#extras);
    known.set(organizationId, found);
    return found;
  }

  #makeRoom(units: number, now: number): void {
    for (let oldest = this.#oldest; oldest !== undefined; oldest = this.#oldest) {
      if (this.#units + units <= this.#capacity && now - oldest.since <= this.#lifetime) return;
      this.#oldest = oldest.next;
      oldest.next = undefined;
      if (oldest.isUsed) {
        oldest.isUsed = false;
        oldest.since = now;
        this.#append(oldest);
      } else {
        this.#entries.delete(oldest.serial);
        this.#units -= oldest.units;
      }
    }
  }

  #append(entry: Entry): void {
    if (this.#oldest === undefined) this.#oldest = entry;
    else if (this.#newest !== undefined) this.#newest.next = entry;
    this.#newest = entry;
  }
}
