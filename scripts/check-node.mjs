/**
 * Stops an npm script early, and says what to do, where Node is too old to run TypeScript. Plain JavaScript, readable by
 * any Node since 18. npm scripts normally find Node 24 first in PATH: the optional dependencies bring it on Linux.
 */
const NEEDED_MAJOR = 24;

if (Number.parseInt(process.versions.node, 10) < NEEDED_MAJOR) {
  process.stderr.write(
    `Kennel needs Node ${NEEDED_MAJOR} or newer to run from its sources; this is ${process.versions.node} (${process.execPath}).\n` +
      `On Linux x64 and arm64, "npm ci" without --omit=optional brings it; elsewhere install Node ${NEEDED_MAJOR}.\n`,
  );
  process.exit(3);
}
