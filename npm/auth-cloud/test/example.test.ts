/** The example app is type-checked with this package's dependencies, so it must name the same versions. */

import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

const versions = (path: string): Record<string, string> => {
  const manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Record<string, Record<string, string>>;
  return { ...manifest['dependencies'], ...manifest['devDependencies'] };
};

test('the example is type-checked with the versions it names', () => {
  const [here, there] = [versions('../package.json'), versions('../../../examples/mastra/package.json')];
  for (const name of ['@mastra/core', '@ai-sdk/provider', 'zod', '@types/node']) {
    expect(there[name], name).toMatch(/^\d/);
    expect(here[name], name).toBe(there[name]);
  }
});
