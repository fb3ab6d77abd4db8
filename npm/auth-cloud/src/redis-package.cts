/**
 * The package `redis`, which is optional. CommonJS, so that both module kinds load it when it is asked for; inside a `try`, so that a
 * bundler goes on where it is not installed.
 */

import ownRequire = require('./own-require.cjs');

function redisPackage(): unknown {
  try {
    return require('redis');
  } catch {
    // Throws too where the package is missing, and not only left out of a bundle.
    return ownRequire('redis');
  }
}

export = redisPackage;
