#!/usr/bin/env bash
# @mastra/hono 1.7.9 with @mastra/core 1.71.0, seen on 2026-11-28 with Node 22.23.
#
# Behind a proxy that sends X-Forwarded-Host, a Mastra server takes its own address for https, whatever X-Forwarded-Proto says: the
# redirect URI of a sign-in is https://HOST even where the proxy says that the browser came by plain http. Without X-Forwarded-Host the
# scheme is http.
#
# Output seen:
#   no forwarding headers               http://localhost:4111/api/auth/sso/callback
#   X-Forwarded-Host and -Proto: http   https://desk.example:8080/api/auth/sso/callback
#   X-Forwarded-Host alone              https://desk.example:8080/api/auth/sso/callback
#
# Why our users care: a plain-http proxy in front of a Mastra server (a development container, a tunnel's local end) makes the sign-in come
# back to an https address that nobody serves, and cookies become Secure. The way out is to leave X-Forwarded-Host away and to
# pass Host on.
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
    return null;
  }
  authorizeUser() {
    return true;
  }
  getLoginUrl(redirectUri) {
    return `https://login.example/?back=${encodeURIComponent(redirectUri)}`;
  }
  handleCallback() {
    throw new Error('not here');
  }
  getLoginButtonConfig() {
    return { provider: 'example', text: 'Sign in' };
  }
}

const app = new Hono();
const auth = new Provider({ name: 'example' });
await new MastraServer({ app, mastra: new Mastra({ logger: false, server: { auth } }) }).init();
const rows = {
  'no forwarding headers': {},
  'X-Forwarded-Host and -Proto: http': { 'x-forwarded-host': 'desk.example:8080', 'x-forwarded-proto': 'http' },
  'X-Forwarded-Host alone': { 'x-forwarded-host': 'desk.example:8080' },
};
for (const [name, headers] of Object.entries(rows)) {
  const response = await app.request('http://localhost:4111/api/auth/sso/login', { headers: { host: 'localhost:4111', ...headers } });
  const location = response.headers.get('location') ?? JSON.parse(await response.text()).url;
  console.log(name.padEnd(35), new URL(location).searchParams.get('back'));
}
process.exit();
JS
seen=$(node seen.mjs)
echo "$seen"
expected='no forwarding headers               http://localhost:4111/api/auth/sso/callback
X-Forwarded-Host and -Proto: http   https://desk.example:8080/api/auth/sso/callback
X-Forwarded-Host alone              https://desk.example:8080/api/auth/sso/callback'
[ "$seen" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
