#!/usr/bin/env bash
# workerd of miniflare 4.20260426.0, seen on 2026-11-29.
#
# The debugger's `HeapProfiler.collectGarbage` in a Worker that served a request before and is idle now: it is answered once the next
# request comes, and not before. `Runtime.getHeapUsage` is answered at once, so the debugger is well.
#
# Output seen:
#   idle: heap usage answered, collection not answered
#   after requests: collection answered
#
# Why our users care: a script that measures a Worker's memory after a collection waits until a request comes. Send some until it is answered.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund miniflare@4.20260426.0
cat > seen.mjs <<'JS'
import { Miniflare } from 'miniflare';

const script = 'export default { fetch: async () => new Response("ok") };';
const worker = new Miniflare({ name: 'worker', modules: true, script, compatibilityDate: '2026-01-01', inspectorPort: 0 });
await worker.ready;
const ask = async () => (await worker.dispatchFetch('http://localhost/')).text();
const socket = new WebSocket(`${await worker.getInspectorURL()}core:user:worker`);
await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
const answered = new Set();
socket.onmessage = ({ data }) => answered.add(JSON.parse(data).id);
const wait = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
const said = id => (answered.has(id) ? 'answered' : 'not answered');

await ask();
socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
await wait(5_000);
socket.send(JSON.stringify({ id: 2, method: 'Runtime.getHeapUsage' }));
while (!answered.has(2)) await wait(10);
console.log(`idle: heap usage ${said(2)}, collection ${said(1)}`);
for (let turn = 0; turn < 100 && !answered.has(1); turn += 1) {
  await ask();
  await wait(50);
}
console.log(`after requests: collection ${said(1)}`);
socket.close();
await worker.dispose();
JS
seen=$(node seen.mjs)
echo "$seen"
[ "$seen" = "idle: heap usage answered, collection not answered
after requests: collection answered" ]
