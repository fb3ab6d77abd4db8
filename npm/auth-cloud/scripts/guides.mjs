// Tests every fenced block of the guides: `cargo xtask guides`, which names the command line in `MASTRA_AUTH` and itself in `XTASK`.
// A command runs and prints the output below it; every Cloud and app listens on a free port. A Rust program is part of one that is
// compiled. A TypeScript program is written to `.guides`, checked against the types, and run; one that imports vitest, by vitest.
//
// No block is skipped silently. One that cannot be tested here says so after its language, with a reason:
// ```` ```sh not-run: needs the registry ````. One that another test reads names that test: `read-by: FILE`.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const { MASTRA_AUTH, XTASK, CARGO = 'cargo' } = process.env;
const ROOT = path.resolve(import.meta.dirname, '../../..');
/** Pages that `cargo xtask gen` writes. Their blocks are the commands' help, whose examples have tests of their own. */
const GENERATED = ['docs/guide/api-pkce.md', 'docs/guide/api-platform.md', 'docs/guide/api-v1.md', 'docs/guide/cli.md', 'docs/guide/errors.md'];
/** Rust programs that the suite compiles, sources that read variables, and other programs' variables that the guides name. */
const PROGRAMS = [...under('examples', '.rs'), 'crates/client/tests/it/guides.rs'];
const READERS = ['npm/auth-cloud/src/options.ts', 'npm/auth-cloud/src/deployment.ts', 'crates/client/src/builder/environment.rs', 'crates/client/src/program/source.rs'];
const FOREIGN = ['NODE_ENV', 'MASTRA_EE_LICENSE', 'MASTRA_WORKER_AUTH_TOKEN'];
/** The guides' addresses, by their name in the ready line. */
const ADDRESSES = { app: 'http://localhost:4111', cloud: 'http://localhost:4300' };
/** What a partial program takes for granted: the words that show it, the declaration, and the line that declares it. */
const AUTH = "declare const auth: import('@mastra/auth-cloud').MastraCloudAuth;";
const GRANTED = [
  [/new MastraCloudAuth\(/, '{ MastraCloudAuth', "import { MastraCloudAuth } from '@mastra/auth-cloud';"],
  [/RevocationChannel/, '{ RevocationChannel', "import type { RevocationChannel } from '@mastra/auth-cloud';"],
  [/new Mastra\(/, '{ Mastra }', "import { Mastra } from '@mastra/core';"],
  [/auth\.| {4}auth,|\{ auth/, 'const auth', AUTH],
  [/token\}/, 'const token', 'declare const token: string;'],
  [/sessionId\)/, 'const sessionId', 'declare const sessionId: string;'],
  [/userId\)/, 'const userId', 'declare const userId: string;'],
];
/** What whole programs find in their environment. */
const ENV = { ...process.env, MASTRA_AUTH_BINARY: MASTRA_AUTH, MASTRA_PROJECT_ID: 'demo', ROBOT_KEY: 'robot', CUSTOMER_KEY: 'customer' };
const SETTINGS = { noUnusedLocals: false, noPropertyAccessFromIndexSignature: false, noUnusedParameters: false };

const scratch = mkdtempSync(path.join(tmpdir(), 'auth-cloud-guides-'));
const counts = {};
const programs = {};
let servers = [];
let urls = {};
let wrong = 0;

const pages = ['README.md', 'CONTRIBUTING.md', 'npm/auth-cloud/README.md', ...under('docs/guide', '.md'), ...under('examples', '.md')];
for (const page of pages.filter(page => !GENERATED.includes(page)).toSorted()) {
  const blocks = cut(page);
  for (const [at, block] of blocks.entries()) {
    try {
      const outcome = await judge(block, blocks[at + 1]);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    } catch (error) {
      console.error(`${block.place}: ${error.message}`);
      wrong += 1;
    }
  }
  for (const server of servers) server.kill();
  [servers, urls] = [[], {}];
}
rmSync(scratch, { recursive: true });
for (const [outcome, count] of Object.entries(counts)) console.log(`${String(count).padStart(4)} ${outcome}`);
assert.equal(wrong, 0, `${wrong} blocks are not what they say`);

rmSync('.guides', { recursive: true, force: true });
mkdirSync('.guides');
const isTest = name => name.endsWith('.test.ts');
const whole = Object.keys(programs).filter(name => !programs[name].includes('declare const ') && !isTest(name));
programs['run.mjs'] = whole.map(name => `await import('./${name}');\n`).join('');
programs['tsconfig.json'] = JSON.stringify({ extends: '../tsconfig.json', compilerOptions: SETTINGS, include: ['*.ts'] });
for (const [name, text] of Object.entries(programs)) writeFileSync(`.guides/${name}`, text);
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.guides'], { stdio: 'inherit' });
execFileSync(process.execPath, ['--experimental-strip-types', '--no-warnings', '.guides/run.mjs'], { stdio: 'inherit', env: ENV });
execFileSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--root', '.guides'], { stdio: 'inherit', env: ENV });

function read(file) {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

function under(folder, end) {
  const all = readdirSync(path.join(ROOT, folder), { recursive: true }).map(name => `${folder}/${name.replaceAll('\\', '/')}`);
  return all.filter(name => name.endsWith(end) && !/node_modules|\/target\//.test(name));
}

/** Every block of a page, without the indent that it has in a list. */
function cut(page) {
  const text = read(page);
  const blocks = [...text.matchAll(/^( *)```(.*)\n([^]*?)^\1```$/gm)].map(({ 1: indent, 2: info, 3: body, index }) => {
    const place = `${page}:${text.slice(0, index).split('\n').length}`;
    const [, language, note] = /^(\w*)[ ,]?(.*)$/.exec(info);
    return { page, place, language, note, text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
  });
  assert.equal(text.match(/^ *```/gm)?.length ?? 0, 2 * blocks.length, `${page}: a block has no end`);
  return blocks;
}

/** Tests a block, and returns what was tested. */
async function judge(block, next) {
  const { page, place, language, note, text } = block;
  const ran = 'commands ran, or were printed by one';
  const [, word, reason] = /^([\w-]*)(?:: *(.+))?$/.exec(note) ?? [];
  if (word === 'not-run' && reason) {
    console.log(`not run: ${place}: ${reason}`);
    return 'not run, each for the reason above';
  }
  if (word === 'read-by' && reason) {
    assert(read(reason).includes(path.basename(page)), `${reason} does not read this page`);
    return 'read by a test of their own';
  }
  // Compared with the output of the command above it.
  if (note === 'output') return ran;
  // `rust,ignore` is a word for rustdoc, and not a reason.
  assert(['', 'ignore'].includes(note), `\`${note}\` says neither why it is not run nor who reads it`);
  switch (language) {
    case 'sh':
    case 'bash': {
      let printed = '';
      for (const line of text.split('\n')) {
        const command = line.split('  #')[0].trim();
        if (command !== '' && !command.startsWith('#')) printed = (await run(page, command)) ?? '';
      }
      if (next?.note === 'output') assert.equal(printed.trim(), next.text.trim());
      return ran;
    }
    case 'rust': {
      const lines = code => `\n${code.split('\n').map(line => line.trim().replaceAll(/\s+/g, ' ')).filter(Boolean).join('\n')}\n`;
      const isThere = PROGRAMS.some(file => lines(read(file)).includes(lines(text)));
      assert(isThere, 'its lines stand in no program that is compiled: cut it out of `examples` or `crates/client/tests/it/guides.rs`');
      return 'Rust programs are part of what is compiled';
    }
    case 'typescript':
    case 'ts': {
      const missing = GRANTED.filter(([shown, declared]) => shown.test(text) && !text.includes(declared));
      const end = text.includes("from 'vitest'") ? '.test.ts' : '.ts';
      programs[`${place.replaceAll(/[/.:]/g, '-')}${end}`] = [...missing.map(([, , line]) => line), text, 'export {};\n'].join('\n');
      return 'TypeScript programs fit the types, and run where they are whole';
    }
    case 'toml': {
      writeFileSync(path.join(scratch, 'Cargo.toml'), `package = { name = "guide", edition = "2024" }\nlib.path = "lib.rs"\n${text}`);
      execFileSync(CARGO, ['metadata', '--no-deps', '--format-version=1'], { cwd: scratch, stdio: ['ignore', 'ignore', 'pipe'] });
      return 'files can be read';
    }
    case 'dotenv': {
      for (const line of text.split('\n').filter(line => line !== '' && !line.startsWith('#'))) {
        const [name, value] = line.split('=');
        assert(value !== undefined, `\`${line}\` sets nothing`);
        assert(FOREIGN.includes(name) || READERS.some(file => read(file).includes(name)), `nothing reads ${name}`);
      }
      return 'files can be read';
    }
    default:
      throw new Error(`a block of \`${language}\` is tried in no way: say \`not-run: REASON\` or \`read-by: TEST\` behind its language`);
  }
}

/** Runs one command and returns its output, with the guide's addresses. */
async function run(page, command) {
  const words = text => text.split(' ');
  const own = /^(?:cargo run (?:--quiet )?-- |mastra-auth )(.*)$/.exec(command)?.[1];
  if (command.startsWith('cargo xtask ')) {
    execFileSync(XTASK, [...words(command).slice(2), '--help'], { stdio: ['ignore', 'ignore', 'pipe'] });
  } else if (/^(demo|dev)\b/.test(own)) {
    return serve(own);
  } else if (own?.includes('https://')) {
    // It would call another machine. With an unknown flag nothing starts; that must be the only error.
    const { stderr } = spawnSync(MASTRA_AUTH, [...words(own.split(' < ')[0]), '--surely-unknown'], { encoding: 'utf8' });
    assert.match(stderr, /unexpected argument '--surely-unknown'/);
  } else if (own || command.startsWith('curl ')) {
    return shell(command);
  } else if (command.startsWith('cd ')) {
    assert(existsSync(path.join(ROOT, command.slice(3))), 'there is no such folder');
  } else {
    const script = /^npm (?:run )?(.*)$/.exec(command)?.[1];
    assert(script, `\`${command}\`: say behind \`sh\` why it is not run: \`not-run: REASON\``);
    const { scripts } = JSON.parse(read(`${path.dirname(page)}/package.json`));
    assert(script === 'install' || scripts[script], `${page} names no script of its package: ${script}`);
  }
}

/** Starts a server and waits for its ready line. */
async function serve(command) {
  const ports = command.startsWith('demo') ? ['--port', '0', '--cloud-port', '0'] : ['--port', '0'];
  const server = spawn(MASTRA_AUTH, [...command.split(' '), ...ports], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push(server);
  for await (const line of createInterface({ input: server.stdout })) {
    for (const [, name, url] of line.matchAll(/(\w+)=(\S+)/g)) if (name in ADDRESSES) urls[ADDRESSES[name]] = url;
    server.stdout.resume();
    return asInTheGuide(line);
  }
  throw new Error('the server ended before it was ready');
}

/** Runs a command in a shell, in a folder with a file `token`. */
async function shell(command) {
  if (Object.keys(urls).length === 0) await serve('dev');
  const here = text => Object.entries(urls).reduce((text, [guides, url]) => text.replaceAll(guides, url), text);
  const cloud = here(ADDRESSES.cloud);
  const token = execFileSync(MASTRA_AUTH, ['token', 'new', '--as', 'member', '--cloud-url', cloud]);
  writeFileSync(path.join(scratch, 'token'), token);
  const script = here(command).replaceAll(/cargo run (--quiet )?-- |mastra-auth /g, '"$MASTRA_AUTH" ');
  const loud = script.replaceAll('curl ', 'curl --silent --show-error --fail ');
  const env = { ...process.env, MASTRA_CLOUD_URL: cloud };
  return asInTheGuide(execFileSync('bash', ['-o', 'pipefail', '-ec', loud], { cwd: scratch, env, encoding: 'utf8' }));
}

function asInTheGuide(text) {
  return Object.entries(urls).reduce((text, [guides, url]) => text.replaceAll(url, guides), text);
}
