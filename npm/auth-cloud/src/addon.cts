/**
 * Loads the addon: the one that was built here, else the one of the platform's package. CommonJS, so that both module kinds of
 * the package share it.
 */

import fs = require('node:fs');
import path = require('node:path');

/** Whether the C library is musl: a glibc process says so in its report. */
function isMusl(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

function platform(): string {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

function load(): unknown {
  const name = platform();
  const here = path.join(__dirname, '..', '..', 'native', `auth-cloud.${name}.node`);
  if (fs.existsSync(here)) return require(here);
  const wanted = `@mastra/auth-cloud-${name}`;
  try {
    return require(wanted);
  } catch (cause) {
    throw new Error(
      `${wanted} cannot be loaded. It is an optional dependency of @mastra/auth-cloud: install again on this platform, without leaving optional dependencies out. A bundler must leave @mastra/auth-cloud outside of its bundle.`,
      { cause },
    );
  }
}

export = load();
