/** What is installed, what a build makes of it, and what production wants. */

import { call, has, named } from '../members.js';
import type { App } from '../app.js';
import { compareVersions, dependencies, findPackage } from '../packages.js';
import { few, green, none, notTested, wrong } from '../rule.js';
import type { Rule } from '../rule.js';

const OURS = '@mastra/auth-cloud';
const OLDEST_NODE = '22.13.0';
const OLDEST_CORE = '1.50.0';
/** Servers that this package was tested with: from the first, before the second. */
const TESTED = ['1.67.0', '1.70.0'] as const;

/** No session lasts as long. In milliseconds. */
const LONG = 30 * 86_400_000;

/** Comments, and as the first group the texts that may look like one. */
const COMMENTS = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[^]*?\*\//g;
/** The option, and as the first group what it is set to: a list or a word. */
const EXTERNALS = /\bexternals(?:['"]?\s*:\s*(\[[^\]]*\]|[^\s,}]+)|\s*[,}])/;
/** A list of texts alone. */
const WRITTEN = /^\[\s*(?:(?:'[^']*'|"[^"]*"|`[^`$]*`)(?:\s*,)?\s*)*\]$/;

/** The copies of `@mastra/core` that the app, the provider and the servers load. */
function cores(app: App): string[] {
  const { folder } = app.parts;
  const from = [folder, findPackage(OURS, folder)?.folder, ...app.servers.map(server => server.folder)];
  const found = from.map(one => (one === undefined ? undefined : findPackage('@mastra/core', one)));
  return [...new Set(found.filter(core => core !== undefined).map(core => `${core.version} in ${core.folder}`))];
}

export const INSTALLATION_RULES: readonly Rule[] = [
  {
    code: 'node-version',
    light: 'red',
    holds: `Node is ${OLDEST_NODE} or newer`,
    mend: 'Run the server with Node 22.13 or newer.',
    judge: ({ parts: { node } }) => (compareVersions(node, OLDEST_NODE) < 0 ? wrong(`this is Node ${node}`) : green(node)),
  },
  {
    code: 'core-version',
    light: 'red',
    holds: `@mastra/core is ${OLDEST_CORE} or newer`,
    mend: 'Install @mastra/core 1.50 or newer.',
    judge: ({ parts: { folder } }) => {
      const version = findPackage('@mastra/core', folder)?.version;
      if (version === undefined) return notTested('@mastra/core is not installed here');
      return compareVersions(version, OLDEST_CORE) < 0 ? wrong(`this is ${version}`) : green(version);
    },
  },
  {
    code: 'core-once',
    light: 'yellow',
    holds: 'there is one @mastra/core',
    mend: 'Make all packages share one @mastra/core: remove the lock file and node_modules, or use overrides.',
    judge: app => {
      const found = cores(app);
      return found.length > 1 ? wrong(few(found)) : green();
    },
  },
  {
    code: 'server-stray',
    light: 'red',
    holds: '@mastra/server is no stray release',
    mend: 'Remove @mastra/server from package.json: the adapter or the command mastra brings the right one; the tag latest is a stray of 2025.',
    judge: ({ parts: { folder } }) => {
      const version = findPackage('@mastra/server', folder)?.version ?? '';
      return version.startsWith('2.0.') ? wrong(`@mastra/server ${version} has no sign-in`) : green();
    },
  },
  {
    code: 'server-version',
    light: 'yellow',
    holds: 'the Mastra server is a tested one',
    mend: 'Install an adapter whose server is 1.67 to 1.69, or test the sign-in with yours.',
    judge: ({ servers }) => {
      const said = servers.map(({ version, via }) => `${version} by ${via}`);
      if (said.length === 0) return notTested('no @mastra/server is installed here');
      const isTested = servers.every(({ version }) => compareVersions(version, TESTED[0]) >= 0 && compareVersions(version, TESTED[1]) < 0);
      return isTested ? green(few(said)) : wrong(few(said));
    },
  },
  {
    code: 'addon',
    light: 'yellow',
    holds: "the package's addon is loaded",
    mend: 'Install again on this platform, with optional dependencies: until then the rules run as WebAssembly, which costs more.',
    judge: ({ parts: { warnings } }) => none(warnings.filter(one => one.startsWith('MASTRA_AUTH_CLOUD_ADDON'))),
  },
  {
    code: 'externals',
    light: 'red',
    holds: 'the bundler leaves the package outside',
    mend: 'Name @mastra/auth-cloud in bundler.externals, or leave that list out: a bundle does not hold the addon.',
    judge: ({ providers, parts: { source } }) => {
      const isOurs = providers.some(one => one['isMastraCloudAuth'] === true);
      const option = EXTERNALS.exec(source.replaceAll(COMMENTS, '$1'));
      if (!isOurs || option === null) return green();
      const said = option[1] ?? '';
      if (/^(true|false)$/.test(said) || /@mastra\/auth-cloud['"`]/.test(said)) return green();
      return WRITTEN.test(said) ? wrong(`externals: ${said}`) : notTested('the entry does not write the list of externals out');
    },
  },
  {
    code: 'folder-dependency',
    light: 'yellow',
    holds: 'the package is installed from a release',
    mend: 'Name a published version or a tarball in package.json: a build that names a folder runs only where it was made.',
    judge: app => {
      if (!app.isProduction) return notTested('--production looks');
      const wanted = dependencies(app.manifest)[OURS] ?? '';
      return /^(file|link|portal):/.test(wanted) && !wanted.endsWith('.tgz') ? wrong(`${OURS}: ${wanted}`) : green();
    },
  },
  {
    code: 'licence',
    light: 'red',
    holds: "Mastra's licence key is there",
    mend: "Set MASTRA_EE_LICENSE or MASTRA_LICENSE_KEY to Mastra's own key, or leave rbac out: in production the server does not start without.",
    judge: app => {
      if (app.rbac === undefined) return notTested('the server has no rbac');
      if (!app.isProduction) return notTested('--production looks');
      const { MASTRA_EE_LICENSE, MASTRA_LICENSE_KEY } = app.parts.env;
      return MASTRA_EE_LICENSE || MASTRA_LICENSE_KEY ? green() : wrong('neither variable is set');
    },
  },
  {
    code: 'local-cloud',
    light: 'red',
    holds: 'production takes no Cloud for tests',
    mend: 'Remove localCloudForTests and MASTRA_LOCAL_CLOUD_FOR_TESTS from production: a local Cloud checks no password.',
    judge: app => {
      if (!app.isProduction) return notTested('--production looks');
      if (app.settings.length === 0) return notTested('there is no provider of this package');
      return app.settings.some(one => one.isLocalCloudForTests) ? wrong('localCloudForTests is on') : green();
    },
  },
  {
    code: 'worker-token',
    light: 'red',
    holds: 'the token of workers is good for long',
    mend: 'Give workers a project API token, or a key of SimpleAuth beside the provider: a session token ends, and workflows stop with it.',
    judge: async ({ auth, parts: { env } }) => {
      const token = env['MASTRA_WORKER_AUTH_TOKEN'];
      if (!token) return notTested('MASTRA_WORKER_AUTH_TOKEN is not set');
      const end = expiry(token);
      if (end !== undefined && end < Date.now() + LONG) return wrong(`MASTRA_WORKER_AUTH_TOKEN ends at ${new Date(end).toISOString()}`);
      if (!has(auth, 'authenticateToken')) return notTested('the server has no sign-in');
      try {
        const user = await call(auth, 'authenticateToken', token, new Request('http://localhost:4111/api/workflows/events'));
        return user ? green() : wrong('the provider refuses MASTRA_WORKER_AUTH_TOKEN');
      } catch (error) {
        return notTested(named(error));
      }
    },
  },
];

/** When a token says that it ends, in milliseconds since 1970; `undefined` where it says no time. */
function expiry(token: string): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof exp === 'number' && Math.abs(exp) <= 8.64e12 ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}
