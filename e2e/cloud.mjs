// The local Cloud as a process of its own.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HOME } from './install.mjs';
import { ENV, launch } from './processes.mjs';

export const BINARY = process.env.MASTRA_AUTH ?? new URL('../target/debug/mastra-auth', import.meta.url).pathname;

/** How a server is told of a Cloud. */
export function environmentOf(cloud, dialect) {
  return { MASTRA_CLOUD_URL: cloud.url, MASTRA_PROJECT_ID: 'demo', MASTRA_CLOUD_DIALECT: dialect };
}

/** Starts the local Cloud; it keeps its sessions in a file, so that it can be stopped and started again on the same port. */
export async function startCloud(dialect, more = []) {
  const folder = await mkdtemp(join(HOME, 'cloud-'));
  let port = '0';
  let child;
  const cloud = { log: [], url: undefined, start, stop, remove };

  async function start() {
    const args = ['dev', '--port', port, '--dialect', dialect, '--db', join(folder, 'cloud.sqlite'), '-vvv', ...more];
    child = launch(BINARY, args, { env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: child.stderr }).on('line', (line) => cloud.log.push(line));
    const ready = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the Cloud ended with ${code}: ${cloud.log.join('\n')}`)));
    });
    cloud.url = /^ready cloud=(\S+)$/.exec(ready)?.[1];
    assert.ok(cloud.url, `not a ready line: ${ready}`);
    port = new URL(cloud.url).port;
  }
  function stop() {
    if (!child || child.exitCode !== null || child.signalCode !== null) return undefined;
    return new Promise((resolve) => {
      child.removeAllListeners('exit');
      child.once('exit', resolve);
      child.kill('SIGINT');
    });
  }
  function remove() {
    return rm(folder, { recursive: true, force: true });
  }
  await start();
  return cloud;
}
