/**
 * Makes `dist/`, the JavaScript that the package and the image ship: Node does not strip types below `node_modules`.
 * `dist/` mirrors the tree, so that a path relative to `import.meta.url` finds the same file in a checkout and in the package.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Folders with files that are read at run time; sources and documents in them stay behind. */
const FOLDERS_WITH_DATA = ['blocklists', 'scoring', 'src'];
const LEFT_BEHIND = /(?:\.ts|\.md|tsconfig\.json)$/;

rmSync(`${root}dist`, { recursive: true, force: true });
const compiled = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(1);
for (const folder of FOLDERS_WITH_DATA) {
  cpSync(`${root}${folder}`, `${root}dist/${folder}`, { recursive: true, filter: (path) => !LEFT_BEHIND.test(path) });
}
// `kennel --version` reads the version from the package.json beside `src/`.
cpSync(`${root}package.json`, `${root}dist/package.json`);
