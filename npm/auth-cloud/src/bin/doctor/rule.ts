/** A thing that the doctor looks at: its code, what holds, how it is judged, and what to do where it does not hold. */

import type { App } from './app.js';

export interface Rule {
  /** Never changes its meaning. `mastra-auth doctor` uses the same code for the same thing. */
  readonly code: string;
  /** `red`: sign-in does not work or is not safe. `yellow`: something is lost. */
  readonly light: 'red' | 'yellow';
  readonly holds: string;
  readonly mend: string;
  judge(app: App): Verdict | Promise<Verdict>;
}

export interface Verdict {
  readonly is: 'green' | 'wrong' | 'not tested';
  /** What was seen, or why it was not looked at. Never a credential. */
  readonly seen: string;
}

export const green = (seen = ''): Verdict => ({ is: 'green', seen });
export const wrong = (seen: string): Verdict => ({ is: 'wrong', seen });
export const notTested = (why: string): Verdict => ({ is: 'not tested', seen: why });

/** Green where nothing is listed. */
export const none = (found: readonly string[], seen = ''): Verdict => (found.length === 0 ? green(seen) : wrong(few(found)));

/** A list for one line. */
export function few(names: readonly string[]): string {
  const shown = [...new Set(names)];
  return shown.length <= 5 ? shown.join(', ') : `${shown.slice(0, 5).join(', ')} and ${shown.length - 5} more`;
}
