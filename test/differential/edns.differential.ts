/**
 * What Kennel answers to every use and misuse of EDNS, over UDP and TCP, beside what Unbound answers: each row is asserted against the
 * RFC it names. `docs/edns.md` is written from the same run with `KENNEL_EDNS_REPORT=docs/edns.md`, and has to agree with every other.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { type LoopbackServer, startNsd, startUnbound } from '../lab/loopback-servers.ts';
import { type ReadMessage, readMessage } from '../lab/message-reader.ts';
import { type LocalZones, prepareZones } from '../lab/signed-zones.ts';
import { askPipelined } from '../lab/tcp-pipeline.ts';
import { openUdpAsker } from '../lab/udp-asker.ts';
import { header, message, name, type OptFields, octets, opt, option, question, record, uint16 } from '../packet-parts.ts';

const REPORT = join(import.meta.dirname, '../../docs/edns.md');

/** Above Kennel's patience with its upstreams. */
const PATIENCE_MS = 8_000;
const TXT = 16;
const OPT = 41;
const TSIG = 250;

const HOST = name('ns', 'zone', 'example');
const BLOCKED = name('blocked', 'example', 'net');

/** Answers of exactly so many octets, OPT included; one TXT each. */
const EXACT_OCTETS = [512, 513, 1231, 1232, 1233, 4096] as const;

/** Header, question, OPT and what stands before the RDATA of a record whose owner is a pointer. */
const AROUND_RDATA_OCTETS = 12 + name('exactly-0000', 'zone', 'example').length + 4 + 11 + 12;

function exactly(whole: number): string {
  return `exactly-${String(whole).padStart(4, '0')}`;
}

/** The TXT record in presentation form that makes an answer of so many octets. */
function exactRecord(whole: number): string {
  const strings: string[] = [];
  let left = whole - AROUND_RDATA_OCTETS;
  while (left > 0) {
    // A string costs one octet more than it holds; none is empty, so that nothing is left over.
    const taken = left > 256 && left < 258 ? 200 : Math.min(left, 256);
    strings.push(`"${'x'.repeat(taken - 1)}"`);
    left -= taken;
  }
  return `${exactly(whole)} TXT ${strings.join(' ')}`;
}

interface Row {
  readonly query: string;
  /** The whole message but its ID. */
  readonly message: Uint8Array;
  readonly udp: string;
  /** The same as over UDP when absent. */
  readonly tcp?: string;
  readonly rfc: string;
}

const ask = (fields: OptFields = {}): Uint8Array => message(header({ additional: 1 }), question(HOST), opt(fields));
const withOptions = (...options: Uint8Array[]): Uint8Array => ask({ options: message(...options) });
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

const FULL = 'NOERROR, 1 record, OPT';
const FORMERR = 'FORMERR, OPT';
/** Where no OPT could be made out: whatever stands there, it is not known to be EDNS. */
const NO_OPT = 'FORMERR, no OPT';
const COOKIE = hex('0123456789abcdef');

const ROWS: readonly Row[] = [
  { query: 'no OPT', message: message(header(), question(HOST)), udp: 'NOERROR, 1 record, no OPT', rfc: 'RFC 6891 §6.1.1, §7' },
  { query: 'an OPT without options', message: ask(), udp: FULL, rfc: 'RFC 6891 §6.1.1' },
  { query: 'DO', message: ask({ flags: 0x8000 }), udp: `${FULL} DO`, rfc: 'RFC 3225 §3: copied' },
  { query: 'all unassigned flags', message: ask({ flags: 0x7fff }), udp: FULL, rfc: 'RFC 6891 §6.1.4: ignored and sent as zero' },
  { query: 'an extended RCODE', message: ask({ extendedRcode: 255 }), udp: FULL, rfc: 'RFC 6891 §6.1.3: means nothing in a query' },
  { query: 'version 1', message: ask({ version: 1 }), udp: 'BADVERS, OPT', rfc: 'RFC 6891 §6.1.3' },
  { query: 'version 255', message: ask({ version: 255 }), udp: 'BADVERS, OPT', rfc: 'RFC 6891 §6.1.3' },
  {
    query: 'version 1 and options that do not add up',
    message: ask({ version: 1, options: octets('???') }),
    udp: 'BADVERS, OPT',
    rfc: 'RFC 6891 §6.1.3: another version may have another form',
  },
  {
    query: 'two OPTs',
    message: message(header({ additional: 2 }), question(HOST), opt(), opt()),
    udp: FORMERR,
    rfc: 'RFC 6891 §6.1.1',
  },
  {
    query: 'an OPT in the answer section',
    message: message(header({ answers: 1 }), question(HOST), opt()),
    udp: NO_OPT,
    rfc: 'RFC 6891 §6.1.1',
  },
  {
    query: 'an OPT in the authority section',
    message: message(header({ authority: 1 }), question(HOST), opt()),
    udp: NO_OPT,
    rfc: 'RFC 6891 §6.1.1',
  },
  {
    query: 'an OPT whose owner is not the root',
    message: message(header({ additional: 1 }), question(HOST), record(name('x'), OPT, new Uint8Array(0), { class: 1232, ttl: 0 })),
    udp: NO_OPT,
    rfc: 'RFC 6891 §6.1.2',
  },
  {
    query: 'OPT asked for as a type',
    message: message(header({ additional: 1 }), question(HOST, OPT), opt()),
    udp: 'FORMERR, OPT',
    rfc: 'RFC 6895 §3.1: a meta type',
  },
  { query: 'an OPT longer than the message', message: ask({ rdlength: 20 }), udp: FORMERR, rfc: 'RFC 6891 §7: FORMERR with an OPT' },
  {
    query: 'an OPT cut short',
    message: message(header({ additional: 1 }), question(HOST), opt().subarray(0, 9)),
    udp: NO_OPT,
    rfc: 'RFC 1035 §4.1.3',
  },
  { query: 'octets behind the OPT', message: message(ask(), octets('?')), udp: FORMERR, rfc: 'RFC 6891 §7: FORMERR with an OPT' },
  {
    query: 'an option longer than its OPT',
    message: withOptions(option(65_001, octets('ab'), 3)),
    udp: FORMERR,
    rfc: 'RFC 6891 §7: FORMERR with an OPT',
  },
  { query: 'an option without its length', message: withOptions(uint16(65_001)), udp: FORMERR, rfc: 'RFC 6891 §7: FORMERR with an OPT' },
  {
    query: 'an OPT and a TSIG',
    message: message(
      header({ additional: 2 }),
      question(HOST),
      opt(),
      record(name('key'), TSIG, new Uint8Array(16), { class: 255, ttl: 0 }),
    ),
    udp: FORMERR,
    rfc: 'RFC 8945 §5.2: malformed; Kennel has no keys',
  },
  {
    query: 'an option that nobody knows',
    message: withOptions(option(65_001, octets('what?'))),
    udp: FULL,
    rfc: 'RFC 6891 §6.1.2: ignored',
  },
  {
    query: 'the option codes 1 to 9 and 13 to 25',
    message: withOptions(
      ...[1, 2, 3, 4, 5, 6, 7, 9, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25].map((code) => option(code, octets(''))),
    ),
    udp: FULL,
    rfc: 'RFC 6891 §6.1.2: ignored',
  },
  { query: 'NSID', message: withOptions(option(3, octets(''))), udp: FULL, rfc: 'RFC 5001 §2.2: optional' },
  {
    query: 'client subnet',
    message: withOptions(option(8, hex('00011800cb0071'))),
    udp: FULL,
    rfc: 'RFC 7871 §7.1: optional; not passed on, not answered',
  },
  { query: 'padding', message: withOptions(option(12, new Uint8Array(64))), udp: FULL, rfc: 'RFC 7830 §6: not over cleartext' },
  { query: 'chain', message: withOptions(option(13, name('example'))), udp: FULL, rfc: 'RFC 7901: optional' },
  { query: 'key tag', message: withOptions(option(14, hex('4f66'))), udp: FULL, rfc: 'RFC 8145: nothing to answer' },
  {
    query: 'an Extended DNS Error',
    message: withOptions(option(15, hex('0000'))),
    udp: FULL,
    rfc: 'RFC 8914 §2: means nothing in a query',
  },
  {
    query: 'report channel',
    message: withOptions(option(18, name('agent', 'example'))),
    udp: FULL,
    rfc: 'RFC 9567: means nothing in a query',
  },
  {
    query: 'keepalive',
    message: withOptions(option(11, octets(''))),
    udp: FULL,
    tcp: `${FULL}, keepalive 10.0 s`,
    rfc: 'RFC 7828 §3.2.1, §3.3.1: over UDP ignored',
  },
  { query: 'keepalive with a time', message: withOptions(option(11, hex('0064'))), udp: FULL, rfc: 'RFC 7828 §3.2.1: a client sends none' },
  { query: 'a client cookie', message: withOptions(option(10, COOKIE)), udp: `${FULL}, cookie`, rfc: 'RFC 7873 §5.2.3' },
  {
    query: 'a client cookie and a wrong server cookie, from a source believed anyway',
    message: withOptions(option(10, message(COOKIE, new Uint8Array(16)))),
    udp: `${FULL}, cookie`,
    rfc: 'RFC 7873 §5.2.4',
  },
  {
    query: 'two client cookies',
    message: withOptions(option(10, COOKIE), option(10, octets('????????'))),
    udp: `${FULL}, cookie`,
    rfc: 'RFC 7873 §5.2: the first counts',
  },
  {
    query: 'a client cookie and no question',
    message: message(header({ questions: 0, additional: 1 }), opt({ options: option(10, COOKIE) })),
    udp: 'NOERROR, OPT, cookie',
    rfc: 'RFC 7873 §5.4',
  },
  {
    query: 'an OPT without a cookie and no question',
    message: message(header({ questions: 0, additional: 1 }), opt()),
    udp: FORMERR,
    rfc: 'RFC 9619 §4',
  },
  { query: 'a cookie of 7 octets', message: withOptions(option(10, COOKIE.subarray(1))), udp: FORMERR, rfc: 'RFC 7873 §5.2.2' },
  { query: 'a cookie of 15 octets', message: withOptions(option(10, new Uint8Array(15))), udp: FORMERR, rfc: 'RFC 7873 §5.2.2' },
  { query: 'a cookie of 41 octets', message: withOptions(option(10, new Uint8Array(41))), udp: FORMERR, rfc: 'RFC 7873 §5.2.2' },
  {
    query: 'a blocked name, with OPT',
    message: message(header({ additional: 1 }), question(BLOCKED), opt()),
    udp: 'NXDOMAIN, OPT, EDE 15',
    rfc: 'RFC 8914 §4.16',
  },
  { query: 'a blocked name, without OPT', message: message(header(), question(BLOCKED)), udp: 'NXDOMAIN, no OPT', rfc: 'RFC 8914 §3' },
];

const SIZES = [0, 1, 511, 512, 513, 1231, 1232, 1233, 4095, 4096, 65_535] as const;

const MAX_UDP_OCTETS = 1232;

/** Answers of the servers to one row. */
interface Outcome {
  readonly row: Row;
  readonly udp: string;
  readonly tcp: string;
  readonly unbound: string;
}

let zones: LocalZones;
let nsd: LoopbackServer;
let unbound: LoopbackServer;
let kennel: Kennel;
/** As with `sessions.verified: []`: nobody is believed over UDP. */
let wary: Kennel;
const outcomes: Outcome[] = [];
const sizeOutcomes: { readonly size: number; readonly kennel: readonly string[]; readonly unbound: readonly string[] }[] = [];
const cookieOutcomes: { readonly step: string; readonly answer: string }[] = [];

beforeAll(async () => {
  zones = await prepareZones(EXACT_OCTETS.map(exactRecord));
  nsd = await startNsd(zones.all);
  unbound = await startUnbound({ zones: zones.all, authority: nsd });
  const settings = {
    mode: 'enforce',
    upstreams: [`udp://${unbound.address}:${unbound.port}`],
    reputation: 'off',
    limits: 'off',
    policies: [
      {
        name: 'everyone',
        match: {},
        default: 'allow',
        budgets: 'off',
        allow: [{ section: 'lab', owner: 'lab', reason: 'the zone asked for', names: ['**.zone.example'] }],
        block: [{ section: 'lab', owner: 'lab', reason: 'to see a refusal', names: ['**.example.net'] }],
      },
    ],
  } as const;
  kennel = await startKennelOnLoopback(settings);
  wary = await startKennelOnLoopback({ ...settings, sessions: { verified: [] } });
});
afterAll(async () => {
  await wary?.remove();
  await kennel?.remove();
  await unbound?.stop();
  await nsd?.stop();
  zones?.remove();
});

describe('EDNS', () => {
  test.each(ROWS)('$query: $udp ($rfc)', async (row) => {
    const answers = [read(kennel, row.message), readOverTcp(kennel, row.message), read(unbound, row.message)] as const;
    const [overUdp, overTcp, theirs] = await Promise.all(answers);
    const [udp, tcp] = [summary(overUdp), summary(overTcp)];
    expect(udp).toBe(row.udp);
    expect(tcp).toBe(row.tcp ?? row.udp);
    // RFC 6891 §6.2.4: what Kennel takes, with every answer.
    for (const { edns } of [overUdp, overTcp]) expect(edns?.udpPayloadSize ?? MAX_UDP_OCTETS).toBe(MAX_UDP_OCTETS);
    outcomes.push({ row, udp, tcp, unbound: summary(theirs) });
  });
});

describe('a payload size', () => {
  test.each(SIZES)(
    'of %i octets is taken as 512 at least and 1232 at most: what fits is sent whole, the rest is sent to TCP',
    async (size) => {
      const limit = Math.min(Math.max(size, 512), MAX_UDP_OCTETS);
      const ours: string[] = [];
      const theirs: string[] = [];
      for (const whole of EXACT_OCTETS) {
        const asked = message(header({ additional: 1 }), question(name(exactly(whole), 'zone', 'example'), TXT), opt({ size }));
        const [here, there] = await Promise.all([read(kennel, asked), read(unbound, asked)]);
        expect(here.octets).toBeLessThanOrEqual(limit);
        expect(here.truncated).toBe(whole > limit);
        // A record is there as a whole or not at all.
        expect([here.octets, here.answer.length]).toEqual(whole > limit ? [expect.any(Number), 0] : [whole, 1]);
        ours.push(here.truncated ? 'TC' : 'whole');
        theirs.push(there.truncated ? 'TC' : 'whole');
      }
      sizeOutcomes.push({ size, kennel: ours, unbound: theirs });
    },
  );

  test.each(EXACT_OCTETS)('does not matter over TCP: %i octets come whole', async (whole) => {
    const asked = message(header({ additional: 1 }), question(name(exactly(whole), 'zone', 'example'), TXT), opt({ size: 512 }));
    expect(await readOverTcp(kennel, asked)).toMatchObject({ octets: whole, truncated: false });
  });
});

test('cookies take a source outside sessions.verified from TC=1 to full answers over UDP', async () => {
  const cookie = (value: Uint8Array): Uint8Array => withOptions(option(10, value));
  const step = async (what: string, asked: Uint8Array): Promise<ReadMessage> => {
    const answer = await read(wary, asked);
    cookieOutcomes.push({ step: what, answer: summary(answer) });
    return answer;
  };
  await step('no cookie', ask());
  const first = await step('a client cookie', cookie(COOKIE));
  const given = cookieOf(first);
  await step('the server cookie that came with it', cookie(given));
  const forged = Uint8Array.from(given);
  forged[23] = (forged[23] ?? 0) ^ 1;
  const refused = await step('the same with one bit changed', cookie(forged));
  await step('the server cookie that came with the refusal', cookie(cookieOf(refused)));
  expect(cookieOutcomes.map(({ answer }) => answer)).toEqual([
    'NOERROR, TC, OPT',
    'NOERROR, TC, OPT, cookie',
    `${FULL}, cookie`,
    'BADCOOKIE, OPT, cookie',
    `${FULL}, cookie`,
  ]);
});

test('docs/edns.md tells exactly this', () => {
  expect(outcomes).toHaveLength(ROWS.length);
  const file = process.env['KENNEL_EDNS_REPORT'];
  if (file !== undefined) writeFileSync(file, report());
  expect(readFileSync(REPORT, 'utf8')).toBe(report());
});

/** The message with an ID of its own. */
function numbered(packet: Uint8Array, id: number): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(id, 0);
  return copy;
}

async function readOverTcp(server: { address: string; port: number }, packet: Uint8Array): Promise<ReadMessage> {
  const answer = (await askPipelined(server, [numbered(packet, 1)], PATIENCE_MS)).get(1);
  if (answer === undefined) throw new Error('an answer to another question');
  return readMessage(answer);
}

async function read(server: { address: string; port: number }, packet: Uint8Array): Promise<ReadMessage> {
  const asker = await openUdpAsker(server);
  const answer = await asker.ask(numbered(packet, 1), PATIENCE_MS);
  await asker.close();
  if (answer === null) throw new Error('no answer');
  return readMessage(answer);
}

function cookieOf({ edns }: ReadMessage): Uint8Array {
  const cookie = edns?.options.find(({ code }) => code === 10)?.value;
  if (cookie === undefined) throw new Error('an answer without a cookie');
  return hex(cookie);
}

const RCODES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  16: 'BADVERS',
  23: 'BADCOOKIE',
};

function summary(answer: ReadMessage): string {
  const { rcode, answer: records, truncated, edns } = answer;
  const count = records.length === 0 ? [] : [`${records.length} record${records.length === 1 ? '' : 's'}`];
  const version = edns === null || edns.version === 0 ? '' : ` of version ${edns.version}`;
  const dnssecOk = edns?.dnssecOk === true ? ' DO' : '';
  const unassigned = edns !== null && edns.otherFlags !== 0 ? ' with unassigned flags' : '';
  return [
    RCODES[rcode] ?? `RCODE ${rcode}`,
    ...count,
    ...(truncated ? ['TC'] : []),
    edns === null ? 'no OPT' : `OPT${version}${dnssecOk}${unassigned}`,
    ...(edns?.options.map(optionText) ?? []),
  ].join(', ');
}

function optionText({ code, value }: { readonly code: number; readonly value: string }): string {
  if (code === 10 && value.length === 48 && value.startsWith(Buffer.from(COOKIE).toString('hex'))) return 'cookie';
  if (code === 11) return `keepalive ${(Number.parseInt(value, 16) / 10).toFixed(1)} s`;
  if (code === 15) return `EDE ${Number.parseInt(value.slice(0, 4), 16)}`;
  return `option ${code}`;
}

function report(): string {
  const rows = [...outcomes].sort((a, b) => ROWS.indexOf(a.row) - ROWS.indexOf(b.row));
  const sizes = [...sizeOutcomes].sort((a, b) => a.size - b.size);
  const columns = EXACT_OCTETS.map((octets) => `${octets}`).join(' | ');
  return `# What comes back to EDNS

Answers of a running Kennel to each use and misuse of EDNS (RFC 6891), beside those of Unbound 1.17.1 as it comes with Debian 12, asked
by the same octets over loopback. Written by \`test/differential/edns.differential.ts\`, which asserts every line; \`npm run test:differential\`
fails when a line is no longer true.

Kennel takes 1232 octets over UDP at most and says so in its OPT, whatever the client takes: larger datagrams may be fragmented (RFC 9715).
It reads two options of a client, its cookie and its wish to keep a TCP connection, and passes none on. Where Unbound differs, the
difference is deliberate: what is malformed is refused before anything else looks at it.

## Queries

| query | Kennel over UDP | Kennel over TCP | Unbound over UDP | why |
|---|---|---|---|---|
${rows.map(({ row, udp, tcp, unbound: theirs }) => `| ${row.query} | ${udp} | ${tcp === udp ? 'the same' : tcp} | ${theirs === udp ? 'the same' : theirs} | ${row.rfc} |`).join('\n')}

## Payload sizes

One TXT record whose answer has so many octets. \`TC\` is an answer with TC=1 and without the record; over TCP all of them come whole. Unbound is
set to send up to 4096 octets here.

| client takes | server | ${columns} |
|---:|---|${EXACT_OCTETS.map(() => '---|').join('')}
${sizes.map(({ size, kennel: ours, unbound: theirs }) => `| ${size} | Kennel | ${ours.join(' | ')} |\n| | Unbound | ${theirs.join(' | ')} |`).join('\n')}

## Cookies

A source that is in \`clients.allow\` and not in \`sessions.verified\`, over UDP, one query after the other (RFC 7873, RFC 9018).

| query with | answer |
|---|---|
${cookieOutcomes.map(({ step, answer }) => `| ${step} | ${answer} |`).join('\n')}
`;
}
