#!/usr/bin/env bash
# npm 11.19.1 where `/bin/sh` is dash (Debian, Ubuntu), seen on 2026-11-29.
#
# npm takes every setting from a variable, so the registry of a scope too: `npm_config_@acme:registry`. It runs scripts and programs
# by `sh`, and dash drops variables whose names are none in a shell. So npm itself sees the setting, and an npm that a script or `npx`
# starts does not: it asks the public registry for the private package.
#
# Output seen:
#   npm:            http://127.0.0.1:9/
#   npm within npm: undefined
#   by .npmrc:      http://127.0.0.1:9/
#
# Why our users care: in CI a program that npx fetched from a private registry cannot fetch its own second package, and a stranger may own
# that name in public. Write the setting to `.npmrc`.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund npm@11.19.1
npm=(node "$folder/node_modules/npm/bin/npm-cli.js")
name='npm_config_@acme:registry' value=http://127.0.0.1:9/
within="node '$folder/node_modules/npm/bin/npm-cli.js' config get @acme:registry"
seen="npm:            $(env "$name=$value" "${npm[@]}" config get @acme:registry)
npm within npm: $(env "$name=$value" "${npm[@]}" exec --script-shell=/bin/sh -c "$within")"
echo "@acme:registry=$value" > .npmrc
seen="$seen
by .npmrc:      $("${npm[@]}" exec -c "$within")"
echo "$seen"
[ "$seen" = "npm:            http://127.0.0.1:9/
npm within npm: undefined
by .npmrc:      http://127.0.0.1:9/" ]
