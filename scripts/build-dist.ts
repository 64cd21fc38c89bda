/**
 * Makes `dist/`, the JavaScript that the package and the image ship: Node does not strip types below `node_modules`.
 * `dist/` mirrors the tree, so that a path relative to `import.meta.url` finds the same file in a checkout and in the package.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Lists go whole, with their origin and licence; of the others only what is read at run time. */
const COPIED: readonly (readonly [folder: string, leftBehind: RegExp])[] = [
  ['blocklists', /$^/],
  ['scoring', /(?:\.ts|\.md|tsconfig\.json)$/],
  ['src', /(?:\.ts|\.md)$/],
];

rmSync(`${root}dist`, { recursive: true, force: true });
const compiled = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(1);
for (const [folder, leftBehind] of COPIED) {
  cpSync(`${root}${folder}`, `${root}dist/${folder}`, { recursive: true, filter: (path) => !leftBehind.test(path) });
}
// `kennel --version` reads the version from the package.json beside `src/`.
cpSync(`${root}package.json`, `${root}dist/package.json`);
