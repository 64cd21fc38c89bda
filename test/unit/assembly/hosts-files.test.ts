import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HostsFiles } from '../../../src/assembly/hosts-files.ts';
import { classifyName, compileNaming } from '../../../src/policy/classify-name.ts';
import { hostsRecords } from '../../../src/policy/hosts-file.ts';
import { compilePolicies } from '../../../src/policy/policy.ts';
import { popularDomains } from '../../../src/policy/popular-domains.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { addressesOf } from '../../../src/wire/rdata.ts';
import { accepted } from '../config/read-config.ts';
import { name } from '../policy/compiled-config.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

let folder = '';
let logged: string[] = [];
let hosts: HostsFiles;
beforeEach(() => {
  folder = temporaryFolder();
  logged = [];
  hosts = new HostsFiles({ info: () => undefined, warn: (_fields: unknown, text?: string) => void logged.push(text ?? '') } as never);
});
afterEach(() => {
  hosts.close();
});

function write(file: string, text: string): string {
  const path = join(folder, file);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  return path;
}

test('all files are read, in the order of the config', () => {
  const one = write('one', '10.0.0.1 a.lan');
  const two = write('two', '10.0.0.1 b.lan\n10.0.0.2 a.lan');
  const { table } = hosts.of([one, two]);
  expect(table.addresses.get(name('a.lan'))).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(table.pointers.get(name('1.0.0.10.in-addr.arpa'))).toBe(name('a.lan'));
  expect(hosts.of([two, one]).table.pointers.get(name('1.0.0.10.in-addr.arpa'))).toBe(name('b.lan'));
  expect(hosts.of([]).table.addresses.size).toBe(0);
  expect(hosts.alarms()).toEqual([]);
});

test('a file that cannot be read is an alarm, told once in the log', () => {
  const missing = join(folder, 'missing');
  const names = hosts.of([missing]);
  hosts.refresh();
  expect(names.table.addresses.size).toBe(0);
  expect(hosts.alarms()).toEqual([`the hosts file ${missing} cannot be read (ENOENT); its names are not answered`]);
  expect(logged).toEqual(hosts.alarms());
  write('missing', '10.0.0.1 a.lan');
  hosts.refresh();
  expect(hosts.alarms()).toEqual([]);
  expect(hostsRecords(names.table, name('a.lan'))?.flatMap(addressesOf)).toEqual(['10.0.0.1']);
});

test('what was read last stays when a file goes away, at a reload as well', () => {
  const path = write('hosts', '10.0.0.1 a.lan');
  const names = hosts.of([path]);
  rmSync(path);
  hosts.refresh();
  expect(names.table.addresses.has(name('a.lan'))).toBe(true);
  expect(hosts.of([path]).table.addresses.has(name('a.lan'))).toBe(true);
  expect(hosts.alarms()).toEqual([expect.stringContaining('what it said before still counts')]);
});

test('a folder, a device and a huge file are no hosts files', () => {
  const huge = write('huge', '#'.repeat(5 * 1024 * 1024));
  hosts.of([folder, '/dev/zero', huge]);
  expect(hosts.alarms()).toEqual([
    expect.stringContaining('is no regular file'),
    expect.stringContaining('is no regular file'),
    expect.stringContaining('is larger than 4 MB'),
  ]);
});

test('lines that mean nothing are told by number', () => {
  hosts.of([write('hosts', '10.0.0.1 a.lan\nnonsense\n10.0.0.2 b.lan')]);
  expect(hosts.alarms()).toEqual([expect.stringMatching(/count for nothing: 2$/)]);
});

test('a name that was routed is answered as soon as its file says so', () => {
  const path = write('hosts', '10.0.0.1 a.example');
  const config = accepted('mode: enforce');
  const naming = compileNaming(config, popularDomains(''), { hosts: hosts.of([path]) });
  const policy = compilePolicies(config).choose('10.0.0.9');
  const kindOf = (asked: string) => classifyName(policy, naming, name(asked), RRTYPE.A).kind;
  expect([kindOf('a.example'), kindOf('b.example')]).toEqual(['local', 'routed']);
  write('hosts', '10.0.0.1 b.example');
  hosts.refresh();
  expect([kindOf('a.example'), kindOf('b.example')]).toEqual(['routed', 'local']);
});
