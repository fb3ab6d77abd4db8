/**
 * The runtime's own `require`, for a package outside of the bundle: a bundler may replace `require` with a function of its
 * own. It searches beside the running file, or beside the program's main file if the bundle is an ES module.
 */

function ownRequire(): NodeJS.Require {
  const beside = typeof __filename === 'string' ? __filename : process.argv[1];
  return process.getBuiltinModule('node:module').createRequire(beside ?? `${process.cwd()}/`);
}

export = ownRequire;
