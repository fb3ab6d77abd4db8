/**
 * Revocations over Redis: a sorted set that stores them by expiry, and a channel of the same name that publishes them.
 *
 * Every operation has a time-out: a connection a second, a command a second. The subscriber pings Redis every second. A
 * Redis error may hold its address, so none is passed on.
 */

import { randomBytes } from 'node:crypto';

import { native } from '../native.js';
import type { NativeRedisSet, NativeRedisSnapshot } from '../native.js';
import { configurationError } from '../error.js';
import { TimedOut, withTimeout } from '../timeout.js';
import { CHECK_EVERY, Connection, LONGEST, PING_EVERY, TIMEOUT, connecting, destroy } from './redis-connection.js';
import type { Connect } from './redis-connection.js';
import type { RedisRevocationChannel, RevocationMessage, RevocationSubscription } from './channel.js';

/** A channel for `redis://[user:password@]host[:port][/database]`, or `rediss://`. Opens no connection. */
export function redisChannel(url: unknown): RedisRevocationChannel {
  if (typeof url !== 'string' || !/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    throw configurationError('revocations.redis must be a URL of Redis');
  }
  return new RedisChannel(connecting(url));
}

class RedisChannel implements RedisRevocationChannel {
  readonly #connect: Connect;
  readonly #commands: Connection;
  readonly #instance = randomBytes(8).toString('hex');

  constructor(connect: Connect) {
    this.#connect = connect;
    this.#commands = new Connection(connect);
  }

  async publish(messages: readonly RevocationMessage[], realm: string): Promise<void> {
    const commands = this.#set(realm).publish(messages);
    await this.#commands.command(client => commands.reduce((batch, words) => batch.addCommand(words), client.multi()).exec());
  }

  async subscribe(
    onTexts: (texts: readonly string[]) => void,
    onLost: () => void,
    realm: string,
    most: number,
  ): Promise<RevocationSubscription> {
    const set = this.#set(realm);
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
        TIMEOUT,
        client.subscribe(set.name(), text => onTexts([text.length > LONGEST ? '' : text])),
      );
      await this.#commands.command(other => other.sendCommand(set.addMark()));
      const standing = await readSnapshot(reading, set.snapshot(most), onTexts);
      reading.drop();
      let turn = 0;
      const check = async () => {
        await withTimeout(TIMEOUT, client.ping());
        turn += 1;
        if (turn % (CHECK_EVERY / PING_EVERY) === 0) await this.#checkMark(set);
      };
      timer = setInterval(() => void check().then(() => onTexts([]), onLost), PING_EVERY).unref();
      return { ...standing, close };
    } catch (error) {
      close();
      throw error;
    }
  }

  async redis(commands: readonly (readonly string[])[], timeout: number): Promise<(string | null)[]> {
    const running = this.#commands.command(client => Promise.all(commands.map(words => client.sendCommand(words))));
    const replies = await withTimeout(timeout, running);
    return replies.map(reply => (typeof reply === 'string' || typeof reply === 'number' ? String(reply) : null));
  }

  /** Checks for the mark and renews it. */
  async #checkMark(set: NativeRedisSet): Promise<void> {
    const [found] = await this.#commands.command(client => Promise.all(set.checkMark().map(words => client.sendCommand(words))));
    if (found === null) throw new Error('Redis lost what it kept.');
  }

  #set(realm: string): NativeRedisSet {
    return native.redisSet(realm, this.#instance);
  }
}

/** Reads the stored entries; returns the last page. */
async function readSnapshot(
  connection: Connection,
  snapshot: NativeRedisSnapshot,
  onTexts: (texts: readonly string[]) => void,
): Promise<{ standing: string[]; leftOut: number }> {
  for (;;) {
    try {
      const replies = connection.command(client => Promise.all(snapshot.commands().map(words => client.sendCommand(words))));
      const [found, all] = (await replies) as [string[], number];
      const { texts, leftOut } = snapshot.page(found, all);
      if (leftOut !== undefined) return { standing: texts, leftOut };
      onTexts(texts);
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
      // Throws if Redis does not answer at all.
      await connection.command(client => client.sendCommand(snapshot.count()));
      snapshot.late();
      onTexts([]);
    }
  }
}
