/** `kennel check-config` refuses what `serve` would refuse, the files that a config names included. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as checkConfig from '../../../src/verbs/check-config.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

async function check(lines: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const file = join(temporaryFolder(), 'kennel.yaml');
  writeFileSync(file, ['mode: observe', 'upstreams: ["udp://192.0.2.53"]', ...lines].join('\n'));
  const out: string[] = [];
  const err: string[] = [];
  const into = (texts: string[]) => ({ write: (text: string) => texts.push(text) > 0 });
  const code = await checkConfig.run([file, '--json'], { stdout: into(out), stderr: into(err), env: { HOME: '/nowhere' } });
  return { code, out: out.join(''), err: err.join('') };
}

test('a config that can be used is printed with every default', async () => {
  const { code, out } = await check([]);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ ok: true, config: { mode: 'observe' } });
});

test('files that are missing are told together, as what cannot start', async () => {
  const { code, out, err } = await check(['forwarding: { caFile: ca.pem }', 'serverCookies: { secretFile: cookies }']);
  expect(code).toBe(2);
  expect(err).toMatch(/forwarding\.caFile .*ca\.pem cannot be read/);
  expect(err).toMatch(/serverCookies: .*cookies/);
  expect(JSON.parse(out)).toMatchObject({ ok: false, errors: [expect.any(String), expect.any(String)] });
});
