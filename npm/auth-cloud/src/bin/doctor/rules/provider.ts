/** Who signs people in, and whether the provider does what a Mastra server calls for. */

import { HTTPS_REDIRECT, REDIRECT, STATE } from '../app.js';
import { call, has, named } from '../members.js';
import type { App } from '../app.js';
import type { Members } from '../members.js';
import { green, none, notTested, wrong } from '../rule.js';
import type { Rule, Verdict } from '../rule.js';
import { trySignIn } from '../sign-in.js';
import { baseOf, isCloud } from '../visit.js';

const USER = { id: 'usr_doctor', email: 'doctor@example.com', roles: [] as string[] };
const REQUEST = () => new Request('http://localhost:4111/api/agents');

/** What a Mastra server calls without waiting, with what it would give. */
const SYNCHRONOUS: Readonly<Record<string, () => unknown[]>> = {
  getLoginCookies: () => [REDIRECT, STATE],
  setCallbackCookieHeader: () => [null],
  getSessionIdFromRequest: () => [REQUEST()],
  getSessionHeaders: () => [{ id: 'doctor', userId: USER.id, createdAt: new Date(), expiresAt: new Date(Date.now() + 60_000) }],
  getClearSessionHeaders: () => [],
  getLoginButtonConfig: () => [],
  mapUserToResourceId: () => [USER],
  consumePendingResponseHeaders: () => [REQUEST()],
};

/** Judges the provider, where there is one. */
function provider(judge: (auth: Members, app: App) => Verdict | Promise<Verdict>): Rule['judge'] {
  return app => (app.auth === undefined ? notTested('the server has no sign-in') : judge(app.auth, app));
}

/** Judges what a sign-in begins with, where one can begin. */
function login(judge: (auth: Members, app: App) => Verdict | Promise<Verdict>): Rule['judge'] {
  return provider(async (auth, app) => {
    const works = await app.loginUrl().then(() => true, () => false);
    return works ? judge(auth, app) : notTested('no sign-in can begin');
  });
}

/** The cookies that a sign-in sets, where it sets some. */
function cookies(redirect: string, judge: (lines: readonly string[]) => string[]): Rule['judge'] {
  return login(async (auth, app) => {
    const back = (await app.loginUrl(redirect)).searchParams.get('redirect_uri') ?? redirect;
    // Cookies follow the callback.
    if (!back.startsWith(new URL(redirect).protocol)) return notTested('the callback is fixed, with another scheme');
    let lines: unknown;
    try {
      lines = call(auth, 'getLoginCookies', redirect, STATE);
    } catch (error) {
      return notTested(named(error));
    }
    return Array.isArray(lines) && lines.length > 0 ? none(judge(lines.map(String))) : notTested('the login sets no cookie');
  });
}

const nameOf = (line: string) => line.split('=')[0] ?? '';
const lacking = (attribute: RegExp) => (lines: readonly string[]) => lines.filter(line => !attribute.test(line)).map(nameOf);
const having = (attribute: RegExp) => (lines: readonly string[]) => lines.filter(line => attribute.test(line)).map(nameOf);

const kept = cookies(REDIRECT, having(/;\s*secure\s*(;|$)|^__(host|secure)-/i));

export const PROVIDER_RULES: readonly Rule[] = [
  {
    code: 'options',
    light: 'red',
    holds: 'the provider takes its options',
    mend: 'Correct the option or the variable that the message names.',
    judge: ({ parts: { refused } }) => (refused === undefined ? green() : wrong(refused)),
  },
  {
    code: 'auth',
    light: 'red',
    holds: 'the server has sign-in',
    mend: 'Give the server a provider: new Mastra({ server: { auth } }).',
    judge: ({ auth, parts }) => {
      if (parts.refused !== undefined) return notTested('the provider could not be made');
      return auth === undefined ? wrong('everyone who reaches the server may use every route') : green();
    },
  },
  {
    code: 'provider',
    light: 'yellow',
    holds: 'a login page is offered',
    mend: 'Where people shall sign in, give the server a provider with a login page, such as MastraCloudAuth.',
    judge: provider(async (auth, app) => {
      if (!has(auth, 'getLoginUrl')) return wrong('the provider has no login page: programs may have keys, and people a password');
      const page = await app.loginUrl().catch(() => undefined);
      if (page === undefined) return green(auth.constructor.name);
      const project = isCloud(page) ? `, project ${page.searchParams.get('project_id')}` : '';
      return green(`${auth.constructor.name} at ${baseOf(page)}${project}`);
    }),
  },
  {
    code: 'login',
    light: 'red',
    holds: 'a sign-in can begin',
    mend: 'Make getLoginUrl answer the absolute address of the login page for every callback and state.',
    judge: provider((auth, app) => {
      if (!has(auth, 'getLoginUrl')) return notTested('no login page is offered');
      return app.loginUrl().then(() => green(), (error: unknown) => wrong(named(error)));
    }),
  },
  {
    code: 'state',
    light: 'red',
    holds: "the login page is given the server's state",
    mend: 'Put the whole state into the login address, unchanged: the server checks it, and finds the page to return to in it.',
    judge: login(async (_, app) => {
      const page = await app.loginUrl();
      return [...page.searchParams.values()].includes(STATE) ? green() : wrong('the address holds another state, or none');
    }),
  },
  {
    code: 'callback-fixed',
    light: 'yellow',
    holds: 'people come back to where they were',
    mend: 'Remove the fixed callback address, unless the server stands behind a proxy that hides its name.',
    judge: login(async (_, app) => {
      const [one, other] = await Promise.all([REDIRECT, HTTPS_REDIRECT].map(async to => (await app.loginUrl(to)).searchParams.get('redirect_uri')));
      return one !== undefined && one !== null && one === other ? wrong(`everyone comes back to ${one.split('?')[0]}`) : green();
    }),
  },
  {
    code: 'callback-id',
    light: 'red',
    holds: 'only the browser that began a sign-in finishes it',
    mend: "Add authCallbackRoute(auth) to the server's apiRoutes: at the server's own callback a browser takes another person's sign-in for its own.",
    judge: login(async (_, app) => {
      const { searchParams } = await app.loginUrl();
      if (searchParams.get('product') !== 'deploy') return green();
      const back = URL.parse(searchParams.get('redirect_uri') ?? '')?.pathname;
      if (back === new URL(REDIRECT).pathname) return wrong(`people come back to ${back}, and the platform replaces the state`);
      return app.routes.some(({ path }) => path === back) ? green(back) : wrong(`people come back to ${back}, which is no route of the server`);
    }),
  },
  {
    code: 'sync-methods',
    light: 'red',
    holds: 'what the server does not wait for is synchronous',
    mend: 'Make these methods answer at once, without async: the server uses what they return as it is.',
    judge: provider((_, { providers }) => none(providers.flatMap(asynchronous))),
  },
  {
    code: 'callback-cookies',
    light: 'red',
    holds: 'the callback answers with a session cookie',
    mend: 'Return cookies from handleCallback, the session cookie last: without them the server calls createSession, which fails.',
    judge: login(async (auth, app) => {
      if (!app.parts.mayTrySignIn) return notTested('--try-sign-in looks: it makes one sign-in at a Cloud within the doctor');
      return trySignIn(auth);
    }),
  },
  {
    code: 'cookie-kept',
    light: 'red',
    holds: 'browsers keep the cookie of a sign-in on localhost',
    mend: 'Set secure: true or MASTRA_COOKIE_SECURE=true in production alone: Safari keeps no Secure cookie of http://localhost.',
    judge: app => (app.isProduction ? notTested('production is no localhost') : kept(app)),
  },
  {
    code: 'cookie-secure',
    light: 'red',
    holds: 'over https that cookie is Secure',
    mend: 'Remove secure: false and MASTRA_COOKIE_SECURE=false.',
    judge: cookies(HTTPS_REDIRECT, lacking(/;\s*secure\s*(;|$)/i)),
  },
  {
    code: 'cookie-same-site',
    light: 'red',
    holds: 'that cookie comes back with the callback',
    mend: "Make the login cookie SameSite=Lax: the callback comes from the Cloud's site, where browsers hold Strict cookies back.",
    judge: cookies(REDIRECT, having(/;\s*samesite=strict/i)),
  },
  {
    code: 'resource-id',
    light: 'red',
    holds: 'threads belong to the people who began them',
    mend: "Give the provider the option mapUserToResourceId, as user => user.id: the server's base class shadows a method of that name.",
    judge: provider((_, { providers }) => none(providers.flatMap(unmapped))),
  },
];

/** Methods that answer by a promise. */
function asynchronous(auth: Members): string[] {
  return Object.entries(SYNCHRONOUS).filter(([name, given]) => isAsync(auth, name, given)).map(([name]) => name);
}

/** Why a provider's users have no resource of their own, if they have none. */
function unmapped(auth: Members): string[] {
  const name = auth.constructor.name;
  if (!has(auth, 'mapUserToResourceId')) return [`${name} has no mapUserToResourceId: its users may read every thread`];
  try {
    const id = call(auth, 'mapUserToResourceId', USER);
    return id === undefined || id === null || id === '' ? [`mapUserToResourceId of ${name} answers nothing for a plain user`] : [];
  } catch {
    // It may want more of a user than there is here, such as a tenant.
    return [];
  }
}

function isAsync(auth: Members, name: string, given: () => unknown[]): boolean {
  if (!has(auth, name)) return false;
  if ((auth[name] as object).constructor.name === 'AsyncFunction') return true;
  try {
    const answer = call(auth, name, ...given());
    if (typeof Object(answer).then !== 'function') return false;
    (answer as Promise<unknown>).then(undefined, () => undefined);
    return true;
  } catch {
    return false;
  }
}

