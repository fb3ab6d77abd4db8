import { mergeConfig } from 'vitest/config';
import type { TestModule } from 'vitest/node';

import shared from './vitest.config.js';

/** The package's tests that do not run on the WebAssembly, and why. */
const NATIVE_ALONE = new Map([
  ['threat_102_no_more_checks_wait_than_threads_can_make_soon', 'it has no threads, and WebCrypto queues its checks itself'],
  ['threat_086_a_panic_on_another_thread_is_not_the_end', 'it has no threads'],
]);

/** Files that meet nothing of the WebAssembly that another one does not, and are long. */
const LONG = ['doctor', 'logins', 'soaks'].map(name => `test/${name}.test.ts`);

/** Prints what was left out, and fails where that is not listed above. */
const leftOut = {
  onTestRunEnd(modules: readonly TestModule[]) {
    console.log(`left out: ${LONG.join(', ')}: they are long, and meet nothing of it that another file does not`);
    const names = modules.flatMap(({ children }) => [...children.allTests('skipped')].map(({ name }) => name));
    for (const name of names) {
      const why = NATIVE_ALONE.get(name);
      if (why === undefined) throw new Error(`${name} was skipped, and vitest.wasm.config.ts does not say why`);
      console.log(`left out: ${name}: ${why}`);
    }
  },
};

/** Tests of the WebAssembly, and the package's own on it. `cargo xtask wasm-tests` builds it first. */
export default mergeConfig(shared, {
  test: {
    include: ['test/**/*.wasm.ts'],
    exclude: LONG,
    setupFiles: ['test/with-faults.ts'],
    testNamePattern: new RegExp(`^(?!.*(${[...NATIVE_ALONE.keys()].join('|')}))`),
    reporters: ['default', leftOut],
    env: { MASTRA_AUTH_FORCE: 'wasm' },
  },
});
