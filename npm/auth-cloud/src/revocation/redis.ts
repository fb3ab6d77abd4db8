/**
 * Revocations over Redis: a sorted set that stores them by expiry, and a channel of the same name that publishes them.
 *
 * Every operation has a time-out: a connection a second, a command a second. The subscriber pings Redis every second. A
 * Redis error may hold its address, so none is passed on.
 */

import { randomBytes } from 'node:crypto';

import { configurationError } from '../options.js';
import { withTimeout } from '../timeout.js';
import { Connection, SECOND, connecting, destroy } from './redis-connection.js';
import type { Connect } from './redis-connection.js';
import { readSnapshot, textOf } from './redis-snapshot.js';
import type { RevocationChannel, RevocationMessage, RevocationSubscription } from './channel.js';

const HOUR = 60 * 60 * SECOND;
/** How long expired entries stay, so that an instance whose clock is ahead removes none that is still in force. */
const MARGIN = 24 * HOUR;
/** How many seconds pass between checks that Redis still holds its entries. */
const CHECK_EVERY = 5;
/** How far in the past a mark expires, so that no instance reads it as a revocation, even if its clock is behind. */
const BEHIND = HOUR;

/** A channel for `redis://[user:password@]host[:port][/database]`, or `rediss://`. Opens no connection. */
export function redisChannel(url: unknown): RevocationChannel {
  if (typeof url !== 'string' || !/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    throw configurationError('revocations.redis must be a URL of Redis');
  }
  return new RedisChannel(connecting(url));
}

class RedisChannel implements RevocationChannel {
  readonly #connect: Connect;
  readonly #commands: Connection;
  /**
   * This instance's own member of the set. It expires before any revocation, so eviction of revocations takes it too. If it
   * is gone, more may be gone.
   */
  readonly #mark = `mark ${randomBytes(8).toString('hex')}`;

  constructor(connect: Connect) {
    this.#connect = connect;
    this.#commands = new Connection(connect);
  }

  async publish(messages: readonly RevocationMessage[], realm: string): Promise<void> {
    const name = nameOf(realm);
    await this.#commands.command(client => {
      const batch = client.multi().addCommand(['ZREMRANGEBYSCORE', name, '-inf', String(Date.now() - MARGIN)]);
      for (const { text, until, kept } of messages) {
        if (kept) batch.addCommand(['ZADD', name, String(until), text]);
        batch.addCommand(['PUBLISH', name, text]);
      }
      return batch.exec();
    });
  }

  async subscribe(
    onTexts: (texts: readonly string[]) => void,
    onLost: () => void,
    realm: string,
    most: number,
  ): Promise<RevocationSubscription> {
    const name = nameOf(realm);
    const client = await this.#connect();
    // A connection of its own: long pages must not delay publishing.
    const reading = new Connection(this.#connect);
    let timer: NodeJS.Timeout | undefined;
    const close = () => {
      clearInterval(timer);
      destroy(client);
      reading.drop();
      this.#commands.drop();
    };
    client.on('error', onLost);
    client.on('end', onLost);
    try {
      await withTimeout(
        SECOND,
        client.subscribe(name, text => onTexts([textOf(text)])),
      );
      await this.#commands.command(other => other.sendCommand(['ZADD', name, markScore(), this.#mark]));
      const standing = await readSnapshot(reading, name, onTexts, most);
      reading.drop();
      let turn = 0;
      const check = async () => {
        await withTimeout(SECOND, client.ping());
        turn += 1;
        if (turn % CHECK_EVERY === 0) await this.#checkMark(name);
      };
      timer = setInterval(() => void check().then(() => onTexts([]), onLost), SECOND).unref();
      return { ...standing, close };
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Checks for the mark and renews it. A missing mark is not restored: its absence is the signal. */
  async #checkMark(name: string): Promise<void> {
    const [found] = await this.#commands.command(client =>
      Promise.all([
        client.sendCommand(['ZSCORE', name, this.#mark]),
        client.sendCommand(['ZADD', name, 'XX', markScore(), this.#mark]),
      ]),
    );
    if (found === null) throw new Error('Redis lost what it kept.');
  }
}

/** The score of a mark. */
function markScore(): string {
  return String(Date.now() - BEHIND);
}

function nameOf(realm: string): string {
  return `mastra-auth:revocations:${realm}`;
}
