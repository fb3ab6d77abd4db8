#!/usr/bin/env bash
# @mastra/core 1.71.0, seen on 2026-11-28 with Node 22.23.
#
# The base class of auth providers, `MastraAuthProvider`, declares `mapUserToResourceId` as an optional member. A subclass that
# defines it as a method is never asked: the constructor of the base class leaves an own property of that name on each instance, with
# the value undefined, and an own property comes before a method of the class. `authorizeUser`, declared beside it, works as a method.
#
# Output seen:
#   own property: true, value: undefined, type of what a host calls: undefined
#   authorizeUser as a method: function
#
# Why our users care: a host reads `mapUserToResourceId` to tie memory and threads to a person. A subclass that maps users to tenants
# by a method gets no mapping at all, without an error.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts @mastra/core@1.71.0
cat > seen.mjs <<'JS'
import { MastraAuthProvider } from '@mastra/core/server';

class Tenants extends MastraAuthProvider {
  async authenticateToken() {
    return { id: 'u1', tenant: 't1' };
  }
  authorizeUser() {
    return true;
  }
  mapUserToResourceId(user) {
    return user.tenant;
  }
}

const provider = new Tenants({ name: 'tenants' });
const own = Object.getOwnPropertyDescriptor(provider, 'mapUserToResourceId');
console.log(`own property: ${own !== undefined}, value: ${own?.value}, type of what a host calls: ${typeof provider.mapUserToResourceId}`);
console.log(`authorizeUser as a method: ${typeof provider.authorizeUser}`);
JS
seen=$(node seen.mjs)
echo "$seen"
expected='own property: true, value: undefined, type of what a host calls: undefined
authorizeUser as a method: function'
[ "$seen" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
