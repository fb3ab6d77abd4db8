/**
 * What a list of grants allows: one thing, all of several, any of several. What one grant covers is the core's to say.
 */

import { native } from './native.js';

/** A host in JavaScript may ask for anything; what is no text is an empty one, as everywhere. */
export function allows(grants: readonly string[], permission: string): boolean {
  return native.grantsAllow(grants, typeof permission === 'string' ? permission : '');
}

export function allowsAll(grants: readonly string[], permissions: readonly string[]): boolean {
  return permissions.every(permission => allows(grants, permission));
}

export function allowsAny(grants: readonly string[], permissions: readonly string[]): boolean {
  return permissions.some(permission => allows(grants, permission));
}
