#!/usr/bin/env bash
# @mastra/core 1.71.0, seen on 2026-11-29 with Node 22.23.
#
# `new Mastra({ bundler })` declares the option, and `getBundlerConfig()` is documented to answer it. The constructor never keeps it: the
# method answers undefined always. `getServer()`, beside it, answers what was given. `mastra build` reads the option from the text of the
# entry instead.
#
# Output seen:
#   getBundlerConfig(): undefined
#   getServer(): {"port":4999}
#
# Why our users care: a tool that checks whether `bundler.externals` names a package that must stay outside, as one with an addon, learns
# nothing from the object, and has to read the source.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts --prefer-offline @mastra/core@1.71.0
cat > seen.mjs <<'JS'
import { Mastra } from '@mastra/core';

const mastra = new Mastra({ logger: false, bundler: { externals: ['ws'] }, server: { port: 4999 } });
console.log(`getBundlerConfig(): ${JSON.stringify(mastra.getBundlerConfig())}`);
console.log(`getServer(): ${JSON.stringify(mastra.getServer())}`);
process.exit();
JS
seen=$(node seen.mjs)
echo "$seen"
expected='getBundlerConfig(): undefined
getServer(): {"port":4999}'
[ "$seen" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
