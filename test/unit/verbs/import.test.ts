import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { run } from '../../../src/verbs/import.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

const FIXTURES = fileURLToPath(new URL('../../../fixtures/import/', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

async function importing(...args: string[]) {
  let stdout = '';
  let stderr = '';
  const io = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env: {},
  };
  const code = await run(args, io);
  return { code, stdout, stderr };
}

test('the config is on stdout, what is left out on stderr', async () => {
  const { code, stdout, stderr } = await importing('adguardhome', join(FIXTURES, 'AdGuardHome.yaml'));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^# From an AdGuardHome\.yaml.*\nmode: observe\n/s);
  expect(stderr).toMatch(/^users: /m);
});

test('--json prints config and notes', async () => {
  const { code, stdout } = await importing('blocky', join(FIXTURES, 'blocky.yml'), '--json');
  expect(code).toBe(0);
  const { config, notes } = JSON.parse(stdout) as { config: { mode: string }; notes: { path: string; message: string }[] };
  expect(config.mode).toBe('observe');
  expect(notes).toContainEqual({ path: 'redis', message: expect.any(String) });
});

test('--out writes a new file, and touches none that exists', async () => {
  const out = join(folder, 'kennel.yaml');
  expect(await importing('pihole', join(FIXTURES, 'pihole-5'), '--out', out)).toMatchObject({
    code: 0,
    stdout: `${out}: written; try it with kennel serve --config ${out}\n`,
  });
  const written = readFileSync(out, 'utf8');
  expect(written).toContain('files.fritz.box');
  const again = await importing('pihole', join(FIXTURES, 'pihole.toml'), '--out', out);
  expect(again.code).toBe(3);
  expect(again.stderr).toContain('EEXIST');
  expect(readFileSync(out, 'utf8')).toBe(written);
});

test.each([[['adguardhome']], [['dnsmasq', '/etc/dnsmasq.conf']], [['__proto__', '/x']], [['blocky', 'a', 'b']], [['blocky', '--what']]])(
  'wrong usage: %j',
  async (args) => {
    const { code, stderr } = await importing(...args);
    expect(code).toBe(2);
    expect(stderr).toContain('kennel import adguardhome|pihole|blocky FILE');
  },
);

test('a file that is not there, a folder, another kind of file: one line each, nothing written', async () => {
  const out = join(folder, 'out.yaml');
  writeFileSync(join(folder, 'empty.yaml'), '');
  mkdirSync(join(folder, 'empty'));
  const tries = [
    ['blocky', join(folder, 'missing')],
    ['adguardhome', folder],
    ['adguardhome', join(folder, 'empty.yaml')],
    ['pihole', join(folder, 'empty')],
    ['pihole', join(folder, 'missing')],
  ];
  for (const args of tries) {
    const { code, stdout, stderr } = await importing(...args, '--out', out);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  }
  expect(existsSync(out)).toBe(false);
});
