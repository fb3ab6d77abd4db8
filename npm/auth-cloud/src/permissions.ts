/** The permissions of a user, and what a list of them allows. The core decides what one grant covers. */

import type { Authenticator } from './authenticate.js';
import type { Deployment } from './deployment.js';
import { fromFailure, unwrap } from './error.js';
import { requestId } from './events.js';
import { isCopy, rolesOf } from './user.js';
import type { CloudUser } from './user.js';
import { native } from '#host';

/** All permissions of a user, see `getPermissions`. Throws if the Cloud was asked and is unavailable. */
export async function permissionsOf(user: CloudUser, cloud: Deployment, authenticator: Authenticator): Promise<string[]> {
  const { engine, driver, events, rolesDecide } = cloud;
  if (isCopy(user)) {
    if (rolesDecide) return engine.grantsOfRoles(rolesOf(user));
    events.emitLimited({ type: 'permissions_without_session', code: 'user_without_session' });
    return [];
  }
  const verified = await authenticator.verified(user);
  if (verified === undefined) return [];
  const { id: userId, sessionToken, roles } = verified;
  const { grants, failure, cause } = await driver.run(unwrap(engine.permissions(userId, sessionToken, roles, Math.random())));
  if (failure === undefined) return [...(grants ?? [])];
  const id = requestId();
  events.failed('permissions_unavailable', failure, { outcome: 'unavailable', requestId: id });
  throw fromFailure(failure, id, cause);
}

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
