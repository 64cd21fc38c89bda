import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { FileWatch } from '../../../src/assembly/file-watch.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

let folder: string;
let file: string;
let told: number;

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder, 'kennel.yaml');
  told = 0;
});

function watch(...more: string[]): FileWatch {
  return new FileWatch({
    paths: () => [file, ...more],
    onChange: () => {
      told += 1;
    },
  });
}

test('a file that stays as it is says nothing', async () => {
  writeFileSync(file, 'mode: observe\n');
  const watched = watch();
  for (let look = 0; look < 5; look++) await watched.look();
  expect(told).toBe(0);
});

test('a change is told once, one look after it was first seen', async () => {
  writeFileSync(file, 'mode: observe\n');
  const watched = watch();
  writeFileSync(file, 'mode: enforce\n\n');
  await watched.look();
  expect(told).toBe(0);
  for (let look = 0; look < 3; look++) await watched.look();
  expect(told).toBe(1);
});

test('a file that is still being written is waited for', async () => {
  writeFileSync(file, 'mode: observe\n');
  const watched = watch();
  // An editor that truncates, then writes in pieces.
  writeFileSync(file, '');
  await watched.look();
  appendFileSync(file, 'mode: ');
  await watched.look();
  appendFileSync(file, 'enforce\n');
  await watched.look();
  expect(told).toBe(0);
  await watched.look();
  expect(told).toBe(1);
});

test('a file put in the place of another is seen, even with the same size and time', async () => {
  const now = new Date();
  writeFileSync(file, 'mode: observe\n');
  utimesSync(file, now, now);
  const watched = watch();
  writeFileSync(`${file}.new`, 'mode: enforce\n');
  utimesSync(`${file}.new`, now, now);
  renameSync(`${file}.new`, file);
  await watched.look();
  await watched.look();
  expect(told).toBe(1);
});

test('the link of a Kubernetes volume that is swapped is seen', async () => {
  mkdirSync(join(folder, '..2026_1'));
  mkdirSync(join(folder, '..2026_2'));
  for (const version of ['..2026_1', '..2026_2']) writeFileSync(join(folder, version, 'kennel.yaml'), 'mode: observe\n');
  symlinkSync('..2026_1', join(folder, '..data'));
  symlinkSync(join('..data', 'kennel.yaml'), file);
  const watched = watch();
  symlinkSync('..2026_2', join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  rmSync(join(folder, '..2026_1'), { recursive: true });
  await watched.look();
  await watched.look();
  expect(told).toBe(1);
});

test('a file that is gone is told of, and one that comes back too', async () => {
  writeFileSync(file, 'mode: observe\n');
  const watched = watch();
  rmSync(file);
  for (let look = 0; look < 3; look++) await watched.look();
  expect(told).toBe(1);
  writeFileSync(file, 'mode: enforce\n');
  for (let look = 0; look < 3; look++) await watched.look();
  expect(told).toBe(2);
});

test('what changed before the files were read is not told of, what changes after is', async () => {
  writeFileSync(file, 'mode: observe\n');
  const watched = watch();
  writeFileSync(file, 'mode: enforce\n');
  await watched.look();
  watched.mark();
  for (let look = 0; look < 3; look++) await watched.look();
  expect(told).toBe(0);
  appendFileSync(file, 'contact: ops\n');
  for (let look = 0; look < 3; look++) await watched.look();
  expect(told).toBe(1);
});

test('a file that the config begins to name is no change in itself', async () => {
  writeFileSync(file, 'mode: observe\n');
  const secret = join(folder, 'token');
  writeFileSync(secret, 'one');
  const paths = [file];
  const watched = new FileWatch({
    paths: () => paths,
    onChange: () => {
      told += 1;
    },
  });
  paths.push(secret);
  for (let look = 0; look < 3; look++) await watched.look();
  expect(told).toBe(0);
  writeFileSync(secret, 'another');
  for (let look = 0; look < 3; look++) await watched.look();
  expect(told).toBe(1);
});
