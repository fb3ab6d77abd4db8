// The Cloudflare deployer, as the guide tells to use it: `mastra build` builds the example, wrangler bundles it as it would upload it, and
// workerd serves it. Takes minutes: `cargo xtask soak cloudflare`.
import assert from 'node:assert/strict';
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tool } from '../npm/auth-cloud/tarballs/tools.mjs';
import { startModules } from '../npm/auth-cloud/tarballs/workerd.mjs';
import { environmentOf, startCloud } from './cloud.mjs';
import { EXAMPLE, install } from './install.mjs';
import { NAMES, PEOPLE } from './people.mjs';
import { Person } from './person.mjs';
import { run } from './processes.mjs';

const FOLDER = new URL('../target/e2e-cloudflare', import.meta.url).pathname;
const OUT = join(FOLDER, 'uploaded');
/** What Cloudflare takes from a free account, with gzip. */
const MOST_BYTES = 3 * 1024 * 1024;

const guide = await readFile(new URL('../docs/guide/where-it-runs.md', import.meta.url), 'utf8');
/** The guide's block in a language that names this file. */
const block = (language) => new RegExp(`^\`\`\`${language} read-by: e2e/cloudflare.test.mjs\n([^]*?)^\`\`\`$`, 'm').exec(guide)[1];

async function build() {
  await rm(join(FOLDER, 'src'), { recursive: true, force: true });
  await cp(EXAMPLE, FOLDER, { recursive: true, filter: (from) => !/node_modules|package\.json$|README\.md$/.test(from) });
  await writeFile(join(FOLDER, 'src/mastra/index.ts'), block('typescript'));
  await writeFile(join(FOLDER, 'no-websockets.mjs'), block('js'));
  const program = (file, ...words) => run(process.execPath, [join('node_modules', file), ...words], FOLDER, { WRANGLER_SEND_METRICS: 'false' });
  await program('mastra/dist/index.js', 'build');
  await rm(OUT, { recursive: true, force: true });
  await program('wrangler/bin/wrangler.js', 'deploy', '--dry-run', '--minify', '--outdir', OUT);
}

describe('what the Cloudflare deployer builds', () => {
  let cloud;
  let server;
  let modules;
  before(async () => {
    await install('cloudflare', FOLDER, build);
    const names = (await readdir(OUT)).filter((name) => /^index\.js$|\.wasm$/.test(name));
    modules = await Promise.all(names.map(async (name) => ({ path: `/${name}`, contents: await readFile(join(OUT, name)) })));
    cloud = await startCloud('v1');
    const [files, [bundle]] = [true, false].map((is) => modules.filter(({ path }) => path.endsWith('.wasm') === is));
    server = await startModules(tool, bundle.contents.toString(), files, environmentOf(cloud, 'v1'));
  });
  after(async () => {
    await server?.stop();
    await cloud?.stop();
    await cloud?.remove();
  });

  test('it is small enough for a free account', () => {
    const bytes = modules.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    console.log(`the Worker: ${bytes} bytes with gzip`);
    assert.ok(bytes <= MOST_BYTES, `${bytes}`);
  });

  test('four people sign in at once, by cookie and by bearer, and a session that is signed out is refused', async () => {
    const people = PEOPLE.map((name) => new Person(name, server.url.origin));
    for (const person of people) assert.equal(await person.agents(), 401);
    await Promise.all(people.map((person) => person.signIn()));
    await Promise.all(
      people.map(async (person) => {
        const bearer = async () => (await fetch(`${person.server}/api/agents`, { headers: { authorization: `Bearer ${person.session}` } })).status;
        assert.equal((await person.me()).name, NAMES[person.name]);
        assert.deepEqual([await person.agents(), await bearer()], [200, 200]);
        const old = person.cookies;
        assert.equal((await person.ask('/api/auth/logout', { method: 'POST' })).status, 200);
        assert.equal((await fetch(`${person.server}/api/agents`, { headers: { cookie: old } })).status, 401);
      }),
    );
  });
});
