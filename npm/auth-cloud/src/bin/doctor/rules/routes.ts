/** Which paths are open and which want a user. */

import { green, none, notTested } from '../rule.js';
import type { Rule } from '../rule.js';

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'];

/** A path that a route's pattern takes. */
const sample = (pattern: string) => pattern.replaceAll(/:[^/]+|\*/g, 'x');

export const ROUTE_RULES: readonly Rule[] = [
  {
    code: 'public-opens',
    light: 'yellow',
    holds: 'every public path opens a route',
    mend: "Give the route itself requiresAuth: false: public opens none of the server's own routes, and a star stands for one whole segment.",
    judge: async app => {
      const entries = app.auth?.['public'];
      if (!Array.isArray(entries) || entries.length === 0) return green();
      const [server] = app.servers;
      if (server === undefined) return notTested('no @mastra/server is installed here');
      const { canAccessPublicly } = await server.auth();
      const opens = (entry: unknown) =>
        app.routes.some(route => {
          const methods = route.method === 'ALL' ? METHODS : [route.method];
          return methods.some(method => canAccessPublicly(sample(route.path), method, { public: [entry] }));
        });
      return none(entries.filter(entry => !opens(entry)).map(entry => String(Array.isArray(entry) ? entry[0] : entry)));
    },
  },
  {
    code: 'routes-closed',
    light: 'red',
    holds: 'routes want a signed-in user',
    mend: "Name the routes' path in the provider's option protected, as protected: ['/mastra/*'].",
    judge: async app => {
      const prefix = app.parts.server['apiPrefix'];
      if (app.auth === undefined) return notTested('the server has no sign-in');
      if (typeof prefix !== 'string') return green();
      const [server] = app.servers;
      if (server === undefined) return notTested('no @mastra/server is installed here');
      const path = `${prefix.replace(/\/+$/, '')}/agents`;
      const { isProtectedPath } = await server.auth();
      return none(isProtectedPath(path, 'GET', app.auth) ? [] : [`${path} wants no user`]);
    },
  },
];
