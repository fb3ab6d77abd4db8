/** Checks a list of grants for one permission, all of several, or any of several. The core decides what one grant covers. */

import { native } from '#host';

/** A JavaScript host may pass anything; a value that is not a string counts as an empty one, as everywhere. */
export function allows(grants: readonly string[], permission: string): boolean {
  return native.grantsAllow(grants, typeof permission === 'string' ? permission : '');
}

export function allowsAll(grants: readonly string[], permissions: readonly string[]): boolean {
  return permissions.every(permission => allows(grants, permission));
}

export function allowsAny(grants: readonly string[], permissions: readonly string[]): boolean {
  return permissions.some(permission => allows(grants, permission));
}
