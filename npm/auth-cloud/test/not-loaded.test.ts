/** Why the addon cannot be loaded is told from the loader's own words. `tarballs` provokes what can be provoked on any machine. */

import { expect, test } from 'vitest';

import { notLoaded } from '../dist/esm/not-loaded.js';

const GNU = '@mastra/auth-cloud-linux-x64-gnu';
const MUSL = '@mastra/auth-cloud-linux-x64-musl';
const FILE = '/app/node_modules/@mastra/auth-cloud-linux-x64-gnu/auth-cloud.linux-x64-gnu.node';
const thrown = (message: string, code = 'ERR_DLOPEN_FAILED') => Object.assign(new Error(message), { code });
const missing = (wanted: string) => thrown(`Cannot find module '${wanted}'\nRequire stack:\n- /app/index.js`, 'MODULE_NOT_FOUND');

test.each([
  ['an old C library', thrown(`/lib/x86_64-linux-gnu/libc.so.6: version \`GLIBC_2.34' not found (required by ${FILE})`), 'too old', 'glibc 2.28'],
  ['addons disabled', thrown('Cannot load native addon because loading addons is disabled.', 'ERR_DLOPEN_DISABLED'), 'no addons', '--no-addons'],
  ['no leave to read', thrown('Access to this API has been restricted', 'ERR_ACCESS_DENIED'), 'permission model', '--allow-fs-read'],
  ['noexec', thrown(`${FILE}: failed to map segment from shared object: Operation not permitted`), 'code be run', 'noexec'],
  ['a file of another user', thrown(`${FILE}: cannot open shared object file: Permission denied`), 'may not read', 'leave to read'],
  ['a text', thrown(`${FILE}: invalid ELF header`), 'damaged', 'install again'],
  ['half a file', thrown(`${FILE}: file too short`), 'damaged', 'install again'],
  ['another processor', thrown(`${FILE}: wrong ELF class: ELFCLASS32`), 'another platform', 'install again'],
  ['another Mac', thrown(`dlopen(${FILE}, 0x0001): tried: '${FILE}' (mach-o file, but is an incompatible architecture)`), 'another platform', 'again'],
  ['another Windows', thrown(`\\\\?\\C:\\app\\x.node is not a valid Win32 application.`), 'another platform', 'install again'],
  ['glibc on musl', thrown(`Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by ${FILE})`), 'another', 'again'],
  ['glibc on musl without GCC', thrown(`Error loading shared library libgcc_s.so.1: No such file or directory (needed by ${FILE})`), 'another', 'again'],
  ['Deno', Object.assign(new Error(`Requires ffi access to "${FILE}", run again with the --allow-ffi flag`), { name: 'NotCapable' }), 'Deno', '--allow-ffi'],
  ['anything else', thrown('a new thing'), 'the loader refused it', 'install again'],
  ['no error at all', 'a text', 'the loader refused it', 'a text'],
])('%s', (_, cause, reason, advice) => {
  const error = notLoaded([{ wanted: GNU, cause }, { wanted: MUSL, cause: missing(MUSL) }]);
  expect(error.message.startsWith(`${GNU} cannot be loaded: `)).toBe(true);
  expect(error.message).toContain(reason);
  expect(error.message).toContain(advice);
  expect(error.message).toContain(cause instanceof Error ? cause.message : cause);
  expect(error).toMatchObject({ code: 'addon_not_loaded', kind: 'configuration', status: 500, cause });
  expect(error.message).not.toContain('\n');
});

test('the package that was found is the one that is told about', () => {
  const cause = thrown('Error relocating x.node: gnu_get_libc_version: symbol not found');
  const error = notLoaded([{ wanted: GNU, cause: missing(GNU) }, { wanted: MUSL, cause }]);
  expect(error.message).toContain(`${MUSL} cannot be loaded`);
  expect(error.cause).toBe(cause);
});

test('where none is installed, the first is told about, and not where it was looked for', () => {
  const error = notLoaded([{ wanted: GNU, cause: missing(GNU) }, { wanted: MUSL, cause: missing(MUSL) }]);
  expect(error.message).toContain(`${GNU} cannot be loaded: it is not installed`);
  expect(error.message).not.toContain('Require stack');
});

test('what the loader said is told in one line, and not all of it where it is long', () => {
  const { message } = notLoaded([{ wanted: GNU, cause: thrown(`several\n  lines ${'x'.repeat(1000)}`) }]);
  const [, said] = message.split('The loader said: ');
  expect(said).toBe(`several lines ${'x'.repeat(286)}`);
});

test('a platform without an addon is named', () => {
  expect(notLoaded([]).message).toContain(`no addon for ${process.platform} on ${process.arch}`);
});
