// nginx with the recipe of docs/guide/behind-a-proxy.md for a Mastra server, and a service behind it that knows nothing of the sign-in.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../npm/auth-cloud/scripts/free-port.mjs';
import { launch } from './processes.mjs';

const GUIDE = new URL('../docs/guide/behind-a-proxy.md', import.meta.url);
/** The program; without it the recipe is not tested. */
export const NGINX = process.env.NGINX_PROGRAM;

/** A part that is replaced must be there. */
function replaced(text, from, to) {
  assert.match(text, from);
  return text.replace(from, typeof to === 'function' ? to : () => to);
}

async function recipe(addresses) {
  const [nginx, mastra] = [...(await readFile(GUIDE, 'utf8')).matchAll(/^```nginx .*\n([^]*?)^```$/gm)].map(([, text]) => text);
  let text = replaced(nginx, /^ *location \/auth\/ \{[^}]*\}\s+location = \/check-agents \{[^}]*\}/m, mastra);
  text = replaced(replaced(text, /.*error_page 401 = @not_signed_in;/, ''), /location @not_signed_in \{[^]*?\n {4}\}/, '');
  // In one pass: what is put in may look like another place.
  text = replaced(text, new RegExp(Object.keys(addresses).join('|'), 'g'), (from) => addresses[from]);
  return `daemon off; pid nginx.pid; error_log stderr crit; events {} http { access_log off; client_body_temp_path body;
    proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n${text}}`;
}

async function listening(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server.address().port;
}

/** Before a Mastra server, with this permission instead of the recipe's. The service answers what it is told. */
export async function startNginx(server, permission) {
  const service = createServer(({ method, url, headers }, response) => {
    response.end(`${method} ${url} ${headers['x-auth-user']} ${headers['x-auth-roles']}`);
  });
  const behind = await listening(service);
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'mastra-nginx-'));
  const to = {
    'listen 8080': `listen 127.0.0.1:${port}`,
    '127.0.0.1:4111': `127.0.0.1:${new URL(server).port}`,
    '127.0.0.1:9000': `127.0.0.1:${behind}`,
    'agents:read': permission,
  };
  await writeFile(join(folder, 'nginx.conf'), await recipe(to));
  const child = launch(NGINX, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://localhost:${port}`;
  const isUp = () => fetch(url).then(() => true, () => false);
  while (!(await isUp())) assert.equal(child.exitCode, null, 'nginx ended');
  const stop = async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    service.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { url, stop };
}
