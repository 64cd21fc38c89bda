/**
 * The tests that need more than Node and npm: real clients, tunnels and other resolvers (`test/live`, `test/differential`: root
 * and Debian tools), and the packed package installed elsewhere (`test/package`: the registry). One file at a time: they share
 * the machine.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{live,differential}/**/*.{live,differential}.ts', 'test/package/**/*.package.ts'],
    // A process of their own: live tests enter network namespaces and send signals.
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
  },
});
