// The two examples under load, one after the other: forty people who sign in, ask and sign out, credentials that are bad, slow or far
// too large, and 10,000 connections that never finish a request. `cargo xtask soak load`; `LOAD_SECONDS` is the time for each.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../npm/auth-cloud/scripts/free-port.mjs';
import { pickPerson } from '../npm/auth-cloud/scripts/login-page.mjs';
import { environmentOf, startCloud } from './cloud.mjs';
import { HOME, makeHosts } from './install.mjs';
import { Ledger, Wire } from './ledger.mjs';
import { Person } from './person.mjs';
import { ENV, launch, startServer } from './processes.mjs';

const SECONDS = Number(process.env.LOAD_SECONDS ?? 600);
const SLOW = Number(process.env.LOAD_SLOW ?? 10_000);
const PEOPLE = Array.from({ length: 40 }, (_, at) => `p${at}`);
/** No answer comes later than this, in milliseconds. */
const PATIENCE = 60_000;
/** The longest pause of a person between two requests, in milliseconds. */
const PAUSE = 400;
/** Seconds between two looks at the memory, at Mastra each once the garbage was collected. */
const LOOK_EVERY = Math.ceil(SECONDS / 60);
/** How much more memory the last quarter may take than the one before it. */
const MOST_GROWTH = 1.05;
/** How much longer than that of an idle process the event loop may wait, in the 99th of a hundred times. */
const MOST_DELAY_MS = 5;

/** A browser whose every request has an id. */
class Member extends Person {
  constructor(name, server, ledger, options = {}) {
    super(name, server, options);
    this.ledger = ledger;
  }

  ask(path, { headers, ...options } = {}) {
    const id = headers?.['x-request-id'] ?? this.ledger.issue();
    return super.ask(path, { signal: AbortSignal.timeout(PATIENCE), ...options, headers: { ...headers, 'x-request-id': id } });
  }
}

/** One at the example on axum. */
class Guest extends Member {
  constructor(name, server, ledger) {
    super(name, server, ledger, { api: '' });
  }

  async signIn() {
    const login = await this.ask('/auth/login?return_to=/agents');
    const callback = await pickPerson(login.location, this.name);
    const { status, location, text } = await this.ask(callback.pathname + callback.search);
    assert.deepEqual([status, location], [303, '/agents'], text);
  }
}

/** One person: most requests are good, and each good one must be answered about this person. */
async function live(person, until) {
  const { ledger } = person;
  const [me, agents] = ['/auth/me', '/agents'].map((path) => person.api + path);
  const ask = (kind, statuses, path, { headers: more, ...options } = {}, about) =>
    ledger.account(kind, statuses, (headers) => person.ask(path, { ...options, headers: { ...headers, ...more } }), about);
  const bearer = (token) => ({ headers: { authorization: `Bearer ${token}`, cookie: '' } });
  const own = `usr_${person.name}`;
  const signIn = () => person.signIn().then(() => ledger.count('signIn'));
  await signIn();
  for (; performance.now() < until; await sleep(Math.random() * PAUSE)) {
    const dice = Math.random();
    if (dice < 0.1) await ask('bad', [401], agents, bearer(`e30.${btoa(dice)}.c2ln`.replace(/=/g, '')));
    else if (dice < 0.13) await ask('oversized', [401], agents, bearer('.'.repeat(9_000)));
    else if (dice < 0.16) await ask('oversized', [400, 431], agents, { headers: { cookie: `${person.cookies}; a=${'x'.repeat(20_000)}` } });
    else if (dice < 0.22) await ledger.account('slow', [200], (headers) => slowly(person, me, headers), own);
    else if (dice < 0.24) {
      const cookie = person.cookies;
      await ask('signOut', [200, 303], `${person.api}/auth/logout`, { method: 'POST', headers: { origin: person.server } });
      await ask('ended', [401], agents, { headers: { cookie } });
      await signIn();
    } else await ask('good', [200], me, {}, own);
  }
}

/** A request in ten pieces, a tenth of a second apart. */
async function slowly(person, path, headers) {
  const { hostname, host, port } = new URL(person.server);
  const lines = Object.entries({ host, cookie: person.cookies, connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const socket = connect(Number(port), hostname);
  const parts = [];
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error('the time is over')));
  const ended = new Promise((resolve, reject) => socket.on('data', (part) => parts.push(part)).once('end', resolve).once('error', reject));
  const write = async () => {
    for (let at = 0; at < 10; at += 1) {
      socket.write(text.slice(Math.floor((text.length * at) / 10), Math.floor((text.length * (at + 1)) / 10)));
      await sleep(100);
    }
  };
  await Promise.all([ended, write()]);
  socket.destroy();
  if (parts.length === 0) throw new Error('the connection ends without an answer');
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

/** Resident megabytes of a process, the most that there were, and its open files. */
async function usage(pid) {
  const [status, files] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readdir(`/proc/${pid}/fd`)]);
  const [resident, most] = ['VmRSS', 'VmHWM'].map((name) => (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) * 1024) / 1e6);
  return { resident, most, files: files.length };
}

const quantile = (values, share) => values.toSorted((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))];
const median = (values) => quantile(values, 0.5);

/** What a server holds: of a garbage collector's, only what is left once it has collected. */
async function held(server) {
  const { resident } = await usage(server.pid);
  return server.collected ? server.collected() : { resident };
}

async function under(name, server, wire, people, ledger, refusedIn) {
  const [before, files] = [await held(server), (await usage(server.pid)).files];
  const crowd = new Crowd(server.port);
  await crowd.gather(SLOW);
  server.reset?.();
  const idle = startIdle();
  const [kept, open] = [[], []];
  const begun = performance.now();
  const until = begun + SECONDS * 1000;
  const watch = async () => {
    for (let turn = 0; performance.now() < until; await sleep(1000)) {
      open.push((await usage(server.pid)).files);
      if (turn++ % LOOK_EVERY === 0) kept.push(await held(server));
    }
  };
  await Promise.all([watch(), ...people.map((person) => live(person, until))]);
  const still = crowd.sockets.filter(({ readyState }) => readyState === 'open').length;
  const delay = server.log.findLast((line) => line.startsWith('delay '))?.split(' ').slice(1).map(Number);
  idle.stop();
  crowd.disperse();
  await sleep(3000);
  const at = await held(server);
  const after = { ...at, ...(await usage(server.pid)) };

  const breaches = ledger.breaches(wire, refusedIn(server.log));
  const levels = Object.keys(before).map((kind) => {
    const quarter = (at) => median(kept.slice((kept.length * at) / 4, (kept.length * (at + 1)) / 4).map((one) => one[kind]));
    return { kind, third: quarter(2), last: quarter(3) };
  });
  const { good = 0, bad = 0, oversized = 0, slow = 0, ended = 0, signIn = 0, signOut = 0, unavailable = 0 } = ledger.counts;
  const lines = [
    `${name}: ${SECONDS} s, ${PEOPLE.length} people, ${still} of ${SLOW} slow connections open at the end, ${crowd.reopened} opened again`,
    `  ${wire.requests.length} requests on the wire: ${good} good, ${bad} bad, ${oversized} oversized, ${slow} slow, ${ended} with an ended session, ${signOut} sign-outs, two each for ${signIn} sign-ins, ${unavailable} answered 503`,
    `  by their ids: ${Object.entries(breaches).map(([what, count]) => `${count} ${what}`).join(', ')}; ${ledger.refused.size} are in the server's log as refused`,
    `  good: p50 ${median(ledger.times).toFixed(2)} ms, p99 ${quantile(ledger.times, 0.99).toFixed(2)} ms`,
    ...levels.map(({ kind, third, last }) =>
      `  memory, ${kind}: ${before[kind].toFixed(1)} MB before, ${third.toFixed(1)} MB in the third quarter, ${last.toFixed(1)} MB in the last, ${after[kind].toFixed(1)} MB after`),
    `  memory, the most that was ever resident: ${after.most.toFixed(1)} MB`,
    `  open files: ${files} before, at most ${Math.max(...open)}, ${after.files} after`,
    ...(delay === undefined ? [] : [`  event loop: delay p50 ${delay[0]} ms, p99 ${delay[1]} ms, most ${delay[2]} ms; of an idle process beside it p99 ${idle.p99.toFixed(2)} ms`]),
  ];
  console.log(lines.join('\n'));
  assert.deepEqual(Object.values(breaches).filter(Boolean), [], [...ledger.lost, ...ledger.crossed].slice(0, 20).join('\n'));
  assert.ok(after.files <= files + PEOPLE.length, 'connections are left behind');
  if (SECONDS < 600) return;
  for (const { kind, third, last } of levels) assert.ok(last <= third * MOST_GROWTH, `the memory grows: ${kind}`);
  assert.ok(delay === undefined || delay[1] < MOST_DELAY_MS + idle.p99, 'the event loop waits too long');
}

/** The example on axum, which people reach at a wire. */
async function startAxum(cloud, wire) {
  wire.to = await freePort();
  const env = { ...ENV, ...environmentOf(cloud, 'v1'), MASTRA_PUBLIC_URL: wire.url, PORT: `${wire.to}` };
  const child = launch(process.env.AXUM_EXAMPLE, [], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const log = [];
  createInterface({ input: child.stdout }).on('line', (line) => /credential_rejected/.test(line) && log.push(line));
  const answers = () => fetch(`http://localhost:${wire.to}`).then(({ ok }) => ok, () => false);
  for (const late = Date.now() + 60_000; !(await answers()); await sleep(200)) {
    assert.ok(child.exitCode === null && Date.now() < late, 'the example does not answer');
  }
  return { log, pid: child.pid, port: wire.to, stop: () => child.kill() };
}

/** The example on Mastra, behind Hono. */
async function startMastra(cloud, app, wire) {
  const index = join(app, 'src/mastra/index.js');
  const source = await readFile(index, 'utf8');
  const changed = source.replace('new MastraCloudAuth({', 'new MastraCloudAuth({ onEvent: globalThis.onCloudEvent,');
  assert.notEqual(changed, source, 'the example makes its MastraCloudAuth in another way than this test knows');
  await writeFile(index, changed);
  const server = await startServer(['--expose-gc', join(app, 'load.mjs')], { cwd: app, env: environmentOf(cloud, 'v1') });
  wire.to = Number(new URL(server.url).port);
  const collected = async () => {
    const seen = server.log.length;
    process.kill(server.pid, 'SIGHUP');
    const told = () => server.log.slice(seen).find((line) => line.startsWith('collected '));
    for (const late = Date.now() + PATIENCE; told() === undefined; await sleep(50)) assert.ok(Date.now() < late, 'nothing was collected');
    const [heap, resident] = told().split(' ').slice(1).map(Number);
    return { 'heap and what it holds, collected': heap, 'resident, collected': resident };
  };
  return { ...server, port: wire.to, collected, reset: () => process.kill(server.pid, 'SIGUSR2') };
}

const seed = join(HOME, 'load.toml');
await writeFile(seed, PEOPLE.map((name) => `[[people]]\nhandle = "${name}"\nname = "${name}"\nemail = "${name}@example.com"\nrole = "member"\n`).join(''));
const cloud = await startCloud('v1', ['--seed', seed]);
const app = await makeHosts();
const idOf = (pattern) => (log) => log.flatMap((line) => pattern.exec(line)?.[1] ?? []);
const shown = async (name, start, refusedIn, personOf) => {
  const [wire, ledger] = [await Wire.start(), new Ledger()];
  const server = await start(wire);
  await under(name, server, wire, PEOPLE.map((person) => personOf(person, wire.url, ledger)), ledger, refusedIn);
  await server.stop();
  wire.stop();
};
try {
  await shown('axum', (wire) => startAxum(cloud, wire), idOf(/request_id="?([\w-]+)/), (...who) => new Guest(...who));
  await shown('Mastra', (wire) => startMastra(cloud, app, wire), idOf(/^refused (\S+)/), (...who) => new Member(...who));
} finally {
  await cloud.stop();
  await Promise.all([cloud.remove(), rm(app, { recursive: true, force: true }), rm(seed)]);
}
