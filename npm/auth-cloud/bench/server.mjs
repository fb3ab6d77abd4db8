// A server of node:http for `cargo xtask bench http`: `open` asks for nothing, `ours` finds out who each request comes from.
//
// Both answer who asks at `/`, set at `/login` the cookie that they want to see, and print `ready PORT`.

import { createServer } from 'node:http';

const USER = { id: 'usr_mei' };
const { BENCH_CLOUD, BENCH_TOKEN } = process.env;

async function ours() {
  const { MastraCloudAuth } = await import('../dist/esm/index.js');
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: BENCH_CLOUD, cache: { fresh: 3600 }, secure: false });
  return { who: request => auth.authenticateToken('', request), cookie: `mastra_session=${BENCH_TOKEN}` };
}

// Its cookie is there to be as long as the other's.
const open = () => ({ who: () => USER, cookie: 'theme=dark' });

const { who, cookie } = process.argv[2] === 'ours' ? await ours() : open();

/** The same of both: a handler that is async, as handlers are. */
async function answer(request, response) {
  const user = await who(request);
  response.statusCode = user === null ? 401 : 200;
  response.end(user?.id);
}

const server = createServer((request, response) => {
  if (request.url !== '/login') return void answer(request, response);
  response.setHeader('set-cookie', cookie);
  response.end();
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`ready ${server.address().port}\n`));
