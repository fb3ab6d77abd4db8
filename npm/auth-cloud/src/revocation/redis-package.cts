/**
 * The optional package `redis`. CommonJS, so that both module kinds load it on demand; inside a `try`, so that a bundler
 * continues if it is not installed.
 */

import ownRequire = require('../own-require.cjs');

function redisPackage(): unknown {
  try {
    return require('redis');
  } catch {
    // Also throws if the package is missing, not only if a bundle omits it.
    return ownRequire()('redis');
  }
}

export = redisPackage;
