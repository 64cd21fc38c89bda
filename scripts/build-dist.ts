/**
 * Makes `dist/`, the JavaScript that the package and the image ship: Node does not strip types below `node_modules`.
 * `dist/` mirrors the tree, so that a path relative to `import.meta.url` finds the same file in a checkout and in the package.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Folders that hold files read at run time next to their code. */
const DATA_FOLDERS = ['blocklists', 'scoring', 'src'];
const DATA_EXTENSIONS = new Set(['.json', '.txt', '.yaml', '.html', '.css', '.svg']);

rmSync(`${root}dist`, { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
for (const folder of DATA_FOLDERS) {
  cpSync(`${root}${folder}`, `${root}dist/${folder}`, { recursive: true, filter: isDataFileOrFolder });
}
// `kennel --version` reads the version from the package.json beside `src/`.
cpSync(`${root}package.json`, `${root}dist/package.json`);

function isDataFileOrFolder(path: string): boolean {
  const extension = extname(path);
  return extension === '' || (DATA_EXTENSIONS.has(extension) && !path.endsWith('tsconfig.json'));
}
