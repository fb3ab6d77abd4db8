/** One instance in Rust, told line by line what to do. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const RUST = process.env['RUST_INSTANCE'];
if (RUST === undefined) throw new Error('these tests are run by: cargo xtask redis');

export class RustInstance {
  readonly #process;
  readonly #lines;

  constructor(cloud: string, redis: string, dialect: 'v1' | 'platform' = 'v1') {
    this.#process = spawn(RUST as string, [cloud, redis, dialect], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  ask(order: string): Promise<string> {
    this.#process.stdin.write(`${order}\n`);
    return this.line();
  }

  stop(): void {
    this.#process.kill();
  }
}
