/**
 * The addon of this platform, or the error of each package that could hold it.
 *
 * CommonJS, so that both module kinds share one copy. Each package has a literal `require` of its own, directly inside a
 * `try`: file tracers and bundlers follow a literal, and treat one inside a `try` as optional. The C library of a Linux
 * system is not detected: the addon for the other one is not installed, or does not load.
 */

import ownRequire = require('./own-require.cjs');

/** A failure: the package, and what the loader threw. */
interface Failure {
  readonly wanted: string;
  readonly cause: unknown;
}

function load(): unknown {
  const failures: Failure[] = [];
  const failed = (wanted: string, cause: unknown) => void failures.push({ wanted, cause });
  switch (`${process.platform}-${process.arch}`) {
    case 'linux-x64':
      try {
        return require('@mastra/auth-cloud-linux-x64-gnu');
      } catch (cause) {
        failed('@mastra/auth-cloud-linux-x64-gnu', cause);
      }
      try {
        return require('@mastra/auth-cloud-linux-x64-musl');
      } catch (cause) {
        failed('@mastra/auth-cloud-linux-x64-musl', cause);
      }
      break;
    case 'linux-arm64':
      try {
        return require('@mastra/auth-cloud-linux-arm64-gnu');
      } catch (cause) {
        failed('@mastra/auth-cloud-linux-arm64-gnu', cause);
      }
      try {
        return require('@mastra/auth-cloud-linux-arm64-musl');
      } catch (cause) {
        failed('@mastra/auth-cloud-linux-arm64-musl', cause);
      }
      break;
    case 'darwin-arm64':
      try {
        return require('@mastra/auth-cloud-darwin-arm64');
      } catch (cause) {
        failed('@mastra/auth-cloud-darwin-arm64', cause);
      }
      break;
    case 'darwin-x64':
      try {
        return require('@mastra/auth-cloud-darwin-x64');
      } catch (cause) {
        failed('@mastra/auth-cloud-darwin-x64', cause);
      }
      break;
    case 'win32-x64':
      try {
        return require('@mastra/auth-cloud-win32-x64-msvc');
      } catch (cause) {
        failed('@mastra/auth-cloud-win32-x64-msvc', cause);
      }
      break;
  }
  // A bundle without the addon may still run beside the installed package.
  for (const wanted of failures.map(failure => failure.wanted)) {
    try {
      return ownRequire()(wanted);
    } catch (cause) {
      failed(wanted, cause);
    }
  }
  return { failures };
}

export = load();
