#!/usr/bin/env bash
# workerd of miniflare 4.20260426.0, and Node 22.23, seen on 2026-11-29.
#
# `crypto.subtle.verify` of a signature that is too short: WebCrypto's answer is `false`, and Node gives it for each algorithm. So does
# workerd for ES256 and RS256. For Ed25519 workerd rejects the promise with an `OperationError` instead.
#
# Output seen:
#   node    RS256: false
#   node    ES256: false
#   node    Ed25519: false
#   workerd RS256: false
#   workerd ES256: false
#   workerd Ed25519: OperationError
#
# Why our users care: code that reads a rejection as "this runtime cannot check signatures" answers 503 to a token that is plainly
# invalid, so that a stranger chooses between 401 and 503. Compare the length first: Ed25519 has 64 bytes.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund miniflare@4.20260426.0
cat > seen.mjs <<'JS'
const KINDS = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ES256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
  Ed25519: { name: 'Ed25519' },
};
export async function seen() {
  const lines = [];
  for (const [name, kind] of Object.entries(KINDS)) {
    const { publicKey } = await crypto.subtle.generateKey(kind, true, ['sign', 'verify']);
    const told = await crypto.subtle.verify(kind, publicKey, new Uint8Array(8), new Uint8Array(4)).catch(error => error.name);
    lines.push(`${name}: ${told}`);
  }
  return lines.join('\n');
}
export default { fetch: async () => new Response(await seen()) };
JS
cat > both.mjs <<'JS'
import { Miniflare } from 'miniflare';
import { seen } from './seen.mjs';

const lines = (runtime, text) => console.log(text.replaceAll(/^/gm, runtime));
lines('node    ', await seen());
const worker = new Miniflare({ modules: true, scriptPath: 'seen.mjs', compatibilityDate: '2026-01-01' });
lines('workerd ', await (await worker.dispatchFetch('http://localhost/')).text());
await worker.dispose();
JS
seen=$(node both.mjs)
echo "$seen"
[ "$seen" = "node    RS256: false
node    ES256: false
node    Ed25519: false
workerd RS256: false
workerd ES256: false
workerd Ed25519: OperationError" ]
