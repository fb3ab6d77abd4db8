/**
 * A connection to Redis for commands: opened when needed, and replaced after any error.
 *
 * Every operation has a time-out: connecting a second, a command a second. It retries nothing, and keeps no process alive.
 */

import { native } from '../native.js';
import { configurationError } from '../error.js';
import { withTimeout } from '../timeout.js';
import redisPackage from './redis-package.cjs';

/** The part of the `redis` package's client that is used. */
export interface Client {
  on(event: 'error' | 'end', listener: () => void): unknown;
  connect(): Promise<unknown>;
  unref(): void;
  destroy(): void;
  ping(): Promise<unknown>;
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
  sendCommand(words: readonly string[]): Promise<unknown>;
  multi(): Transaction;
}

interface Transaction {
  addCommand(words: readonly string[]): Transaction;
  exec(): Promise<unknown>;
}

/** Connects to Redis. */
export type Connect = () => Promise<Client>;

type CreateClient = (options: object) => Client;

export const [TIMEOUT, PING_EVERY, CHECK_EVERY, LONGEST] = native.redisLimits();

export class Connection {
  readonly #connect: Connect;
  #client: Promise<Client> | undefined;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  async command<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.#client ??= this.#connect();
    try {
      return await withTimeout(TIMEOUT, this.#client.then(work));
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  drop(): void {
    this.#client?.then(destroy, () => undefined);
    this.#client = undefined;
  }
}

/** A connect function for one URL. Opens no connection; throws if the package is missing. */
export function connecting(url: string): Connect {
  const create = createClient();
  return async () => {
    const client = create({
      url,
      disableOfflineQueue: true,
      socket: { connectTimeout: TIMEOUT, reconnectStrategy: false },
    });
    // Without a listener an error would end the process.
    client.on('error', () => undefined);
    client.unref();
    try {
      await withTimeout(TIMEOUT, client.connect());
      return client;
    } catch (error) {
      destroy(client);
      throw error;
    }
  };
}

/** Closing a closed client throws. */
export function destroy(client: Client): void {
  try {
    client.destroy();
  } catch {
    // It is closed, as wanted.
  }
}

function createClient(): CreateClient {
  try {
    return (redisPackage() as { createClient: CreateClient }).createClient;
  } catch {
    throw configurationError('revocations.redis needs the package redis: npm install redis');
  }
}
