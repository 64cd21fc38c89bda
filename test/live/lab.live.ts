/** The lab itself: what it claims of its walls and its packages, without which no other live result means anything. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SEED } from '../lab/live-report.ts';
import { CLIENT_ADDRESS, createLab, INTERNET_ADDRESS, type Lab } from '../lab/namespaces.ts';
import { startPlainResolver } from '../lab/plain-resolver.ts';
import { requiredPackages, toolPath } from '../lab/required-tools.ts';
import { startWorld } from '../lab/tunnels.ts';

test('the list of packages for CI names every package the lab asks for', () => {
  const listed = readFileSync(join(import.meta.dirname, '../lab/REQUIRED-PACKAGES.txt'), 'utf8')
    .trim()
    .split('\n');
  expect(listed).toEqual(expect.arrayContaining([...requiredPackages()]));
});

describe('a client namespace', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab();
    await startWorld(lab, SEED);
    await startPlainResolver(lab);
  });
  afterAll(() => lab?.destroy());

  const dig = (server: string, ...options: string[]) => [
    toolPath('dig'),
    '+tries=1',
    '+time=1',
    ...options,
    `@${server}`,
    'www.example',
    'A',
  ];

  test.each(['10.53.0.53', 'fd53::53'])('reaches the resolver at %s over UDP and TCP', async (server) => {
    expect((await lab.run('client-a', dig(server))).stdout).toContain('status: NOERROR');
    expect((await lab.run('client-a', dig(server, '+tcp'))).stdout).toContain('status: NOERROR');
  });

  test.each([
    ['the internet', INTERNET_ADDRESS],
    ['the other client', CLIENT_ADDRESS['client-b']],
  ])('does not reach %s', async (_what, address) => {
    expect((await lab.run('client-a', dig(address))).stdout).toContain('no servers could be reached');
    expect((await lab.run('client-a', dig(address, '+tcp'))).stdout).toContain('no servers could be reached');
    const ping = [toolPath('busybox'), 'ping', '-c', '1', '-W', '1', address];
    expect((await lab.run('client-a', ping)).status).not.toBe(0);
  });

  test('does not reach the internet even without its firewall: the resolver does not forward packets', async () => {
    expect((await lab.run('client-b', [toolPath('nft'), 'flush', 'ruleset'])).status).toBe(0);
    expect((await lab.run('client-b', dig(INTERNET_ADDRESS))).stdout).toContain('no servers could be reached');
    const fromResolver = await lab.run('resolver', dig(INTERNET_ADDRESS));
    expect(fromResolver.stdout, 'the internet does answer where there is a way').toContain('status: NOERROR');
  });
});
