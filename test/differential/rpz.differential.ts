/**
 * Which names a response policy zone blocks: Kennel's reading of the zone file beside Unbound's, name by name, where exact and wildcard
 * triggers, blocks and exceptions stand above, below and beside each other.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileList } from '../../src/lists/compile-list.ts';
import { NO_ENTRY } from '../../src/lists/compiled-list.ts';
import { NameHasher } from '../../src/lists/list-hash.ts';
import { RRTYPE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { type LoopbackServer, startUnboundWithPolicyZone } from '../lab/loopback-servers.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { type StubAuthority, startStubAuthority } from '../lab/stub-authority.ts';
import { askAll } from './ask-all.ts';
import { CLIENTS } from './questions.ts';

const ZONE = 'rpz.example';
const ACTIONS = ['.', '*.', 'rpz-passthru.'] as const;
const DOMAINS = 40;
const DEPTH = 4;

const random = seededRandom(20_261_121);

/** Every name of labels `a` and `b` below the domain, up to four labels deep, and the domain itself. */
function namesBelow(domain: string): string[] {
  const names = [domain];
  for (let from = 0, depth = 0; depth < DEPTH; depth++) {
    const until = names.length;
    for (; from < until; from++) names.push(`a.${names[from]}`, `b.${names[from]}`);
  }
  return names;
}

const names = Array.from({ length: DOMAINS }, (_, n) => namesBelow(`d${n}.example.com`)).flat();

/** Half of the names and half of what is below them have a trigger; owners are relative, or absolute in upper case. */
function zoneFile(): string {
  const records = names.flatMap((name) =>
    [name, `*.${name}`]
      .filter(() => random.chance(0.5))
      .map((owner) => `${random.chance(0.5) ? owner : `${owner.toUpperCase()}.${ZONE}.`}\t60 IN CNAME ${random.pick(ACTIONS)}`),
  );
  return `$TTL 60\n$ORIGIN ${ZONE}.\n@ IN SOA ns.${ZONE}. host.${ZONE}. ( 1 3600 ; refresh\n 600 86400 60 )\n  IN NS ns.${ZONE}.\n${records.join('\n')}\n`;
}

/** The trigger of a line of the zone file, as a relative name in lower case. */
function ownerOf(record: string): string {
  return (record.split('\t')[0] ?? '').toLowerCase().replace(`.${ZONE}.`, '');
}

const text = zoneFile();
const owners = new Set(text.split('\n').map(ownerOf));

/**
 * Whether the closest name that exists has no record of its own, only others below it. To RFC 4592 (§2.2.2) it exists and hides the
 * wildcards above; to Unbound it does so if what is below it sorts before the name that is asked; to Kennel it does not.
 */
function isUncertain(name: string): boolean {
  if (owners.has(name)) return false;
  const labels = name.split('.');
  // Above the domain nothing has a record.
  for (let cut = 0; cut < labels.length - 2; cut++) {
    const above = labels.slice(cut).join('.');
    if (cut > 0 && (owners.has(`*.${above}`) || owners.has(above))) return false;
    if ([...owners].some((owner) => owner.endsWith(`.${above}`))) return true;
  }
  return false;
}

const folder = mkdtempSync(join(tmpdir(), 'kennel-rpz-'));
let authority: StubAuthority;
let unbound: LoopbackServer;
beforeAll(async () => {
  const file = join(folder, 'policy.rpz');
  writeFileSync(file, text);
  authority = await startStubAuthority({ reply: ({ qname }) => ({ answers: [{ type: 'A', name: qname, ttl: 60, data: '192.0.2.99' }] }) });
  unbound = await startUnboundWithPolicyZone(ZONE, file, authority);
});
afterAll(async () => {
  await unbound?.stop();
  await authority?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('Kennel and Unbound block the same names of a response policy zone', async () => {
  const hasher = new NameHasher(new Uint8Array(32).fill(1));
  const result = compileList(Buffer.from(text), { kind: 'block', format: 'auto', hasher });
  if (result.kind === 'refused') throw new Error(result.problem);
  const { list } = result;
  expect(list.report).toMatchObject({ format: 'rpz', notApplied: [] });

  const [client] = CLIENTS;
  if (client === undefined) throw new Error('no client');
  const answers = await askAll(
    unbound,
    'UDP',
    names.map((name) => ({ name, type: 'A', client })),
  );
  const theirs = answers.map((answer) => answer.answer.length === 0);
  const ours = names.map((name) => {
    const entry = list.find(hasher.probe(requireName(name)), RRTYPE.A);
    return entry !== NO_ENTRY && !list.isException(entry);
  });
  const differing = names.filter((_, index) => theirs[index] !== ours[index]);
  expect(differing.filter((name) => !isUncertain(name))).toEqual([]);
  expect(names.filter(isUncertain).length).toBeLessThan(names.length / 2);
  // Both outcomes are many, or the comparison says nothing.
  expect(ours.filter(Boolean).length).toBeGreaterThan(names.length / 4);
  expect(ours.filter((blocked) => !blocked).length).toBeGreaterThan(names.length / 4);
});
