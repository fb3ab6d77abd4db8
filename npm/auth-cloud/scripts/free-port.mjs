import { createServer } from 'node:net';

let turn = 0;

/**
 * A free port below those that the system hands out, for a program that is told where to listen: until it does, no connection and no
 * server of another test is given this one. Processes that run side by side begin far apart.
 */
export async function freePort() {
  for (;;) {
    const port = 20_000 + ((process.pid * 97 + turn) % 10_000);
    turn += 1;
    if (await isFree(port)) return port;
  }
}

function isFree(port) {
  return new Promise(resolve => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
