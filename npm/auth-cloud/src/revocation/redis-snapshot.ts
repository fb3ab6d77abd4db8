/**
 * Reads the set in Redis when joining: in pages, latest expiry first, each as large as arrives in time.
 *
 * If there are too many entries, those that expire soonest are left out. All pages but the last are reported at once. A
 * page starts at the score where the last one ended, not at a rank: entries that arrive meanwhile would shift the ranks.
 * The entries are untrusted: they may be of any length, and not text.
 */

import { TimedOut } from '../timeout.js';
import type { Connection } from './redis-connection.js';

const PAGE = 2000;
/** No entry is longer, in characters. */
const LONGEST = 1024;

/** A text that is too long for an entry is dropped and counts as unreadable. */
export function textOf(text: string): string {
  return text.length > LONGEST ? '' : text;
}

/** Reads the stored entries, up to `most`; returns the last page. */
export async function readSnapshot(
  connection: Connection,
  name: string,
  onTexts: (texts: readonly string[]) => void,
  most: number,
): Promise<{ standing: string[]; leftOut: number }> {
  const since = `(${Date.now()}`;
  const count = async () => Number(await connection.command(client => client.sendCommand(['ZCOUNT', name, since, '+inf'])));
  let from = '+inf';
  // The number of entries read from that score on.
  let skip = 0;
  let page = PAGE;
  for (let read = 0; ; ) {
    const size = Math.min(page, most - read);
    const words = ['ZREVRANGEBYSCORE', name, from, since, 'WITHSCORES', 'LIMIT', String(skip), String(size)];
    const found = await inTime(connection.command(client => client.sendCommand(words)) as Promise<string[]>);
    if (found === undefined) {
      // Throws if Redis does not answer at all.
      await count();
      if (size > 1) {
        page = Math.floor(size / 2);
        onTexts([]);
      } else {
        // No valid entry takes that long: skip it as unreadable.
        skip += 1;
        read += 1;
        onTexts(['']);
      }
      continue;
    }
    page = Math.min(page * 2, PAGE);
    const texts = found.filter((_, place) => place % 2 === 0).map(textOf);
    read += texts.length;
    if (texts.length < size) return { standing: texts, leftOut: 0 };
    if (read >= most) return { standing: texts, leftOut: Math.max(0, (await count()) - read) };
    const last = found.at(-1) as string;
    const same = found.filter((score, place) => place % 2 === 1 && score === last).length;
    skip = from === last ? skip + same : same;
    from = last;
    onTexts(texts);
  }
}

/** `undefined` if it did not arrive in time. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TimedOut) return undefined;
    throw error;
  }
}
