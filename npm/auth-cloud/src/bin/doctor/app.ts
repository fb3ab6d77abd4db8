/** An app as the doctor sees it: its server's options, its provider, its folder and its environment. */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { SETTINGS } from '../../options.js';
import type { Settings } from '../../options.js';
import { call, inTime, members } from './members.js';
import type { Members } from './members.js';
import { serversOf } from './packages.js';
import type { MastraServerPackage } from './packages.js';
import { visit } from './visit.js';
import type { Visit } from './visit.js';

/** What a sign-in on this machine would bring. */
export const REDIRECT = 'http://localhost:4111/api/auth/sso/callback';
export const HTTPS_REDIRECT = 'https://app.example.com/api/auth/sso/callback';
export const STATE = '00000000-0000-4000-8000-000000000000|%2Fagents';

/** A route of the app's own. */
export interface CustomRoute {
  readonly path: string;
  readonly method: string;
  readonly requiresAuth?: boolean;
  readonly requiresPermission?: string | readonly string[];
}

export interface AppParts {
  /** The folder of the app's `package.json`. */
  readonly folder: string;
  /** The text of the entry. */
  readonly source: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The version of Node, without a `v`. */
  readonly node: string;
  /** Codes of the warnings that the app caused while it was loaded, with the text of those of this package. */
  readonly warnings: readonly string[];
  readonly mayTrySignIn: boolean;
  /** Options of the Mastra server. */
  readonly server: Members;
  /** Why the provider could not be made of its options. */
  readonly refused?: string | undefined;
}

export class App {
  readonly #parts: AppParts;
  #visit: Promise<Visit> | undefined;
  readonly #loginUrls = new Map<string, Promise<URL>>();
  #servers: readonly MastraServerPackage[] | undefined;

  constructor(parts: AppParts) {
    this.#parts = parts;
  }

  get parts(): AppParts {
    return this.#parts;
  }

  get isProduction(): boolean {
    return this.#parts.env['NODE_ENV'] === 'production' && this.#parts.env['MASTRA_DEV'] !== 'true';
  }

  /** The provider, if the server has one. */
  get auth(): Members | undefined {
    return members(this.#parts.server['auth']);
  }

  /** The providers of which a user may be: those within a `CompositeAuth`, else the one. */
  get providers(): readonly Members[] {
    const within = this.auth?.['providers'];
    return Array.isArray(within) ? within.map(members).filter(one => one !== undefined) : [this.auth].filter(one => one !== undefined);
  }

  /** How each provider of this package was set up. */
  get settings(): readonly Settings[] {
    const read = this.providers.map(one => Reflect.get(one, SETTINGS) as unknown);
    return read.filter(one => typeof one === 'function').map(one => (one as () => Settings)());
  }

  get rbac(): Members | undefined {
    return members(this.#parts.server['rbac']);
  }

  get routes(): readonly CustomRoute[] {
    const routes = this.#parts.server['apiRoutes'];
    return Array.isArray(routes) ? (routes as CustomRoute[]).filter(route => typeof route?.path === 'string') : [];
  }

  /** The packages of Mastra's server that the app may run with. */
  get servers(): readonly MastraServerPackage[] {
    return (this.#servers ??= serversOf(this.#parts.folder, this.manifest));
  }

  /** The app's `package.json`; empty where there is none. */
  get manifest(): Members {
    try {
      return JSON.parse(readFileSync(join(this.#parts.folder, 'package.json'), 'utf8')) as Members;
    } catch {
      return {};
    }
  }

  /** The login page's address for a callback, as the server would get it. Throws what the provider throws. It is asked once. */
  loginUrl(redirect = REDIRECT): Promise<URL> {
    const known = this.#loginUrls.get(redirect);
    if (known !== undefined) return known;
    const asked = Promise.resolve()
      .then(() => call(this.auth, 'getLoginUrl', redirect, STATE))
      .then(url => new URL(String(url)));
    const within = inTime(asked, 10_000);
    this.#loginUrls.set(redirect, within);
    return within;
  }

  /** What the login page and the Cloud's keys answer. They are asked once. */
  async visit(): Promise<Visit> {
    return (this.#visit ??= this.loginUrl().then(login => visit(login, this.settings[0])));
  }
}

/** The nearest folder above a file that has a `package.json`; else the file's own. */
export function folderOf(file: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    try {
      readFileSync(join(folder, 'package.json'));
      return folder;
    } catch {
      if (folder === dirname(folder)) return dirname(file);
    }
  }
}
