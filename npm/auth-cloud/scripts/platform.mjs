// The platforms that the addon is built for, by their names on npm, and which of them this one is.

export const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-x64-msvc',
];

process.report.excludeNetwork = true;
const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
const abi = { linux: `-${libc}`, win32: '-msvc' }[process.platform] ?? '';
export const PLATFORM = `${process.platform}-${process.arch}${abi}`;
if (!PLATFORMS.includes(PLATFORM)) throw new Error(`the addon is not built for ${PLATFORM}`);
