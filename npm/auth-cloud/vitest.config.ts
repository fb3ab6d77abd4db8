import { availableParallelism } from 'node:os';

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // Most tests wait for a time to pass: twice as many files at once as there are cores take half as long.
    maxWorkers: 2 * availableParallelism(),
    // Of a file that lets its tests run at once, all do.
    maxConcurrency: 20,
  },
});
