/** Whether the permissions that roles grant, and those that routes want, meet. */

import { allows } from '../../../permissions.js';
import { call, has, members, named } from '../members.js';
import type { App, CustomRoute } from '../app.js';
import type { Members } from '../members.js';
import { green, none, notTested, wrong } from '../rule.js';
import type { Rule, Verdict } from '../rule.js';

type Roles = ReadonlyMap<string, readonly string[]>;

/** The permissions of each role, where the app says them. */
async function rolesOf(rbac: Members): Promise<Roles> {
  const mapping = members(rbac['roleMapping']);
  if (mapping !== undefined) return new Map(Object.entries(mapping as Record<string, string[]>));
  if (!has(rbac, 'getAvailableRoles') || !has(rbac, 'getPermissionsForRole')) return new Map();
  const roles = (await call(rbac, 'getAvailableRoles')) as { id: string }[];
  const entries = roles.map(async ({ id }) => [id, (await call(rbac, 'getPermissionsForRole', id)) as string[]] as const);
  return new Map(await Promise.all(entries));
}

function roles(judge: (roles: Roles, app: App) => Verdict | Promise<Verdict>): Rule['judge'] {
  return async app => {
    if (app.rbac === undefined) return notTested('the server has no rbac: everyone signed in may do everything');
    let found: Roles;
    try {
      found = await rolesOf(app.rbac);
    } catch (error) {
      return notTested(named(error));
    }
    return found.size === 0 || isDefault(found) ? notTested('there is no role mapping: the Cloud decides') : judge(found, app);
  };
}

/** The roles of a provider without a mapping; they say nothing of what the Cloud grants. */
const isDefault = (found: Roles) => [...found.keys()].toSorted().join() === 'admin,member,owner,viewer' && found.get('viewer')?.join() === '*:read';

/** What a route may want of any resource, beside what the server's own routes want. */
const ACTIONS = ['read', 'write', 'execute', 'delete', 'publish', 'share', 'create'];

const isWellFormed = (grant: unknown) => typeof grant === 'string' && /^(\*|:?[^:\s]+:[^:\s]+(:.+)?)$/.test(grant);

/** Every grant, as `role: grant`. */
const each = (found: Roles, isIt: (grant: string) => boolean) =>
  [...found].flatMap(([role, grants]) => grants.filter(isIt).map(grant => `${role}: ${String(grant).slice(0, 60)}`));

/** What the routes of the server's packages and of the app want. */
async function wanted(app: App): Promise<Set<string>> {
  const all = new Set<string>();
  for (const server of app.servers) {
    const { SERVER_ROUTES, getEffectivePermission } = await server.adapter();
    for (const route of [...SERVER_ROUTES, ...app.routes]) for (const one of [getEffectivePermission(route)].flat()) if (one) all.add(one);
  }
  return all;
}

/** The permissions of which a route of the app wants one; none where it is open. */
async function wantedBy(app: App, route: CustomRoute): Promise<readonly string[]> {
  const [server] = app.servers;
  if (route.requiresAuth === false || server === undefined) return [];
  return [(await server.adapter()).getEffectivePermission(route)].flat().filter(one => one !== null);
}

const beginsWithParameter = ({ path, requiresPermission }: CustomRoute) => requiresPermission === undefined && /^\/?[:*]/.test(path);

export const ROLE_RULES: readonly Rule[] = [
  {
    code: 'grant-form',
    light: 'red',
    holds: 'every grant has the form resource:action',
    mend: 'Write each grant as resource:action, such as agents:read or agents:*: a resource alone grants nothing.',
    judge: roles(found => none(each(found, grant => !isWellFormed(grant)))),
  },
  {
    code: 'grant-route',
    light: 'yellow',
    holds: 'every grant opens a route',
    mend: 'Correct the name or remove the grant: no route of this server wants such a permission.',
    judge: roles(async (found, app) => {
      if (app.servers.length === 0) return notTested('no @mastra/server is installed here');
      const all = [...(await wanted(app)), ...ACTIONS.map(action => `any:${action}`)];
      const opens = (grant: string) => all.some(one => allows([grant.split(':').slice(0, grant.startsWith(':') ? 3 : 2).join(':')], one));
      return none(each(found, grant => isWellFormed(grant) && !opens(grant)));
    }),
  },
  {
    code: 'studio-grant',
    light: 'yellow',
    holds: 'every role may open Studio',
    mend: 'Grant auth:read to the roles that shall use Studio: it does not load without.',
    judge: roles(found => none([...found].filter(([, grants]) => !allows(grants, 'auth:read')).map(([role]) => role))),
  },
  {
    code: 'route-grant',
    light: 'red',
    holds: "a role may use each of the app's routes",
    mend: "Grant the permission to a role: a route of the app's own wants its first segment and the action of its method.",
    judge: roles(async (found, app) => {
      const refused: string[] = [];
      for (const route of app.routes.filter(one => !beginsWithParameter(one))) {
        const permissions = await wantedBy(app, route);
        const isGranted = [...found.values()].some(grants => permissions.some(one => allows(grants, one)));
        if (permissions.length > 0 && !isGranted) refused.push(`${route.method} ${route.path} wants ${permissions.join(' or ')}`);
      }
      return none(refused);
    }),
  },
  {
    code: 'route-parameter',
    light: 'yellow',
    holds: "the app's routes begin with a word",
    mend: 'Begin the path with a word, or give the route a requiresPermission: only * and the parameter itself grant it.',
    judge: app => {
      if (app.rbac === undefined) return notTested('the server has no rbac: everyone signed in may do everything');
      return none(app.routes.filter(route => route.requiresAuth !== false && beginsWithParameter(route)).map(({ method, path }) => `${method} ${path}`));
    },
  },
  {
    code: 'one-provider',
    light: 'yellow',
    holds: 'one provider signs in and decides',
    mend: 'Pass one MastraCloudAuth as auth and as rbac: two keep records of sign-outs of their own.',
    judge: ({ auth, rbac }) => {
      const isOurs = (one: Members | undefined) => one?.['isMastraCloudAuth'] === true;
      return isOurs(auth) && isOurs(rbac) && auth !== rbac ? wrong('auth and rbac are two providers') : green();
    },
  },
];
