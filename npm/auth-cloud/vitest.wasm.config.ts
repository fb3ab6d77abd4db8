import { mergeConfig } from 'vitest/config';

import shared from './vitest.config.js';

/** Tests of threads, which the WebAssembly has not, or of faults that are injected into the native addon. */
const NATIVE_ALONE = [
  'threat_102_no_more_checks_wait_than_threads_can_make_soon',
  'threat_086_a_panic_on_another_thread_is_not_the_end',
  'threat_086_a_panic_in_the_worker_stops_neither_publishing_nor_receiving',
];

/** Tests of the WebAssembly, and the package's own on it. `cargo xtask wasm` builds it first. */
export default mergeConfig(shared, {
  test: {
    include: ['test/**/*.wasm.ts'],
    // They make the native addon panic, and count the calls into it.
    exclude: ['test/driver.test.ts', 'test/panics.test.ts'],
    testNamePattern: new RegExp(`^(?!.*(${NATIVE_ALONE.join('|')}))`),
    env: { MASTRA_AUTH_FORCE: 'wasm' },
  },
});
