/**
 * The module's file, which is part of the package. CommonJS, so that both module kinds find it beside themselves; tracers of
 * files see its path.
 */

import ownRequire = require('../own-require.cjs');

function file(): Uint8Array {
  const { readFileSync } = process.getBuiltinModule('node:fs');
  // A bundle's folder is not the package's, and what lies above it is not to be run.
  const isPackage = typeof __dirname === 'string' && /[\\/]dist[\\/](esm|cjs)[\\/]wasm$/.test(__dirname);
  const beside = isPackage ? `${__dirname}/../../auth-cloud.wasm` : undefined;
  try {
    if (beside !== undefined) return readFileSync(beside);
  } catch {
    // A bundle may run beside the installed package.
  }
  return readFileSync(ownRequire().resolve('@mastra/auth-cloud/package.json').replace(/package\.json$/, 'dist/auth-cloud.wasm'));
}

export = file;
