// The two examples under load, one after the other: forty people who sign in, ask and sign out, credentials that are bad, slow or far
// too large, and 10,000 connections that never finish a request. `cargo xtask soak load`; `LOAD_SECONDS` is the time for each.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pickPerson } from '../npm/auth-cloud/scripts/login-page.mjs';
import { environmentOf, startCloud } from './cloud.mjs';
import { HOME, makeHosts } from './install.mjs';
import { Person } from './person.mjs';
import { ENV, launch, startServer } from './processes.mjs';

const SECONDS = Number(process.env.LOAD_SECONDS ?? 600);
const SLOW = Number(process.env.LOAD_SLOW ?? 10_000);
const PEOPLE = Array.from({ length: 40 }, (_, at) => `p${at}`);
/** The longest pause of a person between two requests, in milliseconds. */
const PAUSE = 400;
/** How much more memory the last quarter may take than the one before it. */
const MOST_GROWTH = 1.05;
/** How much longer than that of an idle process the event loop may wait, in the 99th of a hundred times. */
const MOST_DELAY_MS = 5;

/** A browser at the example on axum. */
class Guest extends Person {
  constructor(name, server) {
    super(name, server, { api: '' });
  }

  async signIn() {
    const login = await this.ask('/auth/login?return_to=/agents');
    const callback = await pickPerson(login.location, this.name);
    const { status, location, text } = await this.ask(callback.pathname + callback.search);
    assert.deepEqual([status, location], [303, '/agents'], text);
  }
}

/** Every request by its id: what it was answered, and whether its credential was to be refused. */
class Ledger {
  answers = new Map();
  refused = new Set();
  counts = {};
  times = [];

  /** Sends a request with an id of its own; it must be answered once, with one of these statuses. 503 is counted. */
  async account(kind, statuses, send, isRefused = false) {
    const id = crypto.randomUUID();
    this.answers.set(id, 0);
    if (isRefused) this.refused.add(id);
    const begun = performance.now();
    const answer = await send({ 'x-request-id': id });
    if (kind === 'good') this.times.push(performance.now() - begun);
    this.answers.set(id, this.answers.get(id) + 1);
    if (answer.status === 503) return this.#count('unavailable') && undefined;
    this.#count(kind);
    assert.ok(statuses.includes(answer.status), `${kind}: ${answer.status} ${answer.text}`);
    return answer;
  }

  #count(kind) {
    return (this.counts[kind] = (this.counts[kind] ?? 0) + 1);
  }
}

/** One person: most requests are good, and each good one must be answered about this person. */
async function live(person, ledger, until) {
  const [me, agents] = ['/auth/me', '/agents'].map((path) => person.api + path);
  const ask = (kind, statuses, path, options = {}, isRefused = false) =>
    ledger.account(kind, statuses, (headers) => person.ask(path, { ...options, headers: { ...headers, ...options.headers } }), isRefused);
  const isOwn = (answer) => {
    if (answer !== undefined) assert.equal(JSON.parse(answer.text).id, `usr_${person.name}`, 'the answer is about another person');
  };
  const bearer = (token) => ({ headers: { authorization: `Bearer ${token}`, cookie: '' } });
  await person.signIn();
  for (; performance.now() < until; await sleep(Math.random() * PAUSE)) {
    const dice = Math.random();
    if (dice < 0.1) await ask('bad', [401], agents, bearer(`e30.${btoa(dice)}.c2ln`.replace(/=/g, '')), true);
    else if (dice < 0.13) await ask('oversized', [401], agents, bearer('.'.repeat(9_000)), true);
    else if (dice < 0.16) await ask('oversized', [400, 431], agents, { headers: { cookie: `${person.cookies}; a=${'x'.repeat(20_000)}` } });
    else if (dice < 0.22) isOwn(await ledger.account('slow', [200], (headers) => slowly(person, me, headers)));
    else if (dice < 0.24) {
      const cookie = person.cookies;
      await ask('signOut', [200, 303], `${person.api}/auth/logout`, { method: 'POST', headers: { origin: person.server } });
      await ask('ended', [401], agents, { headers: { cookie } }, true);
      await ledger.account('signIn', [200], () => person.signIn().then(() => ({ status: 200 })));
    } else isOwn(await ask('good', [200], me));
  }
}

/** A request in ten pieces, a tenth of a second apart. */
async function slowly(person, path, headers) {
  const { hostname, host, port } = new URL(person.server);
  const lines = Object.entries({ host, cookie: person.cookies, connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const socket = connect(Number(port), hostname);
  const parts = [];
  const ended = new Promise((resolve, reject) => socket.on('data', (part) => parts.push(part)).once('end', resolve).once('error', reject));
  for (let at = 0; at < 10; at += 1) {
    socket.write(text.slice(Math.floor((text.length * at) / 10), Math.floor((text.length * (at + 1)) / 10)));
    await sleep(100);
  }
  await ended;
  socket.destroy();
  const [head, ...body] = Buffer.concat(parts).toString().split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), text: /\{.*\}/s.exec(body.join(''))?.[0] };
}

/** Connections that send a byte of a header every ten seconds; one that the server closes is opened again. */
class Crowd {
  sockets = [];
  reopened = 0;
  #at = 0;
  #timer = setInterval(() => this.#drip(), 100);

  constructor(port) {
    this.port = port;
  }

  async gather(count) {
    for (let at = 0; at < count; at += 1) {
      this.#open(at);
      if (at % 50 === 49) await sleep(50);
    }
  }

  #open(at) {
    const socket = connect(this.port, '127.0.0.1');
    this.sockets[at] = socket;
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ');
    socket.on('error', () => {}).once('close', () => {
      if (this.#timer === undefined) return;
      this.reopened += 1;
      setTimeout(() => this.#timer !== undefined && this.#open(at), 1000);
    }).resume();
  }

  #drip() {
    this.#at = (this.#at + 1) % 100;
    for (let at = this.#at; at < this.sockets.length; at += 100) if (this.sockets[at].writable) this.sockets[at].write('x');
  }

  disperse() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const socket of this.sockets) socket.destroy();
  }
}

/** A process that does nothing, and how long its event loop waits: what the machine costs any. */
function startIdle() {
  const program = "const delay = require('perf_hooks').monitorEventLoopDelay({ resolution: 1 }); delay.enable(); setInterval(() => console.log(delay.percentile(99) / 1e6), 1000);";
  const child = launch(process.execPath, ['--eval', program], { env: ENV, stdio: ['ignore', 'pipe', 'inherit'] });
  const idle = { stop: () => child.kill(), p99: 0 };
  createInterface({ input: child.stdout }).on('line', (line) => (idle.p99 = Number(line)));
  return idle;
}

/** Resident megabytes and open files of a process. */
async function usage(pid) {
  const [status, files] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readdir(`/proc/${pid}/fd`)]);
  return { memory: Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]) / 1000, files: files.length };
}

const quantile = (values, share) => values.toSorted((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))];
const median = (values) => quantile(values, 0.5);

async function under(name, server, people, refusedIn) {
  const before = await usage(server.pid);
  const crowd = new Crowd(new URL(server.url).port);
  await crowd.gather(SLOW);
  server.reset?.();
  const idle = startIdle();
  const ledger = new Ledger();
  const samples = [];
  const until = performance.now() + SECONDS * 1000;
  const watch = async () => {
    for (; performance.now() < until; await sleep(1000)) samples.push(await usage(server.pid));
  };
  await Promise.all([watch(), ...people.map((person) => live(person, ledger, until))]);
  const open = crowd.sockets.filter(({ readyState }) => readyState === 'open').length;
  const delay = server.log.findLast((line) => line.startsWith('delay '))?.split(' ').slice(1);
  idle.stop();
  crowd.disperse();
  await sleep(3000);
  const after = await usage(server.pid);

  const unanswered = [...ledger.answers.values()].filter((count) => count !== 1).length;
  const told = refusedIn(server.log);
  const missed = [...ledger.refused].filter((id) => !told.includes(id)).length;
  const strange = told.filter((id) => !ledger.answers.has(id)).length;
  const doubled = told.length - new Set(told).size;
  const quarter = (at) => samples.slice((samples.length * at) / 4, (samples.length * (at + 1)) / 4).map(({ memory }) => memory);
  const [third, last] = [quarter(2), quarter(3)].map(median);
  const files = samples.map((sample) => sample.files);
  const { good = 0, bad = 0, oversized = 0, slow = 0, ended = 0, signIn = 0, signOut = 0, unavailable = 0 } = ledger.counts;
  const lines = [
    `${name}: ${SECONDS} s, ${PEOPLE.length} people, ${open} of ${SLOW} slow connections open at the end, ${crowd.reopened} opened again`,
    `  ${ledger.answers.size} requests: ${good} good, ${bad} bad, ${oversized} oversized, ${slow} slow, ${ended} with an ended session, ${signIn} sign-ins, ${signOut} sign-outs, ${unavailable} answered 503`,
    `  ${unanswered} not answered once, 0 about another person; of ${ledger.refused.size} refused ${missed} are not in the server's log, ${doubled} are there twice, and ${strange} there are unknown`,
    `  good: p50 ${median(ledger.times).toFixed(2)} ms, p99 ${quantile(ledger.times, 0.99).toFixed(2)} ms`,
    `  memory: ${before.memory.toFixed(0)} MB before, ${third.toFixed(1)} MB in the third quarter, ${last.toFixed(1)} MB in the last, ${after.memory.toFixed(0)} MB after`,
    `  open files: ${before.files} before, at most ${Math.max(...files)}, ${after.files} after`,
    ...(delay === undefined ? [] : [`  event loop: delay p50 ${delay[0]} ms, p99 ${delay[1]} ms, most ${delay[2]} ms; of an idle process beside it p99 ${idle.p99.toFixed(2)} ms`]),
  ];
  console.log(lines.join('\n'));
  assert.deepEqual([unanswered, missed, doubled, strange], [0, 0, 0, 0]);
  assert.ok(after.files <= before.files + PEOPLE.length, 'connections are left behind');
  if (SECONDS < 600) return;
  assert.ok(last <= third * MOST_GROWTH, 'the memory grows');
  assert.ok(delay === undefined || delay[1] < MOST_DELAY_MS + idle.p99, 'the event loop waits too long');
}

/** The example on axum, at its own port. */
async function startAxum(cloud) {
  const url = 'http://localhost:4111';
  const env = { ...ENV, ...environmentOf(cloud, 'v1'), MASTRA_PUBLIC_URL: url };
  const child = launch(process.env.AXUM_EXAMPLE, [], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const log = [];
  createInterface({ input: child.stdout }).on('line', (line) => /credential_rejected/.test(line) && log.push(line));
  const answers = () => fetch(url).then(({ ok }) => ok, () => false);
  for (const late = Date.now() + 60_000; !(await answers()); await sleep(200)) assert.ok(Date.now() < late, 'the example does not answer');
  await sleep(500);
  assert.equal(child.exitCode, null, 'what answers is not the example: its port is in use');
  return { url, log, pid: child.pid, stop: () => child.kill() };
}

/** The example on Mastra, behind Hono. */
async function startMastra(cloud, app) {
  const index = join(app, 'src/mastra/index.js');
  const source = await readFile(index, 'utf8');
  const changed = source.replace('new MastraCloudAuth({', 'new MastraCloudAuth({ onEvent: globalThis.onCloudEvent,');
  assert.notEqual(changed, source, 'the example makes its MastraCloudAuth in another way than this test knows');
  await writeFile(index, changed);
  const server = await startServer([join(app, 'load.mjs')], { cwd: app, env: environmentOf(cloud, 'v1') });
  return { ...server, reset: () => process.kill(server.pid, 'SIGUSR2') };
}

const seed = join(HOME, 'load.toml');
await writeFile(seed, PEOPLE.map((name) => `[[people]]\nhandle = "${name}"\nname = "${name}"\nemail = "${name}@example.com"\nrole = "member"\n`).join(''));
const cloud = await startCloud('v1', ['--seed', seed]);
const app = await makeHosts();
const idOf = (pattern) => (log) => log.flatMap((line) => pattern.exec(line)?.[1] ?? []);
try {
  const axum = await startAxum(cloud);
  await under('axum', axum, PEOPLE.map((name) => new Guest(name, axum.url)), idOf(/request_id="?([\w-]+)/));
  axum.stop();
  const mastra = await startMastra(cloud, app);
  const host = { callback: '/auth/callback' };
  await under('Mastra', mastra, PEOPLE.map((name) => new Person(name, mastra.url, host)), idOf(/^refused (\S+)/));
  await mastra.stop();
} finally {
  await cloud.stop();
  await Promise.all([cloud.remove(), rm(app, { recursive: true, force: true }), rm(seed)]);
}
