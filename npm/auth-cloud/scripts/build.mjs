// Writes `dist`: the sources once as ES modules and once as CommonJS.

import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const kinds = { esm: 'module', cjs: 'commonjs' };

rmSync('dist', { recursive: true, force: true });
for (const [name, type] of Object.entries(kinds)) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', `tsconfig.${name}.json`], { stdio: 'inherit' });
  writeFileSync(`dist/${name}/package.json`, `${JSON.stringify({ type })}\n`);
}
