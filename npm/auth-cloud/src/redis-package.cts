/**
 * The package `redis`, which is there only where somebody asks for it. CommonJS, so that both module kinds load it at once, and what
 * is missing is said where the provider is made.
 */

function redisPackage(): unknown {
  return require('redis');
}

export = redisPackage;
