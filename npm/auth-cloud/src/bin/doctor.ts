/** `npx @mastra/auth-cloud doctor`: what is wrong with sign-in in this app. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { LocalCloudError } from '../testing/error.js';
import { findProgram } from '../testing/program.js';
import type { Result } from './doctor/child.js';
import type { LoadOptions } from './doctor/load.js';
import { named } from './doctor/members.js';
import { escaped, lightOf, object, table } from './doctor/report.js';

const HELP = `Usage: npx @mastra/auth-cloud doctor [options]

Loads the app's Mastra instance, or a provider that a file exports, and looks at its sign-in: provider, roles, routes,
packages, and the Cloud as it is reached from here. Reports each thing as red, yellow or green, with what was seen and
what to do about it. Reads .env files as mastra dev does.

Options:
  --entry FILE     exports the Mastra instance or the provider; default: src/mastra/index.ts
  --server URL     look at the running server too, with the program mastra-auth
  --api-prefix P   where that server's own routes are; default: the app's apiPrefix, else /api
  --production     as mastra start runs it: NODE_ENV=production and .env.production
  --try-sign-in    call the provider's handleCallback, for a made-up person at a Cloud within the doctor
  --json           report one JSON object
  --list           list what is looked at, and load no app

Exit status:
  0  nothing is red
  1  something is
  2  wrong usage, or an entry that cannot be loaded
  4  nothing answered at the server's address
`;

const OPTIONS = {
  entry: { type: 'string' },
  server: { type: 'string' },
  'api-prefix': { type: 'string' },
  production: { type: 'boolean' },
  'try-sign-in': { type: 'boolean' },
  json: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const MAX_REPORT = 16 * 1024 * 1024;

export async function run(words: readonly string[]): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({ args: [...words], options: OPTIONS }));
  } catch (error) {
    return usage(named(error).replace(/^\S+ \S+: /, ''));
  }
  const isJson = values.json === true;
  if (values.help === true) return print(HELP, 0);
  if (values.list === true) return print(await list(isJson), 0);

  let program: string | undefined;
  try {
    if (values.server !== undefined) program = findProgram(undefined);
  } catch (error) {
    return usage(error instanceof LocalCloudError ? error.message : named(error));
  }
  const isProduction = values.production === true;
  const result = look({ entry: values.entry, isProduction, mayTrySignIn: values['try-sign-in'] === true });
  if ('refused' in result) return usage(result.refused);
  const { findings } = result;
  const isRed = findings.some(finding => lightOf(finding) === 'red');
  if (values.server === undefined || program === undefined) {
    return print(isJson ? `${JSON.stringify(object(findings), undefined, 2)}\n` : table(findings), isRed ? 1 : 0);
  }
  if (!isJson) process.stdout.write(table(findings));
  const prefix = values['api-prefix'] ?? result.apiPrefix;
  const below = typeof prefix === 'string' ? ['--api-prefix', prefix] : [];
  const outside = spawnSync(program, ['doctor', '--server', values.server, ...below, ...(isJson ? ['--json'] : [])], {
    stdio: ['ignore', isJson ? 'pipe' : 'inherit', 'inherit'],
    encoding: 'utf8',
  });
  if (outside.error !== undefined) return usage(`${program} cannot be run: ${named(outside.error)}`);
  if (isJson) {
    const seen = outside.stdout === '' ? null : (JSON.parse(outside.stdout) as unknown);
    process.stdout.write(`${JSON.stringify({ ...object(findings), outside: seen }, undefined, 2)}\n`);
  }
  return Math.max(outside.status ?? 1, isRed ? 1 : 0);
}

async function list(isJson: boolean): Promise<string> {
  // They load the addon.
  const { RULES } = await import('./doctor/examine.js');
  const rules = RULES.map(({ code, light, holds, mend }) => ({ code, light, holds, do: mend }));
  if (isJson) return `${JSON.stringify(rules, undefined, 2)}\n`;
  return rules.map(({ code, light, holds }) => `${code.padEnd(17)} ${light.padEnd(6)}  ${holds}\n`).join('');
}

/** Loads the app and judges it in a process of its own, whose standard output is standard error: this one's is the report's. */
function look(options: LoadOptions): Result {
  const child = fileURLToPath(new URL('./doctor/child.js', import.meta.url));
  const ended = spawnSync(process.execPath, [...process.execArgv, child, JSON.stringify(options)], {
    stdio: ['inherit', 2, 2, 'pipe'],
    encoding: 'utf8',
    maxBuffer: MAX_REPORT,
  });
  if (ended.error !== undefined) return { refused: `the app cannot be looked at: ${named(ended.error)}` };
  const report = ended.output[3];
  if (report) return JSON.parse(report) as Result;
  const how = ended.signal ?? `status ${ended.status}`;
  return { refused: `the app ended its process, with ${how}, before it was looked at: name a file with --entry that does not` };
}

function print(text: string, status: number): number {
  process.stdout.write(text);
  return status;
}

function usage(message: string): number {
  process.stderr.write(`error: ${escaped(message)}\n`);
  return 2;
}
