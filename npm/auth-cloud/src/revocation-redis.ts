/**
 * Revocations over Redis: a sorted set that keeps them by their end, and a channel of the same name that tells them.
 *
 * Everything has a time: a connection a second, a command a second. Whoever listens asks every second whether Redis is still there. An
 * error of Redis may hold its address, so none of them goes on.
 */

import { wrong } from './options.js';
import redisPackage from './redis-package.cjs';
import { within } from './revocations.js';
import type { RevocationChannel, RevocationMessage, RevocationSubscription } from './revocations.js';

/** What is used of a client of the package `redis`. */
interface Client {
  on(event: 'error' | 'end', listener: () => void): unknown;
  connect(): Promise<unknown>;
  unref(): void;
  destroy(): void;
  ping(): Promise<unknown>;
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
  sendCommand(words: readonly string[]): Promise<unknown>;
  multi(): Several;
}

interface Several {
  addCommand(words: readonly string[]): Several;
  exec(): Promise<unknown>;
}

type CreateClient = (options: object) => Client;

const SECOND = 1000;
const PAGE = 2000;
/** How long what is over is kept: an instance whose clock is ahead takes away nothing that still stands. */
const MARGIN = 24 * 60 * 60 * SECOND;

/** How many seconds pass until it is looked whether Redis still keeps what it kept. */
const LOOK = 5;
/** How long it is known since when Redis keeps the set, where nobody looks. */
const MARKED = '172800';

/** For `redis://[user:password@]host[:port][/database]`, or `rediss://`. Nothing is connected here. */
export function redisChannel(url: unknown): RevocationChannel {
  if (typeof url !== 'string' || !/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    throw wrong('revocations.redis must be a URL of Redis');
  }
  return new RedisChannel(url, createClient());
}

class RedisChannel implements RevocationChannel {
  readonly #url: string;
  readonly #create: CreateClient;
  #commands: Promise<Client> | undefined;

  constructor(url: string, create: CreateClient) {
    this.#url = url;
    this.#create = create;
  }

  async publish(messages: readonly RevocationMessage[], realm: string): Promise<void> {
    const name = nameOf(realm);
    await this.#command(client => {
      const both = client.multi().addCommand(['ZREMRANGEBYSCORE', name, '-inf', String(Date.now() - MARGIN)]);
      for (const { text, until } of messages) {
        both.addCommand(['ZADD', name, String(until), text]).addCommand(['PUBLISH', name, text]);
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
    let asking: NodeJS.Timeout | undefined;
    const close = () => {
      clearInterval(asking);
      destroy(client);
      this.#drop();
    };
    client.on('error', lost);
    client.on('end', lost);
    try {
      await within(
        SECOND,
        client.subscribe(name, text => told([text])),
      );
      const mark = await this.#mark(name);
      let turn = 0;
      const ask = async () => {
        await within(SECOND, client.ping());
        turn += 1;
        // Gone with all else where Redis was emptied, also where somebody told it something since.
        if (turn % LOOK === 0 && (await this.#mark(name)) !== mark) throw new Error('Redis lost what it kept.');
      };
      asking = setInterval(() => void ask().then(() => told([]), lost), SECOND).unref();
      return { ...(await this.#standing(name, told, most)), close };
    } catch (error) {
      close();
      throw error;
    }
  }

  /** What stands beside the set from when it was begun. */
  async #mark(name: string): Promise<string> {
    const mark = `${name}:since`;
    const found = await this.#command(async client => {
      await client.sendCommand(['SET', mark, String(Date.now()), 'NX', 'EX', MARKED]);
      await client.sendCommand(['EXPIRE', mark, MARKED]);
      return client.sendCommand(['GET', mark]);
    });
    return String(found);
  }

  /**
   * What stands, the last end first: what ends soonest gives way where it is too much. All pages but the last go out at once. A page
   * begins at the score where the last one ended, for what came meanwhile would move a page that begins at a place.
   */
  async #standing(
    name: string,
    told: (texts: readonly string[]) => void,
    most: number,
  ): Promise<{ standing: string[]; leftOut: number }> {
    const since = `(${Date.now()}`;
    let from = '+inf';
    // How many of that score were read.
    let skip = 0;
    for (let read = 0; ; ) {
      const size = Math.min(PAGE, most - read);
      const words = ['ZREVRANGEBYSCORE', name, from, since, 'WITHSCORES', 'LIMIT', String(skip), String(size)];
      const found = (await this.#command(client => client.sendCommand(words))) as string[];
      const texts = found.filter((_, place) => place % 2 === 0);
      read += texts.length;
      if (texts.length < size) return { standing: texts, leftOut: 0 };
      if (read >= most) {
        const all = await this.#command(client => client.sendCommand(['ZCOUNT', name, since, '+inf']));
        return { standing: texts, leftOut: Math.max(0, Number(all) - read) };
      }
      const last = found.at(-1) as string;
      const same = found.filter((score, place) => place % 2 === 1 && score === last).length;
      skip = from === last ? skip + same : same;
      from = last;
      told(texts);
    }
  }

  /** Whatever went wrong, the next command takes another connection. */
  async #command<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.#commands ??= this.#connect();
    try {
      return await within(SECOND, this.#commands.then(work));
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  #drop(): void {
    this.#commands?.then(destroy, () => undefined);
    this.#commands = undefined;
  }

  async #connect(): Promise<Client> {
    const client = this.#create({
      url: this.#url,
      disableOfflineQueue: true,
      socket: { connectTimeout: SECOND, reconnectStrategy: false },
    });
    // Without a listener an error would end the process.
    client.on('error', () => undefined);
    client.unref();
    try {
      await within(SECOND, client.connect());
      return client;
    } catch (error) {
      destroy(client);
      throw error;
    }
  }
}

function createClient(): CreateClient {
  try {
    return (redisPackage() as { createClient: CreateClient }).createClient;
  } catch {
    throw wrong('revocations.redis needs the package redis: npm install redis');
  }
}

/** Closing what is closed already throws. */
function destroy(client: Client): void {
  try {
    client.destroy();
  } catch {
    // It is gone, which is all that was asked for.
  }
}

function nameOf(realm: string): string {
  return `mastra-auth:revocations:${realm}`;
}
