// An npm registry for the scope @mastra: it has the packages of a folder, and sends npm elsewhere for every other.
//
// So that an app has our package as a user has it: by name and version, unpacked from the tarball that is published. It says that
// there is no package for the platforms that the folder lacks; npm takes them for optional and goes on.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

const OURS = '@mastra/auth-cloud';

/** Starts it on a free port. `elsewhere` is the registry that npm uses otherwise. */
export async function startRegistry(folder, elsewhere) {
  const packages = new Map();
  const tarballs = new Map();
  const server = createServer(({ url }, answer) => {
    const path = decodeURIComponent(url);
    const known = packages.get(path.slice(1));
    if (known) answer.setHeader('content-type', 'application/json').end(JSON.stringify(known));
    else if (tarballs.has(path)) answer.end(tarballs.get(path));
    else if (path.startsWith(`/${OURS}`)) answer.writeHead(404, { 'content-type': 'application/json' }).end('{}');
    else answer.writeHead(307, { location: new URL(url.slice(1), elsewhere).href }).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const here = `http://127.0.0.1:${server.address().port}`;

  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.tgz'))) {
    const manifest = await manifestOf(join(folder, file));
    const tarball = await readFile(join(folder, file));
    const path = `/${manifest.name}/-/${file}`;
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    tarballs.set(path, tarball);
    packages.set(manifest.name, {
      name: manifest.name,
      'dist-tags': { latest: manifest.version },
      versions: { [manifest.version]: { ...manifest, dist: { tarball: here + path, integrity } } },
    });
  }
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `${here}/`, versions: packages.get(OURS)?.versions ?? {}, stop };
}

async function manifestOf(tarball) {
  const { stdout } = await promisify(execFile)('tar', ['-xzOf', tarball, 'package/package.json']);
  return JSON.parse(stdout);
}
