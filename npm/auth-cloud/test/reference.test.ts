/** The guides name each option and method that there is, and no other. */

import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { MastraCloudAuth, MastraCloudClient } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import { BINARY } from './world.js';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const guide = (name: string) => read(`../../docs/guide/${name}`);

/** The names in a cell of each row of the first table after a line: those before a bracket, and bare ones. */
function listed(page: string, after: string, cell: number): string[] {
  const rows = page.slice(page.indexOf(`${after}\n`)).split('\n').slice(1);
  const table = rows.slice(rows.findIndex(row => row.startsWith('|')));
  const end = table.findIndex(row => !row.startsWith('|'));
  const cells = table.slice(2, end).map(row => row.split(/(?<!\\)\|/)[cell] ?? '');
  return cells.flatMap(text => [...text.matchAll(/`([\w.]+)(?:\([^`]*)?`/g)].map(([, name]) => name ?? '')).toSorted();
}

const methodsOf = ({ prototype }: { prototype: object }) =>
  Object.getOwnPropertyNames(prototype).filter(name => name !== 'constructor').toSorted();

/** The members of an interface, as its source has them. */
function members(file: string, name: string): string[] {
  const [, body = ''] = read(`src/${file}`).split(`export interface ${name} `);
  return [...body.slice(0, body.indexOf('\n}')).matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member]) => member ?? '');
}

test('the reference has each method of the provider and of the client', () => {
  const reference = guide('mastra-reference.md');
  expect(listed(reference, '## Methods', 2)).toEqual(methodsOf(MastraCloudAuth));
  expect(listed(reference, '## MastraCloudClient', 1)).toEqual(methodsOf(MastraCloudClient));
});

test('the reference and the package have each option', () => {
  const all = [...members('client-options.ts', 'MastraCloudClientOptions'), ...members('options.ts', 'MastraCloudAuthOptions')];
  const cache = members('options.ts', 'CacheOptions').map(name => `cache.${name}`);
  const own = [...all.filter(name => name !== 'cache'), ...cache].toSorted();
  const servers = ['name', 'protected', 'public', 'authorizeUser', 'mapUserToResourceId'];
  expect(listed(guide('mastra-reference.md'), '## Constructor', 1)).toEqual([...own, ...servers].toSorted());
  expect(listed(read('README.md'), '## Configuration', 1)).toEqual(own);
});

test('the guides have each member of a user, and each option of the verification', () => {
  expect(listed(guide('mastra-reference.md'), '## CloudUser', 1)).toEqual(members('user.ts', 'CloudUser').toSorted());
  const options = members('options.ts', 'VerificationOptions').toSorted();
  expect(listed(guide('verification.md'), '## Options', 2)).toEqual(options);
});

test('the guide for tests has each method of the local Cloud', async () => {
  await using cloud = await startLocalCloud({ binary: BINARY });
  const { faults, ...others } = cloud;
  const own = Object.entries(others).filter(([, member]) => typeof member === 'function').map(([name]) => name);
  const named = [...own, ...Object.keys(faults).map(name => `faults.${name}`)].filter(name => name !== 'signIn');
  expect(listed(guide('test-your-app.md'), 'What a test does with the Cloud:', 1)).toEqual(named.toSorted());
});
