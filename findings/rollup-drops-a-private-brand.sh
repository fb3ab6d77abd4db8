#!/usr/bin/env bash
# rollup 4.68.7, seen on 2026-11-29 with Node 22.23.
#
# A class can put its private name on an object that it did not make: a base class returns that object from its constructor. `#brand in
# object` is then true, which is a cheap and unforgeable mark. If `new Brand(object)` stands as a statement, Rollup finds no side effect
# in it and leaves it out of the bundle. It stays if its value is used.
#
# Output seen:
#   source statement: true
#   source value:     true
#   bundle statement: false
#   bundle value:     true
#
# Why our users care: a library that tells its own objects from copies by such a mark works from node_modules, and refuses its own
# objects once an app is bundled. Use what the constructor returns.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund rollup@4.68.7
cat > app.mjs <<'JS'
class Returned {
  constructor(object) {
    return object;
  }
}
class Brand extends Returned {
  #brand() {}
  static has(object) {
    return #brand in object;
  }
}
const object = {};
new Brand(object);
console.log(`statement: ${Brand.has(object)}`);
console.log(`value:     ${Brand.has(new Brand({}))}`);
JS
npx rollup app.mjs --silent --file bundle.mjs
seen=$(node app.mjs | sed 's/^/source /'; node bundle.mjs | sed 's/^/bundle /')
echo "$seen"
[ "$seen" = "source statement: true
source value:     true
bundle statement: false
bundle value:     true" ]
