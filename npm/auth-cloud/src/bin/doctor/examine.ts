/** Judges an app by every rule. */

import { inTime, named } from './members.js';
import type { App } from './app.js';
import type { Finding } from './report.js';
import { notTested } from './rule.js';
import type { Rule } from './rule.js';
import { CLOUD_RULES } from './rules/cloud.js';
import { INSTALLATION_RULES } from './rules/installation.js';
import { PROVIDER_RULES } from './rules/provider.js';
import { ROLE_RULES } from './rules/roles.js';
import { ROUTE_RULES } from './rules/routes.js';

export const RULES: readonly Rule[] = [...PROVIDER_RULES, ...ROLE_RULES, ...ROUTE_RULES, ...INSTALLATION_RULES, ...CLOUD_RULES];

/** One after another: a rule may call the provider, which serves one sign-in at a time. */
export async function examine(app: App): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const rule of RULES) {
    const verdict = await inTime(Promise.resolve(app).then(rule.judge), 60_000).catch((error: unknown) => notTested(`the app fails: ${named(error)}`));
    findings.push({ rule, verdict });
  }
  return findings;
}
