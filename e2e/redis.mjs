// A redis-server on a free port that keeps nothing on disk. `REDIS_SERVER` names the program.
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../npm/auth-cloud/scripts/free-port.mjs';
import { ENV, launch } from './processes.mjs';

export const REDIS = process.env.REDIS_SERVER;

export async function startRedis() {
  const port = await freePort();
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', tmpdir()];
  const child = launch(REDIS, options, { env: ENV, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const listens = () => new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
    socket.unref();
    socket.once('connect', () => socket.destroy());
  });
  while (!(await listens())) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    await sleep(20);
  }
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { url: `redis://127.0.0.1:${port}`, stop };
}
