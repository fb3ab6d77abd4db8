import { defineConfig } from 'vitest/config';

/** What needs a redis-server: `cargo xtask redis` says where one is. */
export default defineConfig({ test: { include: ['test/**/*.redis.ts'], testTimeout: 60_000 } });
