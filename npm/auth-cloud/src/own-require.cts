/**
 * The runtime's own `require`, for a package that a bundle does not hold: a bundler may put a function of its own in the place of
 * `require`. It looks beside the running file, or beside the program's main file where the bundle is an ES module.
 */

function ownRequire(name: string): unknown {
  const beside = typeof __filename === 'string' ? __filename : process.argv[1];
  return process.getBuiltinModule('node:module').createRequire(beside ?? `${process.cwd()}/`)(name);
}

export = ownRequire;
