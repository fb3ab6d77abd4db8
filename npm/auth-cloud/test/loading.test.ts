/** How the addon is found: without Node's diagnostic report, which looks up the name of every connected peer, and may be missing. */

import { spawnSync } from 'node:child_process';

import { expect, test } from 'vitest';

const ASKED = "Object.defineProperty(process, 'report', { get() { throw new Error('asked for a report'); } });";
const MISSING = "Object.defineProperty(process, 'report', { value: undefined });";

test.each([
  ['import', '--input-type=module', "await import('./dist/esm/index.js')"],
  ['require', '--input-type=commonjs', "require('./dist/cjs/index.js')"],
])('%s loads it and asks for no report', (_, type, load) => {
  for (const report of [ASKED, MISSING]) {
    const { stdout, stderr } = spawnSync(process.execPath, [type, '-e', `${report} console.log(typeof (${load}).MastraCloudAuth)`], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(stdout).toBe('function\n');
  }
});
