/**
 * The process that loads the app and looks at it: the app may print to standard output, end its process or leave an addon that
 * crashes, and the report still stands. It is written as JSON to the fourth file.
 */

import { writeFileSync } from 'node:fs';

import { EntryError, load } from './load.js';
import type { LoadOptions } from './load.js';
import { named } from './members.js';
import type { Finding } from './report.js';

/** What was found, or why nothing was. */
export type Result = { readonly findings: readonly Finding[]; readonly apiPrefix?: unknown } | { readonly refused: string };

const REPORT = 3;

process.on('unhandledRejection', () => undefined).on('uncaughtException', () => undefined);
// Printing them is the listener that is removed. The text of our own holds no value of the app.
const warnings: string[] = [];
process.removeAllListeners('warning').on('warning', ({ code, name, message }: Error & { code?: string }) => {
  warnings.push(code?.startsWith('MASTRA_AUTH_CLOUD_') === true ? `${code}: ${message}` : (code ?? name));
});

async function look(): Promise<Result> {
  try {
    // The rules load the addon, and what that says must be heard.
    const { examine } = await import('./examine.js');
    const app = await load(JSON.parse(process.argv[2] ?? '{}') as LoadOptions, warnings);
    return { findings: await examine(app), apiPrefix: app.parts.server['apiPrefix'] };
  } catch (error) {
    return { refused: error instanceof EntryError ? error.message : named(error) };
  }
}

writeFileSync(REPORT, JSON.stringify(await look()));
// The app may keep the process alive.
process.exit();
