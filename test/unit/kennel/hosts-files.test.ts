import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../storage/temporary-folder.ts';
import { askOnce, startReloadable } from './reloadable-kennel.ts';

const NXDOMAIN = 'RCODE 3';

test('a running Kennel answers hosts files, follows their changes, and a reload may name others', async () => {
  const folder = temporaryFolder();
  const [one, missing] = [join(folder, 'one'), join(folder, 'missing')];
  const yaml = (files: readonly string[]): string =>
    `mode: enforce\nupstreams: ["udp://127.0.0.1:9"]\nhostsFiles: ${JSON.stringify(files)}`;
  writeFileSync(one, '192.0.2.1 a.test\n');
  const { kennel, server, write } = await startReloadable(yaml([one, missing]));

  expect(await askOnce(server, 'a.test')).toBe('192.0.2.1');
  expect(kennel.alarms()).toContainEqual(expect.stringContaining(`${missing} cannot be read (ENOENT)`));

  writeFileSync(one, '192.0.2.2 a.test b.test\n');
  await expect.poll(() => askOnce(server, 'b.test'), { timeout: 10_000, interval: 200 }).toBe('192.0.2.2');
  expect(await askOnce(server, 'a.test')).toBe('192.0.2.2');

  writeFileSync(missing, '192.0.2.3 c.test\n');
  write(yaml([missing]));
  expect((await kennel.reload('signal')).kind).toBe('reloaded');
  expect(await askOnce(server, 'c.test')).toBe('192.0.2.3');
  expect(await askOnce(server, 'b.test')).toBe(NXDOMAIN);
  expect(kennel.alarms()).not.toContainEqual(expect.stringContaining('hosts file'));
});
