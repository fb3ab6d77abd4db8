// What workerd keeps of very many tokens, in megabytes: the heap of the isolate, what hangs on it, array buffers, and the memory of
// the module. The debugger tells all but the last, after a collection that it was told to make.

const STEPS = 20;
/** From here on the caches are full. */
const FULL = 2;

/** `asked` takes a question to a Worker, and `inspector` is the address of its debugger. `count` tokens in all. */
export async function memory(asked, inspector, count) {
  const found = (await used(asked, inspector, { count, steps: STEPS })).map(bytes => bytes / 1e6);
  const [least, most] = [Math.min, Math.max].map(pick => pick(...found.slice(FULL)));
  return {
    title: `workerd, ${count} tokens: megabytes after each twentieth of them`,
    columns: found.map((_, step) => `${step + 1}`),
    rows: [found.map(one => one.toFixed(2))],
    goals: [
      { goal: 'most megabytes', at_most: 64, found: Math.max(...found), reached: Math.max(...found) <= 64 },
      { goal: 'from the third on, the most as a share of the least', at_most: 1.05, found: most / least, reached: most / least <= 1.05 },
    ],
  };
}

/** The bytes in use after each of so many steps; `options` are those of the crowd. */
export async function used(asked, inspector, { count, steps, ...options }) {
  const socket = new WebSocket(`${inspector}core:user:worker`);
  const answers = new Map();
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(data);
    answers.get(id)?.(result);
  };
  await new Promise((resolve, reject) => {
    Object.assign(socket, { onopen: resolve, onerror: () => reject(new Error('the debugger of workerd cannot be reached')) });
  });
  const call = method => {
    const id = answers.size + 1;
    const answer = new Promise(resolve => answers.set(id, resolve));
    socket.send(JSON.stringify({ id, method }));
    return answer;
  };
  const crowd = (from, size) => asked({ what: 'crowd', from, count: size, ...options });
  /** workerd collects while a request is served. The finalizers run after it. */
  const collect = async () => {
    let isCollected = false;
    const collecting = call('HeapProfiler.collectGarbage').then(() => (isCollected = true));
    while (!isCollected) await crowd(0, 0);
    await collecting;
  };
  const found = [];
  const size = count / steps;
  try {
    for (let step = 0; step < steps; step += 1) {
      const { module } = await crowd(step * size, size);
      // What the first one lets go may keep more.
      await collect();
      await collect();
      const { usedSize, embedderHeapUsedSize, backingStorageSize } = await call('Runtime.getHeapUsage');
      found.push(module + usedSize + embedderHeapUsedSize + backingStorageSize);
    }
  } finally {
    socket.close();
  }
  return found;
}
