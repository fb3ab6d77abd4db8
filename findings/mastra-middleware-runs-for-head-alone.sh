#!/usr/bin/env bash
# @mastra/hono 1.7.9 with @mastra/core 1.71.0, seen on 2026-11-28 with Node 22.23.
#
# `server.middleware` of a Mastra server does not run in front of the sign-in routes for GET. For HEAD of the very same address it does.
#
# Output seen:
#   GET /api/auth/sso/login: middleware ran 0 times
#   HEAD /api/auth/sso/login: middleware ran 1 times
#   GET /api/agents: middleware ran 1 times
#
# Why our users care: a guard that shall keep prefetches or foreign hosts away from a sign-in cannot be written as `server.middleware`; a
# test of it that sends HEAD passes all the same. It has to stand in the app or the proxy in front of the server.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts @mastra/core@1.71.0 @mastra/hono@1.7.9 hono@4
cat > seen.mjs <<'JS'
import { Mastra } from '@mastra/core';
import { MastraAuthProvider } from '@mastra/core/server';
import { MastraServer } from '@mastra/hono';
import { Hono } from 'hono';

class Provider extends MastraAuthProvider {
  authenticateToken() {
    return { id: 'u1' };
  }
  authorizeUser() {
    return true;
  }
  getLoginUrl() {
    return 'https://login.example/';
  }
  handleCallback() {
    throw new Error('not here');
  }
  getLoginButtonConfig() {
    return { provider: 'example', text: 'Sign in' };
  }
}

let ran = 0;
const middleware = async (_context, next) => {
  ran += 1;
  await next();
};
const app = new Hono();
const server = { auth: new Provider({ name: 'example' }), middleware };
await new MastraServer({ app, mastra: new Mastra({ logger: false, server }) }).init();
for (const [method, path] of [['GET', '/api/auth/sso/login'], ['HEAD', '/api/auth/sso/login'], ['GET', '/api/agents']]) {
  ran = 0;
  await app.request(`http://localhost:4111${path}`, { method, headers: { authorization: 'Bearer example' } });
  console.log(`${method} ${path}: middleware ran ${ran} times`);
}
process.exit();
JS
seen=$(node seen.mjs)
echo "$seen"
expected='GET /api/auth/sso/login: middleware ran 0 times
HEAD /api/auth/sso/login: middleware ran 1 times
GET /api/agents: middleware ran 1 times'
[ "$seen" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
