/**
 * What Kennel answers by itself, beside what Unbound makes of the same questions: special-use names, and in enforce mode the types
 * and names that it refuses. Every difference is a row with its reason; the rest has to agree in RCODE and records.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kennel } from '../lab/kennel-process.ts';
import { type LoopbackServer, startNsd, startUnbound } from '../lab/loopback-servers.ts';
import type { ReadMessage } from '../lab/message-reader.ts';
import { type LocalZones, prepareZones } from '../lab/signed-zones.ts';
import { askAll } from './ask-all.ts';
import { startKennelBefore } from './kennel-before.ts';
import { CLIENTS, LARGE_RRSETS, type TypeName } from './questions.ts';

const SOA = 6;

let zones: LocalZones;
let nsd: LoopbackServer;
let unbound: LoopbackServer;
let kennel: Kennel;
beforeAll(async () => {
  zones = await prepareZones(LARGE_RRSETS);
  nsd = await startNsd(zones.all);
  unbound = await startUnbound({ zones: zones.all, authority: nsd });
  kennel = await startKennelBefore(unbound, { mode: 'enforce', allowlisted: true });
});
afterAll(async () => {
  await kennel?.remove();
  await unbound?.stop();
  await nsd?.stop();
  zones?.remove();
});

const LOOPBACK_V6 = `1.${'0.'.repeat(31)}ip6.arpa`;

test.each<[name: string, type: TypeName]>([
  ['localhost', 'A'],
  ['localhost', 'AAAA'],
  ['localhost', 'MX'],
  ['www.localhost', 'A'],
  ['1.0.0.127.in-addr.arpa', 'PTR'],
  ['2.0.0.127.in-addr.arpa', 'PTR'],
  [LOOPBACK_V6, 'PTR'],
  ['www.test', 'A'],
  ['www.invalid', 'A'],
  ['www.onion', 'A'],
  ['home.arpa', 'A'],
  ['1.2.3.10.in-addr.arpa', 'PTR'],
  ['1.1.168.192.in-addr.arpa', 'PTR'],
  ['1.2.0.192.in-addr.arpa', 'PTR'],
  ['2.0.192.in-addr.arpa', 'PTR'],
  ['255.255.255.255.in-addr.arpa', 'PTR'],
  ['127.in-addr.arpa', 'PTR'],
  ['0.0.127.in-addr.arpa', 'PTR'],
  ['8.b.d.0.1.0.0.2.ip6.arpa', 'A'],
  ['home.arpa', 'SOA'],
  ['1.d.f.ip6.arpa', 'PTR'],
  ['1.8.b.d.0.1.0.0.2.ip6.arpa', 'PTR'],
  ['everything.zone.example', 'A'],
  ['everything.zone.example', 'HTTPS'],
  ['nul\\000octet.zone.example', 'A'],
])('%s %s is answered as by Unbound', async (name, type) => {
  const [theirs, ours] = await askBoth(name, type);
  expect(said(ours)).toEqual(said(theirs));
  expect(ours.authority.map((record) => record.type)).toEqual(ours.answer.length > 0 ? [] : [SOA]);
});

interface OwnAnswer {
  readonly name: string;
  readonly type: TypeName;
  readonly theirs: string;
  readonly ours: string;
  readonly why: string;
}

const TUNNELS_USE_IT = 'a type that tunnels use and programs do not: NODATA, so that other types of the name still work';
const HIGH_OCTETS = 'only tunnels use such names: iodine tries whether they pass';

test.each<OwnAnswer>([
  { name: 'printer.local', type: 'A', theirs: 'SERVFAIL', ours: 'NXDOMAIN', why: 'multicast DNS must not leak (RFC 6762 §22)' },
  { name: '_dns.resolver.arpa', type: 'SVCB', theirs: 'SERVFAIL', ours: 'NODATA', why: 'no way past Kennel is advertised (RFC 9462)' },
  { name: 'use-application-dns.net', type: 'A', theirs: 'SERVFAIL', ours: 'NXDOMAIN', why: 'switches DNS over HTTPS off in browsers' },
  { name: 'everything.zone.example', type: 'NULL', theirs: '1 records', ours: 'NODATA', why: TUNNELS_USE_IT },
  { name: 'everything.zone.example', type: 'HINFO', theirs: '1 records', ours: 'NODATA', why: TUNNELS_USE_IT },
  { name: 'everything.zone.example', type: 'RP', theirs: '1 records', ours: 'NODATA', why: TUNNELS_USE_IT },
  { name: 'everything.zone.example', type: 'AFSDB', theirs: '1 records', ours: 'NODATA', why: TUNNELS_USE_IT },
  { name: 'old.zone.example', type: 'DNAME', theirs: '1 records', ours: 'NODATA', why: 'nobody asks for it; names below are followed' },
  { name: 'high\\200\\255.zone.example', type: 'A', theirs: '1 records', ours: 'NXDOMAIN', why: HIGH_OCTETS },
  { name: 'del\\127octet.zone.example', type: 'A', theirs: '1 records', ours: 'NXDOMAIN', why: HIGH_OCTETS },
])('$name $type is $ours and not $theirs: $why', async ({ name, type, theirs, ours }) => {
  const [unbounds, kennels] = await askBoth(name, type);
  expect(summary(unbounds)).toBe(theirs);
  expect(summary(kennels)).toBe(ours);
  expect(kennels.authority.map((record) => record.type)).toEqual([SOA]);
});

async function askBoth(name: string, type: TypeName): Promise<[theirs: ReadMessage, ours: ReadMessage]> {
  const questions = CLIENTS.slice(0, 1).map((client) => ({ name, type, client }));
  const [[theirs], [ours]] = await Promise.all([askAll(unbound, 'UDP', questions), askAll(kennel, 'UDP', questions)]);
  if (theirs === undefined || ours === undefined) throw new Error('a question without an answer');
  return [theirs, ours];
}

function said({ rcode, answer }: ReadMessage) {
  return { rcode, answer: answer.map((record) => `${record.owner} TYPE${record.type} ${record.rdata}`).sort() };
}

function summary({ rcode, answer }: ReadMessage): string {
  const names: Readonly<Record<number, string>> = { 2: 'SERVFAIL', 3: 'NXDOMAIN', 5: 'REFUSED' };
  return names[rcode] ?? (answer.length === 0 ? 'NODATA' : `${answer.length} records`);
}
