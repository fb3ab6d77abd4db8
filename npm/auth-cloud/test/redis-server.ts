/** A real redis-server on loopback that keeps nothing on disk, and can be killed, stopped and started again. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../scripts/free-port.mjs';
import { until } from './world.js';

const SERVER = process.env['REDIS_SERVER'];
if (SERVER === undefined) throw new Error('these tests are run by: cargo xtask redis');

export class RedisServer {
  #process: ChildProcess | undefined;
  constructor(
    readonly port: number,
    readonly certificate?: string,
  ) {}

  /** With the name of a certificate it speaks TLS alone. */
  static async start(certificate?: string): Promise<RedisServer> {
    const redis = new RedisServer(await freePort(), certificate);
    await redis.startAgain();
    return redis;
  }

  async startAgain(): Promise<void> {
    const options = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir(), ...this.#listening()];
    this.#process = spawn(SERVER as string, options, { stdio: 'ignore' });
    await until(() => this.#listens());
  }

  async kill(): Promise<void> {
    const gone = this.#process;
    if (gone === undefined) return;
    this.#process = undefined;
    gone.kill('SIGKILL');
    await once(gone, 'exit');
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name);
  }

  get url(): string {
    return this.urlAt('127.0.0.1');
  }

  /** The same by another name of this machine. */
  urlAt(host: string): string {
    return `${this.certificate === undefined ? 'redis' : 'rediss'}://${host}:${this.port}/0`;
  }

  #listening(): string[] {
    const port = String(this.port);
    if (this.certificate === undefined) return ['--port', port];
    const file = join(process.env['REDIS_CERTIFICATES'] ?? '', this.certificate);
    const certificate = ['--tls-cert-file', `${file}.pem`, '--tls-key-file', `${file}.key`, '--tls-auth-clients', 'no'];
    return ['--port', '0', '--tls-port', port, ...certificate];
  }

  async #listens(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }
}
