/** Why the addon cannot be loaded: the reason and one remedy, from the loader's error. */

import { CloudApiError } from './error.js';

/** The loader's error for one package. */
export interface Failure {
  readonly wanted: string;
  readonly cause: unknown;
}

type Reason = readonly [says: RegExp, reason: string, advice: string];

const AGAIN = 'Remove node_modules and install again on this platform, with optional dependencies';
const MISSING: Reason = [
  /Cannot find (module|package)|MODULE_NOT_FOUND|require is not defined|Dynamic require of/,
  'it is not installed, or not in the bundle',
  `${AGAIN} and with a lock file that names it. A bundler that does not copy .node files must leave @mastra/auth-cloud outside of its bundle`,
];

/** The first entry that matches the loader's error applies. */
const REASONS: readonly Reason[] = [
  [
    /NotCapable|Requires (ffi|read|env|sys) access/,
    'Deno does not permit it',
    'Start Deno with --allow-ffi --allow-read --allow-env --allow-net',
  ],
  [/ERR_DLOPEN_DISABLED/, 'Node was told to load no addons', 'Start Node without --no-addons, and under --permission with --allow-addons'],
  [/ERR_ACCESS_DENIED/, 'the permission model of Node does not let it be read', 'Start Node with --allow-fs-read for its folder'],
  [/version [`'"]?GLIBC_\S+ not found/, 'the C library of this system is too old', 'Use a system with glibc 2.28 or newer'],
  [
    /failed to map segment|cannot enable executable|Operation not permitted/,
    'the system does not let code be run from where it is installed',
    'Install it on a file system that is not mounted noexec',
  ],
  [/Permission denied|EACCES/, 'this user may not read it', 'Give the user that runs the server leave to read node_modules'],
  [
    /invalid ELF header|wrong ELF class|ELF file's|file too short|Exec format error|mach-o|incompatible architecture|not a valid Win32|ld-linux|libc\.musl|libc\.so|Error relocating|Error loading shared library/i,
    'its file is damaged, or was made for another platform',
    AGAIN,
  ],
  MISSING,
];

/** The error to throw. Its cause is the loader's error for the package that was found, else for the first. */
export function notLoaded(failures: readonly Failure[]): CloudApiError {
  const failure = failures.find(({ cause }) => !MISSING[0].test(words(cause))) ?? failures[0];
  if (failure === undefined) {
    return error(`@mastra/auth-cloud has no addon for ${process.platform} on ${process.arch}. Run it on a platform that its guide names.`);
  }
  const { wanted, cause } = failure;
  const said = words(cause);
  const [, reason, advice] = REASONS.find(([says]) => says.test(said)) ?? [said, 'the loader refused it', AGAIN];
  return error(`${wanted} cannot be loaded: ${reason}. ${advice}. The loader said: ${inOneLine(cause)}`, cause);
}

function error(message: string, cause?: unknown): CloudApiError {
  const made = new CloudApiError(message, 500, { code: 'addon_not_loaded', kind: 'configuration' });
  return cause === undefined ? made : Object.defineProperty(made, 'cause', { value: cause, configurable: true, writable: true });
}

/** Name, code and message, as far as present. */
function words(cause: unknown): string {
  const { name, code, message } = Object(cause) as { name?: unknown; code?: unknown; message?: unknown };
  return `${String(name)} ${String(code)} ${String(message)}`;
}

function inOneLine(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/\s*Require stack:[^]*/, '').replaceAll(/\s+/g, ' ').slice(0, 300);
}
