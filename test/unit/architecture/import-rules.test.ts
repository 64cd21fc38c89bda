/** Who may import whom: the real tree keeps the rules, and a planted violation of each one is found. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { findViolations } from '../../../scripts/check-imports.ts';
import { PROJECT_ROOT } from './source-tree.ts';

const planted: string[] = [];

afterEach(() => {
  for (const folder of planted.splice(0)) rmSync(folder, { recursive: true });
});

/** The violations in a tree that holds one file with one line. */
function violationsOf(file: string, line: string): { file: string; imports: string }[] {
  const root = mkdtempSync(join(tmpdir(), 'kennel-imports-'));
  planted.push(root);
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), `${line}\n`);
  return findViolations(root).map(({ file, imports }) => ({ file, imports }));
}

test('the project keeps its own import rules', () => {
  expect(findViolations(PROJECT_ROOT)).toEqual([]);
});

describe('a violation is found:', () => {
  test.each([
    ['scoring reads the wire', 'scoring/assess.ts', "import { ROOT } from '../src/wire/name.ts';", 'src/wire/name.ts'],
    ['scoring uses a built-in module', 'scoring/decide.ts', "import { hash } from 'node:crypto';", 'node:crypto#hash'],
    ['scoring uses a package', 'scoring/signals/age.ts', "import { parse } from 'tldts';", 'npm:tldts'],
    ['wire asks the policy', 'src/wire/name.ts', "import type { Policy } from '../policy/policy.ts';", 'src/policy/policy.ts'],
    ['policy opens a socket', 'src/policy/policy.ts', "import { Socket } from 'node:net';", 'node:net#Socket'],
    ['policy takes all of node:net under cover of isIP', 'src/policy/policy.ts', "import net, { isIP } from 'node:net';", 'node:net'],
    ['session reads the database', 'src/session/session.ts', "import Database from 'better-sqlite3';", 'npm:better-sqlite3'],
    ['quarantine knows the pipeline', 'src/quarantine/quarantine.ts', "import '../pipeline/send.ts';", 'src/pipeline/send.ts'],
    ['cache knows an upstream', 'src/cache/cache.ts', "import type { X } from '../upstream/udp.ts';", 'src/upstream/udp.ts'],
    ['pipeline opens a UDP socket', 'src/pipeline/send.ts', "import { createSocket } from 'node:dgram';", 'node:dgram#createSocket'],
    ['pipeline reads the database', 'src/pipeline/record.ts', "import Database from 'better-sqlite3';", 'npm:better-sqlite3'],
    ['pipeline knows an upstream', 'src/pipeline/send.ts', "const u = await import('../upstream/udp.ts');", 'src/upstream/udp.ts'],
    ['listener asks the policy', 'src/listener/udp.ts', "import { match } from '../policy/policy.ts';", 'src/policy/policy.ts'],
    ['upstream reads the cache', 'src/upstream/udp.ts', "import { peek } from '../cache/cache.ts';", 'src/cache/cache.ts'],
    ['reputation reads the database', 'src/reputation/rdap.ts', "import Database from 'better-sqlite3';", 'npm:better-sqlite3'],
    ['storage knows a session', 'src/storage/meters.ts', "import type { Session } from '../session/session.ts';", 'src/session/session.ts'],
    ['lists know the pipeline', 'src/lists/subscriptions.ts', "import { send } from '../pipeline/send.ts';", 'src/pipeline/send.ts'],
    ['lists open a connection where they read', 'src/lists/list-reader.ts', "import { get } from 'node:https';", 'node:https#get'],
    ['outbound opens a socket', 'src/outbound/own-requests.ts', "import http from 'node:http';", 'node:http'],
    ['an import reads a file', 'src/import/blocky.ts', "import { readFileSync } from 'node:fs';", 'node:fs#readFileSync'],
    ['control reaches into the cache', 'src/control/api.ts', "import { peek } from '../cache/cache.ts';", 'src/cache/cache.ts'],
    ['somebody imports the entry point', 'src/verbs/serve.ts', "import { main } from '../main.ts';", 'src/main.ts'],
    ['a test imports the entry point', 'test/unit/main.test.ts', "import '../../src/main.ts';", 'src/main.ts'],
    ['the program uses a test', 'src/main.ts', "import { fake } from '../test/lab/fake.ts';", 'test/lab/fake.ts'],
    ['a folder without a rule', 'src/mystery/box.ts', "import './lid.ts';", 'src/mystery/lid.ts'],
    ['a re-export', 'src/wire/name.ts', "export { decide } from '../../scoring/decide.ts';", 'scoring/decide.ts'],
    ['an import over several lines', 'src/wire/name.ts', "import {\n  decide,\n} from '../../scoring/decide.ts';", 'scoring/decide.ts'],
  ])('%s', (_rule, file, line, imports) => {
    expect(violationsOf(file, line)).toEqual([{ file, imports }]);
  });
});

describe('what the rules allow passes:', () => {
  test.each([
    ['a file of the same folder', 'scoring/assess.ts', "import { age } from './signals/age.ts';"],
    ['the pure functions of a built-in module', 'src/policy/policy.ts', "import { isIPv4, isIPv6 } from 'node:net';"],
    ['a port', 'src/upstream/udp.ts', "import type { UpstreamGroup } from '../pipeline/ports.ts';"],
    ['a test of the wire that uses the scoring', 'test/unit/wire/name.test.ts', "import { decide } from '../../../scoring/decide.ts';"],
  ])('%s', (_rule, file, line) => {
    expect(violationsOf(file, line)).toEqual([]);
  });
});
