// A server of node:http for `cargo xtask bench http`: `open` asks for nothing, `ours` finds out who each request comes from.
//
// Both answer who asks at `/`, set at `/login` the cookie that they want to see, and print `ready PORT`.

import { createServer } from 'node:http';

const USER = 'usr_mei';
const { BENCH_CLOUD, BENCH_TOKEN } = process.env;

async function ours() {
  const { MastraCloudAuth } = await import('../dist/esm/index.js');
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: BENCH_CLOUD, cache: { fresh: 3600 }, secure: false });
  const who = async (request, response) => {
    const user = await auth.authenticateToken('', request);
    response.statusCode = user === null ? 401 : 200;
    response.end(user?.id);
  };
  return { who, cookie: `mastra_session=${BENCH_TOKEN}` };
}

// Its cookie is there to be as long as the other's.
const open = () => ({ who: (_, response) => response.end(USER), cookie: 'theme=dark' });

const { who, cookie } = process.argv[2] === 'ours' ? await ours() : open();
const server = createServer((request, response) => {
  if (request.url !== '/login') return void who(request, response);
  response.setHeader('set-cookie', cookie);
  response.end();
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`ready ${server.address().port}\n`));
