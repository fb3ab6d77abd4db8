// Both doctors at real Mastra servers of three versions: each mistake that is planted turns its own code and no other.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { BINARY, environmentOf, startCloud } from './cloud.mjs';
import { makeHosts } from './install.mjs';
import { ENV, launch } from './processes.mjs';

/** The packages that bring each version, as an app names them. */
const SERVERS = [
  { adapter: 'hono', named: '@mastra/hono', version: '1.67.0' },
  { adapter: 'express', named: '@mastra/express', version: '1.68.0' },
  { adapter: 'deployer', named: 'mastra', version: '1.69.0' },
];
/** A busy machine may make the Cloud slow. */
const isStable = (code) => code !== 'cloud-speed';

const [app, cloud, platform] = await Promise.all([makeHosts(), startCloud('v1'), startCloud('platform')]);
after(async () => {
  await Promise.all([cloud.stop(), platform.stop()]);
  await Promise.all([cloud.remove(), platform.remove(), rm(app, { recursive: true, force: true })]);
});

describe('mistakes at', { concurrency: true }, () => {
  for (const { adapter, named, version } of SERVERS) {
    describe(`@mastra/server ${version}`, { concurrency: 1 }, () => {
      let child;
      let planted;
      before(async () => {
        const project = join(app, adapter);
        const stray = join(project, 'stray/node_modules/@mastra/server');
        await mkdir(stray, { recursive: true });
        await writeFile(join(project, 'package.json'), JSON.stringify({ dependencies: { [named]: '*' } }));
        await writeFile(join(project, 'stray/package.json'), JSON.stringify({ dependencies: { [named]: '*', '@mastra/server': 'latest' } }));
        await writeFile(join(stray, 'package.json'), JSON.stringify({ name: '@mastra/server', version: '2.0.4' }));
        const env = { ...ENV, ADAPTER: adapter, CLOUD: cloud.url, PLATFORM: platform.url, PROJECT: project };
        child = launch(process.execPath, [join(app, 'doctor.mjs')], { cwd: app, env, stdio: ['ignore', 'pipe', 'pipe'] });
        let complaint = '';
        child.stderr.on('data', (part) => (complaint += part));
        planted = await new Promise((resolve, reject) => {
          createInterface({ input: child.stdout }).on('line', (line) => line.startsWith('result ') && resolve(JSON.parse(line.slice(7))));
          child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${complaint}`)));
        });
      });
      after(() => child?.kill('SIGKILL'));

      test('inside, each mistake turns its own code and no other', () => {
        for (const [name, { wants, wrong, seen }] of Object.entries(planted.inside)) {
          assert.deepEqual(wrong.filter(isStable), wants, `${name}: ${seen}`);
        }
        const everything = Object.values(planted.inside).map(({ untested }) => new Set(untested));
        const never = [...everything[0]].filter((code) => everything.every((untested) => untested.has(code)));
        assert.deepEqual(never, [], 'every thing is looked at somewhere');
      });

      test('outside, each mistake turns its own code and no other', async () => {
        for (const [name, { url, prefix = '/api', wants = [] }] of Object.entries(planted.outside)) {
          const { status, report } = await outside(url, prefix);
          const wrong = report.findings.filter(({ light }) => light === 'red' || light === 'yellow');
          assert.deepEqual(wrong.map(({ code }) => code).filter(isStable), [wants].flat(), name);
          assert.equal(status, wrong.some(({ light }) => light === 'red') ? 1 : 0, name);
        }
      });

      test('it names who signs people in, and where', async () => {
        const { report } = await outside(planted.outside['no mistake'].url, '/api');
        const of = (wanted) => report.findings.find(({ code }) => code === wanted);
        const { seen } = of('provider');
        assert.equal(of('server-to-cloud').light, 'green', 'the callback shows a call');
        assert.equal(seen, `"Sign in with Mastra Cloud" at ${cloud.url}, project demo`);
      });

      test('at least twenty mistakes were planted', () => {
        const wanted = [...Object.values(planted.inside), ...Object.values(planted.outside)].flatMap(({ wants = [] }) => wants);
        assert.ok(new Set(wanted).size >= 20, String(new Set(wanted).size));
      });
    });
  }
});

test('nothing is red or yellow in the example, and its own sources are read', async () => {
  const program = join(app, 'node_modules/@mastra/auth-cloud/dist/esm/bin/main.js');
  const env = { ...ENV, ...environmentOf(cloud, 'v1') };
  const { status, report } = await run(process.execPath, [program, 'doctor', '--json', '--try-sign-in'], { cwd: app, env });
  const { findings } = report;
  assert.deepEqual(findings.filter(({ code, light }) => isStable(code) && (light === 'red' || light === 'yellow')), []);
  assert.equal(status, 0);
  const of = (code) => findings.find((one) => one.code === code).seen;
  assert.equal(of('provider'), `MastraCloudAuth at ${cloud.url}, project demo`);
  assert.equal(of('server-version'), '1.69.0 by mastra');
});

function outside(url, prefix) {
  const env = { ...ENV, SSL_CERT_FILE: join(process.env.CERTIFICATES, 'ours-authority.pem') };
  return run(BINARY, ['doctor', '--server', url, '--api-prefix', prefix, '--json'], { env });
}

/** Runs a doctor; again where it gave up waiting, for that a busy machine does. */
async function run(program, args, options, tries = 1) {
  const { status, stdout, stderr } = await new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ status: error?.code ?? 0, stdout, stderr });
    });
  });
  const isLate = (stdout + stderr).includes('no whole answer came within');
  if (isLate && tries < 10) return run(program, args, options, tries + 1);
  assert.notEqual(stdout, '', stderr);
  return { status, report: JSON.parse(stdout) };
}
