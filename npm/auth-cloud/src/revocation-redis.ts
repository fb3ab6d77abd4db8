/**
 * Revocations over Redis: a sorted set that keeps them by their end, and a channel of the same name that tells them.
 *
 * Everything has a time: a connection a second, a command a second. Whoever listens asks every second whether Redis is still there. An
 * error of Redis may hold its address, so none of them goes on.
 */

import { randomBytes } from 'node:crypto';

import { wrong } from './options.js';
import { within } from './patience.js';
import { Connection, SECOND, connecting, destroy } from './redis-connection.js';
import type { Connect } from './redis-connection.js';
import { readStanding, textOf } from './revocation-reading.js';
import type { RevocationChannel, RevocationMessage, RevocationSubscription } from './revocations.js';

const HOUR = 60 * 60 * SECOND;
/** How long what is over is kept: an instance whose clock is ahead takes away nothing that still stands. */
const MARGIN = 24 * HOUR;
/** How many seconds pass until it is looked whether Redis still keeps what it kept. */
const LOOK = 5;
/** How long a mark is over already: it is not read with what stands, also where a clock is behind. */
const BEHIND = HOUR;

/** For `redis://[user:password@]host[:port][/database]`, or `rediss://`. Nothing is connected here. */
export function redisChannel(url: unknown): RevocationChannel {
  if (typeof url !== 'string' || !/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    throw wrong('revocations.redis must be a URL of Redis');
  }
  return new RedisChannel(connecting(url));
}

class RedisChannel implements RevocationChannel {
  readonly #connect: Connect;
  readonly #commands: Connection;
  /**
   * A member of the set that is this instance's own. Whoever takes away what stands takes it along, for it ends before that; so where it
   * is gone, more may be.
   */
  readonly #mark = `mark ${randomBytes(8).toString('hex')}`;

  constructor(connect: Connect) {
    this.#connect = connect;
    this.#commands = new Connection(connect);
  }

  async publish(messages: readonly RevocationMessage[], realm: string): Promise<void> {
    const name = nameOf(realm);
    await this.#commands.command(client => {
      const both = client.multi().addCommand(['ZREMRANGEBYSCORE', name, '-inf', String(Date.now() - MARGIN)]);
      for (const { text, until, kept } of messages) {
        if (kept) both.addCommand(['ZADD', name, String(until), text]);
        both.addCommand(['PUBLISH', name, text]);
      }
      return both.exec();
    });
  }

  async subscribe(
    told: (texts: readonly string[]) => void,
    lost: () => void,
    realm: string,
    most: number,
  ): Promise<RevocationSubscription> {
    const name = nameOf(realm);
    const client = await this.#connect();
    // Of its own: what is long holds up nobody who has something to tell.
    const reading = new Connection(this.#connect);
    let asking: NodeJS.Timeout | undefined;
    const close = () => {
      clearInterval(asking);
      destroy(client);
      reading.drop();
      this.#commands.drop();
    };
    client.on('error', lost);
    client.on('end', lost);
    try {
      await within(
        SECOND,
        client.subscribe(name, text => told([textOf(text)])),
      );
      await this.#commands.command(other => other.sendCommand(['ZADD', name, marked(), this.#mark]));
      const standing = await readStanding(reading, name, told, most);
      reading.drop();
      let turn = 0;
      const ask = async () => {
        await within(SECOND, client.ping());
        turn += 1;
        if (turn % LOOK === 0) await this.#look(name);
      };
      asking = setInterval(() => void ask().then(() => told([]), lost), SECOND).unref();
      return { ...standing, close };
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Looks whether the mark is where it was, and renews it. One that is gone is not put back: that says what happened. */
  async #look(name: string): Promise<void> {
    const [found] = await this.#commands.command(client =>
      Promise.all([
        client.sendCommand(['ZSCORE', name, this.#mark]),
        client.sendCommand(['ZADD', name, 'XX', marked(), this.#mark]),
      ]),
    );
    if (found === null) throw new Error('Redis lost what it kept.');
  }
}

/** The score of a mark. */
function marked(): string {
  return String(Date.now() - BEHIND);
}

function nameOf(realm: string): string {
  return `mastra-auth:revocations:${realm}`;
}
