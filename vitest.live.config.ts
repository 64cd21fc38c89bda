/**
 * The live suite: real clients, real tunnels and a real Kennel in network namespaces. `npm run test:live`, as root,
 * with the Debian packages of test/lab/REQUIRED-PACKAGES.txt. One file at a time: each lab owns ports, tunnels and both processors.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/live/**/*.live.ts'],
    // A process per file, so that a file's namespaces and children go with it whatever happens.
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    passWithNoTests: false,
  },
});
