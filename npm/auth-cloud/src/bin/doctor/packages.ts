/** Packages as the app has them in `node_modules`, found from its folder upwards. */

import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Members } from './members.js';

export interface InstalledPackage {
  readonly folder: string;
  readonly version: string;
  readonly manifest: Members;
}

/** A `@mastra/server`, and the package through which the app has it. */
export interface MastraServerPackage extends InstalledPackage {
  readonly via: string;
  /** Its module for adapters: routes, and the permissions that they want. */
  adapter(): Promise<ServerAdapter>;
  /** Its module of rules for paths. */
  auth(): Promise<ServerAuth>;
}

export interface ServerRoute {
  readonly path: string;
  readonly method: string;
}

interface ServerAdapter {
  readonly SERVER_ROUTES: readonly ServerRoute[];
  getEffectivePermission(route: ServerRoute): string | readonly string[] | null;
}

interface ServerAuth {
  canAccessPublicly(path: string, method: string, config: object): boolean;
  isProtectedPath(path: string, method: string, config: object): boolean;
}

/** Each brings a `@mastra/server`; `mastra` by way of `@mastra/deployer`. */
const ADAPTERS = ['mastra', '@mastra/deployer', '@mastra/hono', '@mastra/express', '@mastra/fastify', '@mastra/koa'];

export function findPackage(name: string, from: string): InstalledPackage | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name);
    try {
      const manifest = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as Members;
      return { folder: realpathSync(place), version: String(manifest['version']), manifest };
    } catch {
      if (folder === dirname(folder)) return undefined;
    }
  }
}

/** What an app names under its dependencies, of any kind, with the version that it wants. */
export function dependencies(manifest: Members): Readonly<Record<string, string>> {
  return { ...(manifest['dependencies'] as object), ...(manifest['devDependencies'] as object) };
}

/** By the adapters that the app names; by those that are installed where it names none. */
export function serversOf(folder: string, manifest: Members): MastraServerPackage[] {
  const installed = adapters(folder, ADAPTERS.filter(name => Object.hasOwn(dependencies(manifest), name)));
  return installed.length > 0 ? installed : adapters(folder, ADAPTERS);
}

function adapters(folder: string, names: readonly string[]): MastraServerPackage[] {
  const found = new Map<string, MastraServerPackage>();
  for (const via of names) {
    const adapter = findPackage(via, folder);
    const deployer = via === 'mastra' && adapter !== undefined ? findPackage('@mastra/deployer', adapter.folder) : adapter;
    const server = deployer && findPackage('@mastra/server', deployer.folder);
    if (server === undefined || found.has(server.folder)) continue;
    found.set(server.folder, {
      ...server,
      via,
      adapter: () => load(server, './server-adapter') as Promise<ServerAdapter>,
      auth: () => load(server, './auth') as Promise<ServerAuth>,
    });
  }
  return [...found.values()];
}

/** Loads an entry of a package from its folder, as its manifest says. */
function load({ folder, manifest }: InstalledPackage, entry: string): Promise<unknown> {
  const { import: file } = (manifest['exports'] as Record<string, { import?: string | { default: string } }>)[entry] ?? {};
  const path = typeof file === 'object' ? file.default : (file ?? '');
  return import(pathToFileURL(join(folder, path)).href);
}

/** Compares versions by their three numbers. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map(version => version.split('-')[0]?.split('.').map(Number) ?? []);
  for (const at of [0, 1, 2]) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
