// A Python that reads what it is given, one line after the other.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** `read(what, texts)` answers what `readers.py` makes of each text. */
export async function withPython(work) {
  const child = spawn(process.env.PYTHON ?? 'python3', [new URL('readers.py', import.meta.url).pathname], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async (what, texts) => {
    for (const text of texts) child.stdin.write(`${JSON.stringify([what, text])}\n`);
    const answers = [];
    for (const text of texts) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`Python ended at ${JSON.stringify(text)}`);
      answers.push(JSON.parse(value));
    }
    return answers;
  };
  try {
    return await work(read);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}
