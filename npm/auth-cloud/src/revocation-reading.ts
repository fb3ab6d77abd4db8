/**
 * How the set in Redis is read when it is joined: in pages, the last end first, each as large as comes in time.
 *
 * What ends soonest gives way where it is too much. All pages but the last go out at once. A page begins at the score where the last one
 * ended, for what came meanwhile would move a page that begins at a place. Nothing is taken for granted of what stands there: it may be
 * of any length, and no text.
 */

import { Late } from './patience.js';
import type { Connection } from './redis-connection.js';

const PAGE = 2000;
/** No entry is longer. */
const LONGEST = 1024;

/** What is too long to be an entry is told as one that cannot be read, and not held. */
export function textOf(told: string): string {
  return told.length > LONGEST ? '' : told;
}

/** What stands, up to `most` of it; the last part of it is answered. */
export async function readStanding(
  connection: Connection,
  name: string,
  told: (texts: readonly string[]) => void,
  most: number,
): Promise<{ standing: string[]; leftOut: number }> {
  const since = `(${Date.now()}`;
  const count = async () => Number(await connection.command(client => client.sendCommand(['ZCOUNT', name, since, '+inf'])));
  let from = '+inf';
  // How many from that score on were read.
  let skip = 0;
  let page = PAGE;
  for (let read = 0; ; ) {
    const size = Math.min(page, most - read);
    const words = ['ZREVRANGEBYSCORE', name, from, since, 'WITHSCORES', 'LIMIT', String(skip), String(size)];
    const found = await inTime(connection.command(client => client.sendCommand(words)) as Promise<string[]>);
    if (found === undefined) {
      // Redis is there all the same, or nothing goes on.
      await count();
      if (size > 1) {
        page = Math.floor(size / 2);
        told([]);
      } else {
        // No entry takes that long: it is passed over, as one that cannot be read.
        skip += 1;
        read += 1;
        told(['']);
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
    told(texts);
  }
}

/** Nothing where it did not come in time. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Late) return undefined;
    throw error;
  }
}
