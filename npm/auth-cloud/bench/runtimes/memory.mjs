// What workerd keeps of very many tokens, in megabytes: the heap of the isolate, what hangs on it, array buffers, and the memory of
// the module. The debugger tells all but the last after each request; the least of some is what a collection has left.

const STEPS = 10;
const READINGS = 10;
/** From here on the caches are full. */
const FULL = 2;

/** `asked` takes a question to a Worker, and `inspector` is the address of its debugger. `count` tokens in all. */
export async function memory(asked, inspector, count) {
  const socket = new WebSocket(`${inspector}core:user:worker`);
  await new Promise((resolve, reject) => {
    Object.assign(socket, { onopen: resolve, onerror: () => reject(new Error('the debugger of workerd cannot be reached')) });
  });
  const size = count / STEPS / READINGS;
  const found = [];
  for (let from = 0; from < count; from += size * READINGS) {
    const readings = [];
    for (let at = 0; at < READINGS; at += 1) {
      const { module } = await asked({ what: 'crowd', from: from + at * size, count: size });
      readings.push((module + (await usage(socket))) / 1e6);
    }
    found.push(Math.min(...readings));
  }
  socket.close();
  const [least, most] = [Math.min, Math.max].map(pick => pick(...found.slice(FULL)));
  return {
    title: `workerd, ${count} tokens: megabytes after each tenth of them`,
    columns: found.map((_, step) => `${step + 1}`),
    rows: [found.map(one => one.toFixed(2))],
    goals: [
      { goal: 'most megabytes', at_most: 64, found: Math.max(...found), reached: Math.max(...found) <= 64 },
      { goal: 'from the third tenth on, the most as a share of the least', at_most: 1.05, found: most / least, reached: most / least <= 1.05 },
    ],
  };
}

/** In bytes. */
function usage(socket) {
  return new Promise(resolve => {
    socket.onmessage = ({ data }) => {
      const { usedSize, embedderHeapUsedSize, backingStorageSize } = JSON.parse(data).result;
      resolve(usedSize + embedderHeapUsedSize + backingStorageSize);
    };
    socket.send(JSON.stringify({ id: 1, method: 'Runtime.getHeapUsage' }));
  });
}
