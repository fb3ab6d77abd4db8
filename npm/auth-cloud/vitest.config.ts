import { availableParallelism } from 'node:os';

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The Cloud answers on this machine, though a busy one may take its time.
    env: { MASTRA_CALL_TIMEOUT: '60' },
    // Generous: a busy machine is slow, and what hangs hangs for longer than that.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // Most tests wait for a time to pass: twice as many files at once as there are cores take half as long.
    maxWorkers: 2 * availableParallelism(),
    // Of a file that lets its tests run at once, all do.
    maxConcurrency: 20,
  },
});
