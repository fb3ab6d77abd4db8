import { mergeConfig } from 'vitest/config';

import shared from './vitest.config.js';

/** Tests of the WebAssembly, and the package's own on it. `cargo xtask wasm` builds it first. */
export default mergeConfig(shared, {
  test: { include: ['test/**/*.wasm.ts'], env: { MASTRA_AUTH_FORCE: 'wasm' } },
});
