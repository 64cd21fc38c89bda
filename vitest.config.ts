/**
 * The test suite that needs nothing but Node and npm: `npm test`.
 * Live, package and image tests need more (root, Debian tools, a registry) and have configurations of their own.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,property,contract,scenario}/**/*.test.ts'],
    // Threads start faster than forks; better-sqlite3 (N-API) is safe in them.
    pool: 'threads',
    maxWorkers: 2,
    testTimeout: 15_000,
    hookTimeout: 15_000,
    teardownTimeout: 5_000,
    restoreMocks: true,
    passWithNoTests: false,
  },
});
