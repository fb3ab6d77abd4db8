/** The Cloud, as it is reached from here. */

import type { App } from '../app.js';
import { green, notTested, wrong } from '../rule.js';
import type { Rule, Verdict } from '../rule.js';
import type { Visit } from '../visit.js';

/** The plugin's longest wait for an answer of the Cloud in seconds, by default. */
const CALL_TIMEOUT = 3;
/** How far clocks may differ in seconds, by default. */
const LEEWAY = 30;

function visited(judge: (visit: Visit, app: App) => Verdict): (app: App) => Promise<Verdict> {
  return async app => {
    if (app.auth === undefined) return notTested('the server has no sign-in');
    const visit = await app.visit().catch(() => undefined);
    return visit === undefined ? notTested('no sign-in can begin') : judge(visit, app);
  };
}

export const CLOUD_RULES: readonly Rule[] = [
  {
    code: 'cloud',
    light: 'red',
    holds: 'the Cloud answers from here',
    mend: "Check the provider's baseUrl or MASTRA_CLOUD_URL, and whether that address answers from this machine.",
    judge: visited(({ base, page }) => (typeof page === 'string' ? wrong(`${base}: ${page}`) : green(base))),
  },
  {
    code: 'login-page',
    light: 'red',
    holds: 'the login page takes the request',
    mend: "Use a project id that exists there, and allow the callback's address in the project's settings.",
    judge: visited(({ base, page }) => {
      if (typeof page === 'string') return notTested('the Cloud does not answer');
      return page.status < 400 ? green() : wrong(`${base} answers ${page.status}`);
    }),
  },
  {
    code: 'cloud-speed',
    light: 'yellow',
    holds: 'the Cloud answers in time',
    mend: 'Find what slows the Cloud down from here, or raise MASTRA_CALL_TIMEOUT: the plugin waits for 3 s.',
    judge: visited(({ page, keys }, { settings: [settings] }) => {
      const times = [page, keys].filter(one => typeof one === 'object').map(one => one.took);
      if (times.length === 0) return notTested('the Cloud does not answer');
      const slowest = Math.max(...times);
      return slowest > 1_000 * (settings?.callTimeout ?? CALL_TIMEOUT) ? wrong(`an answer took ${slowest} ms`) : green(`${slowest} ms`);
    }),
  },
  {
    code: 'keys',
    light: 'yellow',
    holds: "the Cloud's keys can be fetched",
    mend: "Where tokens are verified by keys, give verification.jwksUrl an address that serves the Cloud's key set.",
    judge: visited(({ isCloud, page, keys, keysUrl }) => {
      if (typeof page === 'string') return notTested('the Cloud does not answer');
      if (!isCloud) return notTested("the login page is not Mastra Cloud's");
      if (keys === undefined) return notTested('the provider fetches no keys');
      if (typeof keys === 'string') return wrong(keys);
      const count = keysIn(keys.text);
      const isThere = keys.status === 200 && count > 0;
      return isThere ? green(`${count} in ${keys.took} ms`) : wrong(`${new URL(keysUrl).origin}${new URL(keysUrl).pathname} answers ${keys.status} with ${count} keys`);
    }),
  },
  {
    code: 'clock',
    light: 'red',
    holds: 'the clocks agree',
    mend: "Set the server's clock by NTP: tokens are refused where clocks differ by more than the leeway.",
    judge: visited(({ page, keys }, { settings: [settings] }) => {
      if (typeof page === 'string') return notTested('the Cloud does not answer');
      const lead = page.lead ?? (typeof keys === 'object' ? keys.lead : undefined);
      if (lead === undefined) return notTested("the Cloud's answer has no date of its own");
      const apart = Math.abs(lead);
      return apart > (settings?.leeway ?? LEEWAY) ? wrong(`this machine's clock is ${apart} s off the Cloud's`) : green(`within ${Math.max(apart, 1)} s of the Cloud's`);
    }),
  },
];

function keysIn(text: string): number {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) ? keys.length : 0;
  } catch {
    return 0;
  }
}
