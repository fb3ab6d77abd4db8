/** Where there is no addon, the same rules run as WebAssembly, and one warning says so. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

const KINDS = [
  ['import', '--input-type=module', "await import('@mastra/auth-cloud')"],
  ['require', '--input-type=commonjs', "require('@mastra/auth-cloud')"],
] as const;

/** Counts the instances of the package's module, which alone imports from `napi`. */
const COUNTED = `let instances = 0;
    WebAssembly.Instance = class extends WebAssembly.Instance {
      constructor(module, imports) {
        super(module, imports);
        if (imports?.napi !== undefined) instances += 1;
      }
    };`;

/** What Node with these options printed on the way to a login page, and at its end the number of instances. */
function load(type: string, loads: string, options: readonly string[], force = '') {
  const script = `${COUNTED}
    const { MastraCloudAuth } = ${loads};
    for (const projectId of ['a', 'b']) console.log(new MastraCloudAuth({ projectId }).getLoginUrl('http://localhost:1/callback', 's'));
    console.log('instances:', instances);`;
  const env = { PATH: process.env['PATH'], ...(force && { MASTRA_AUTH_FORCE: force }) };
  return spawnSync(process.execPath, [...options, type, '-e', script], { encoding: 'utf8', env });
}

describe.each(KINDS)('%s', (_, type, loads) => {
  test('falls back on it, with one warning that names the reason, the remedy and the cost', () => {
    const { status, stdout, stderr } = load(type, loads, ['--no-addons']);
    expect(status).toBe(0);
    expect(stdout.match(/auth\/oss\?project_id=[ab]&/g)).toHaveLength(2);
    expect(stdout).toContain('instances: 1\n');
    expect(stderr.match(/MASTRA_AUTH_CLOUD_ADDON/g)).toHaveLength(1);
    expect(stderr).toMatch(/Node was told to load no addons\. Start Node without --no-addons.* as WebAssembly: the same answers, at a higher cost/);
  });

  test('throws where a test insists on the addon', () => {
    const { status, stderr } = load(type, loads, ['--no-addons'], 'native');
    expect(status).toBe(1);
    expect(stderr).toContain("code: 'addon_not_loaded'");
  });

  test('takes it without a warning where a test asks for it', () => {
    const { status, stdout, stderr } = load(type, loads, [], 'wasm');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('instances: 1\n');
  });
});

test('the doctor turns yellow and repeats why', () => {
  mkdirSync('.vitest', { recursive: true });
  const home = mkdtempSync('.vitest/addon-');
  const entry = `${home}/entry.mjs`;
  writeFileSync(entry, "import '@mastra/auth-cloud'; export const mastra = { getServer: () => ({}) };");
  const addon = (...options: string[]) => {
    const env = { PATH: process.env['PATH'] };
    const words = [...options, 'dist/esm/bin/main.js', 'doctor', '--json', '--entry', entry];
    const { stdout } = spawnSync(process.execPath, words, { encoding: 'utf8', env });
    return (JSON.parse(stdout) as { findings: { code: string }[] }).findings.find(({ code }) => code === 'addon');
  };
  expect(addon('--no-addons')).toMatchObject({ light: 'yellow', seen: expect.stringContaining('Node was told to load no addons') });
  expect(addon()).toMatchObject({ light: 'green' });
  rmSync(home, { recursive: true });
});
