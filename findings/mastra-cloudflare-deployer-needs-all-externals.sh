#!/usr/bin/env bash
# @mastra/deployer-cloudflare 1.2.2 with @mastra/deployer 1.69.0 and @mastra/core 1.71.0, seen on 2026-11-29 with Node 22.23.
#
# The Cloudflare deployer overrides `getBundlerOptions` with five parameters. The base class has seven since 1.67, the last one the
# project's folder, and the override hands on five. So a build that bundles any package fails, with an error that names neither package
# nor option. With `bundler.externals: true` nothing is bundled, and the folder is not needed.
#
# Output seen:
#   externals ["ws"]: The "path" argument must be of type string. Received undefined
#   externals true: index.mjs was written
#
# Why our users care: `mastra build` for Cloudflare fails by default, with or without us. wrangler bundles what stays outside.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
  @mastra/core@1.71.0 @mastra/deployer@1.69.0 @mastra/deployer-cloudflare@1.2.2 typescript@5.9.3 zod@4.6.7
mkdir src
cat > seen.mjs <<'JS'
import { existsSync } from 'node:fs';
import { CloudflareDeployer } from '@mastra/deployer-cloudflare';

const here = process.cwd();
const deployer = new CloudflareDeployer({ name: 'shop' });
deployer.__setLogger({ debug() {}, info() {}, warn() {}, error() {}, trackException() {} });
// The packages' installation, which comes after the bundle, is none of this.
deployer.installDependencies = async () => {};
try {
  await deployer.prepare(`${here}/out`);
  await deployer.bundle(`${here}/src/index.mjs`, `${here}/out`, { toolsPaths: [], projectRoot: here });
  console.log(existsSync('out/output/index.mjs') ? 'index.mjs was written' : 'nothing was written');
} catch (error) {
  console.log(error.message.replace(/^.*: /, ''));
}
JS
seen=
for externals in '["ws"]' true; do
  echo "import { Mastra } from '@mastra/core'; export const mastra = new Mastra({ bundler: { externals: $externals } });" > src/index.mjs
  rm -rf out
  seen+="externals $externals: $(node seen.mjs | tail -1)"$'\n'
done
printf '%s' "$seen"
[ "$seen" = 'externals ["ws"]: The "path" argument must be of type string. Received undefined
externals true: index.mjs was written
' ]
