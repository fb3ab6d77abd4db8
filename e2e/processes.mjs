// Programs that a test starts: what they say is kept, and where one fails it is told.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../npm/auth-cloud/scripts/free-port.mjs';

/** mastra starts `node` by name, and it must be the one that runs the tests. What is set at a desk reaches no server. */
export const ENV = { ...process.env, NO_COLOR: '1', PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
for (const name of Object.keys(ENV)) if (/^(MASTRA_|NODE_ENV$|NODE_PATH$|NODE_TEST_CONTEXT$)/.test(name)) delete ENV[name];
ENV.MASTRA_TELEMETRY_DISABLED = '1';

/** What still runs: none outlives its test, also where one fails before it knows how to stop them. */
const running = new Set();
process.once('exit', () => {
  for (const end of running) end();
});
process.once('SIGTERM', () => process.exit(143));

/** Starts a program that ends with this process at the latest. With `detached` so do its children. */
export function launch(program, args, options) {
  const child = spawn(program, args, options);
  const end = () => {
    try {
      process.kill(options.detached ? -child.pid : child.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  if (child.pid !== undefined) running.add(end);
  child.once('exit', () => {
    running.delete(end);
    if (options.detached) end();
  });
  return child;
}

/** Runs a program to its end. */
export async function run(program, args, cwd, env = {}) {
  const child = launch(program, args, { cwd, env: { ...ENV, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = linesOf(child);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  assert.equal(code, 0, `${program} ${args.join(' ')}: ${said.join('\n')}`);
}

/** Starts a Mastra server, with `node` where no other program is named; resolves when it answers below `PREFIX`. */
export async function startServer(args, { cwd, env, program = process.execPath }) {
  const port = await freePort();
  const child = launch(program, args, {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...ENV, PORT: String(port), ...env },
  });
  const log = linesOf(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://localhost:${port}`;
  const stop = async () => {
    // `mastra dev` starts the server as a child of its own: the group is what ends.
    if (child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    const killer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 5000);
    await ended;
    clearTimeout(killer);
  };
  const answers = () => fetch(`${url}${env.PREFIX ?? '/api'}/auth/capabilities`).then(({ ok }) => ok, () => false);
  // An answer counts from this program alone, not from another that has its port.
  for (const late = Date.now() + 300_000; !(await answers()) || child.exitCode !== null; await sleep(200)) {
    if (child.exitCode !== null || Date.now() > late) {
      if (child.exitCode === null) await stop();
      throw new Error(`${args.join(' ')} does not answer: ${log.join('\n')}`);
    }
  }
  return { url, log, pid: child.pid, stop };
}

function linesOf(child) {
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  return lines;
}
