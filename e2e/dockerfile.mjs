// The Dockerfiles of the guide, step by step without Docker: a stage is an empty folder.
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './processes.mjs';

const GUIDE = new URL('../docs/guide/mastra.md', import.meta.url);
const WORKDIR = '/app';
/** What the guide's `.dockerignore` names. */
const IGNORED = ['node_modules', '.mastra'];

/** The text of each. */
export async function dockerfiles() {
  const guide = await readFile(GUIDE, 'utf8');
  return [...guide.matchAll(/^```dockerfile .*\n([^]*?)^```$/gm)].map(([, text]) => text);
}

/** Of hundreds of downloads, a registry may refuse one for a moment: the others are in npm's cache when it looks again. */
async function fetching(work) {
  for (let left = 3; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (left === 0 || !/^npm error request to \S+ failed/m.test(error.message)) throw error;
      console.log(`npm is run again: ${/reason: .*/.exec(error.message)}`);
    }
  }
}

/** Does the steps of one on a project; answers each stage's folder. `env` stands for what an image has. */
export async function steps(text, project, env) {
  const stages = [];
  const named = new Map();
  const copy = (from, to) => cp(from, to, { recursive: true, verbatimSymlinks: true });
  const work = {
    async FROM(words) {
      const stage = await mkdtemp(join(tmpdir(), 'mastra-auth-stage-'));
      stages.push(stage);
      named.set(words.split(' AS ')[1], stage);
    },
    async COPY(words) {
      const [, stage, rest] = /^(?:--from=(\S+) )?(.*)$/.exec(words);
      const [to, ...sources] = rest.split(' ').reverse();
      const target = join(stages.at(-1), to);
      for (const source of sources) {
        // A folder's content is copied, a file by its name.
        const from = stage ? join(named.get(stage), source.replace(`${WORKDIR}/`, '')) : join(project, source);
        if (source !== '.') await copy(from, /\.json$/.test(source) ? join(target, source) : target);
        else for (const name of await readdir(project)) if (!IGNORED.includes(name)) await copy(join(project, name), join(target, name));
      }
    },
    RUN: (words) => fetching(() => run('sh', ['-c', words], stages.at(-1), env)),
    WORKDIR: async (words) => assert.equal(words, WORKDIR),
    USER: async () => {},
    EXPOSE: async () => {},
    CMD: async (words) => assert.deepEqual(JSON.parse(words), ['node', 'index.mjs']),
  };
  for (const line of text.split('\n').filter((one) => one !== '' && !one.startsWith('#'))) {
    const [, name, words] = /^(\w+) (.*)$/.exec(line);
    assert.ok(work[name], `${line}: not known`);
    await work[name](words);
  }
  return stages;
}
