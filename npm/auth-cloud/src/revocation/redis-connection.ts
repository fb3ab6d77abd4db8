/**
 * A connection to Redis for commands: opened when needed, and replaced after any error.
 *
 * Every operation has a time-out: connecting a second, a command a second. It retries nothing, and keeps no process alive.
 */

import { configurationError } from '../options.js';
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
  multi(): Several;
}

interface Several {
  addCommand(words: readonly string[]): Several;
  exec(): Promise<unknown>;
}

/** Connects to Redis. */
export type Connect = () => Promise<Client>;

type CreateClient = (options: object) => Client;

export const SECOND = 1000;

export class Connection {
  readonly #connect: Connect;
  #client: Promise<Client> | undefined;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  async command<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.#client ??= this.#connect();
    try {
      return await withTimeout(SECOND, this.#client.then(work));
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
      socket: { connectTimeout: SECOND, reconnectStrategy: false },
    });
    // Without a listener an error would end the process.
    client.on('error', () => undefined);
    client.unref();
    try {
      await withTimeout(SECOND, client.connect());
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
