/** The parts of a provider. */

import { Authenticator } from './authenticate.js';
import type { Deployment } from './deployment.js';
import { Sessions } from './sessions.js';
import { SignIns } from './sign-ins.js';
import type { Sites } from './site.js';
import type { CloudUser } from './user.js';
import { Users } from './users.js';

/** What a provider works with, once it is open. */
export interface Opened {
  readonly cloud: Deployment;
  readonly users: Users;
  readonly authenticator: Authenticator;
  readonly sessions: Sessions;
  readonly signIns: SignIns;
  /** The user of each identity with this id that still counts here, the one that was verified last first. No call is made. */
  seen(id: string): Promise<CloudUser[]>;
}

export function opened(cloud: Deployment, sites: Sites, isTraced: boolean): Opened {
  const { engine, withRole, hasOrganizations } = cloud;
  const { maxEntries, longest } = engine.facts();
  const permissionsOf = ({ id, sessionToken, roles }: CloudUser) => engine.knownPermissions(id, sessionToken, [...roles]);
  const users = new Users(maxEntries, longest, withRole, { hasOrganizations, permissionsOf });
  const authenticator = new Authenticator(cloud, users, sites, isTraced);
  const signIns = new SignIns(cloud, users, authenticator);
  const seen = async (id: string) => {
    const current = cloud.revocations?.current();
    if (current !== undefined) await current;
    return engine.usersWithId(id).map(text => users.of(text).user);
  };
  return { cloud, users, authenticator, sessions: new Sessions(cloud, sites), signIns, seen };
}
