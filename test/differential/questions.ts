/**
 * What the differential tests ask: names, RR types, and the header and EDNS that a client may dress a question up with.
 * The names' records stand in `zones/`, the large RRsets here.
 */
import { labelsOfPresentation } from '../lab/message-reader.ts';
import { type MessageParts, queryMessage } from '../lab/messages.ts';

// biome-ignore format: a table
export const TYPE = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, NULL: 10, PTR: 12, HINFO: 13, MX: 15, TXT: 16, RP: 17, AFSDB: 18, AAAA: 28, SRV: 33, NAPTR: 35, DNAME: 39,
  DS: 43, SSHFP: 44, RRSIG: 46, NSEC: 47, DNSKEY: 48, NSEC3: 50, NSEC3PARAM: 51, TLSA: 52, SVCB: 64, HTTPS: 65, ANY: 255, URI: 256,
  CAA: 257, TYPE65280: 65280,
} as const;

export type TypeName = keyof typeof TYPE;

export const TYPE_NAMES = Object.keys(TYPE) as TypeName[];

export interface Client {
  readonly says: string;
  readonly edns: { readonly udpPayloadSize: number; readonly dnssecOk: boolean } | null;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** Letters alternate in case. */
  readonly mixedCase: boolean;
}

const PLAIN: Client = { says: 'no EDNS', edns: null, authenticData: false, checkingDisabled: false, mixedCase: false };
const edns = (udpPayloadSize: number, dnssecOk = false) => ({ udpPayloadSize, dnssecOk });

export const CLIENTS: readonly Client[] = [
  PLAIN,
  { ...PLAIN, says: 'no EDNS, AD, mixed letter case', authenticData: true, mixedCase: true },
  { ...PLAIN, says: 'EDNS 512', edns: edns(512) },
  { ...PLAIN, says: 'EDNS 1232, AD', edns: edns(1232), authenticData: true },
  { ...PLAIN, says: 'EDNS 1232, CD', edns: edns(1232), checkingDisabled: true },
  { ...PLAIN, says: 'EDNS 4096', edns: edns(4096) },
  { ...PLAIN, says: 'EDNS 512, DO', edns: edns(512, true) },
  { ...PLAIN, says: 'EDNS 1232, DO, mixed letter case', edns: edns(1232, true), mixedCase: true },
  { ...PLAIN, says: 'EDNS 4096, DO', edns: edns(4096, true) },
  { ...PLAIN, says: 'EDNS 4096, DO, AD, CD', edns: edns(4096, true), authenticData: true, checkingDisabled: true },
];

export interface Question {
  /** Presentation form. */
  readonly name: string;
  readonly type: TypeName;
  readonly client: Client;
}

export function messageFor(question: Question, id: number): Buffer {
  const { client } = question;
  const parts: MessageParts = {
    id,
    labels: labelsOfPresentation(client.mixedCase ? inMixedCase(question.name) : question.name),
    qtype: TYPE[question.type],
    flags: 0x0100 | (client.authenticData ? 0x0020 : 0) | (client.checkingDisabled ? 0x0010 : 0),
    ...(client.edns === null ? {} : { edns: { ...client.edns, options: [] } }),
  };
  return queryMessage(parts);
}

function inMixedCase(name: string): string {
  return [...name].map((letter, index) => (index % 2 === 0 ? letter.toUpperCase() : letter)).join('');
}

/** 255 octets, the most there is. */
const LONGEST_NAME = [...Array.from({ length: 3 }, () => 'a'.repeat(63)), 'b'.repeat(48), 'zone.example'].join('.');

/** Records of `zone.example` with RRsets that need TCP, up to the largest message there is. */
export const LARGE_RRSETS: readonly string[] = [
  `${LONGEST_NAME}. A 203.0.113.40`,
  ...addresses('fits-1232', 60),
  ...addresses('addresses-500', 500),
  ...addresses('addresses-1100', 1100),
  `txt-2500 TXT ${strings(10)}`,
  ...Array.from({ length: 24 }, (_, index) => `txt-62000 TXT "${index}" ${strings(10)}`),
  ...Array.from({ length: 40 }, (_, index) => `hosts MX ${index} host-${index}.with.a.long.name.below.the.same.parent.zone.example.`),
  'alias-large CNAME addresses-500',
];

function addresses(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name} A 203.0.${112 + (index >> 8)}.${index & 255}`);
}

/** Character-strings of the full 255 octets. */
function strings(count: number): string {
  return Array.from({ length: count }, (_, index) => `"${String(index % 10).repeat(255)}"`).join(' ');
}

/** What the name stands for, and the name. */
export const NAMES: readonly (readonly [what: string, name: string])[] = [
  ['the apex of an unsigned zone', 'zone.example'],
  ['a name with every type', 'everything.zone.example'],
  ['a name in mixed letter case at its owner', 'mixedcase.zone.example'],
  ['a TTL of 0', 'ttl-zero.zone.example'],
  ['a TTL of a week', 'ttl-week.zone.example'],
  ['different TTLs by type', 'ttl-mixed.zone.example'],
  ['a name that does not exist', 'nothing.zone.example'],
  ['a name below one that does not exist', 'a.b.c.nothing.zone.example'],
  ['a name that does not exist below one that does', 'nothing.mail.zone.example'],
  ['a name with AAAA alone', 'only-aaaa.zone.example'],
  ['an alias', 'alias.zone.example'],
  ['a chain of seven aliases', 'chain-1.zone.example'],
  ['an alias with a short TTL', 'alias-short.zone.example'],
  ['an alias to a name that does not exist', 'alias-nowhere.zone.example'],
  ['an alias to a name without the type', 'alias-no-data.zone.example'],
  ['an alias into a signed zone', 'alias-out.zone.example'],
  ['an alias into a wildcard', 'alias-to-wild.zone.example'],
  ['an alias to a name with odd octets', 'to-odd.zone.example'],
  ['an alias to itself', 'alias-self.zone.example'],
  ['a loop of three aliases', 'loop-1.zone.example'],
  ['the owner of a DNAME', 'old.zone.example'],
  ['a name below a DNAME', 'a.old.zone.example'],
  ['a name below a DNAME that leads to an alias', 'b.old.zone.example'],
  ['a name below a DNAME that does not exist there', 'nothing.old.zone.example'],
  ['a name below a DNAME into a signed zone', 'www.out.zone.example'],
  ['a name below a DNAME whose target is too long', `${LONGEST_NAME.slice(0, 225)}.long.zone.example`],
  ['the wildcard itself', '*.wild.zone.example'],
  ['a name from a wildcard', 'anything.wild.zone.example'],
  ['a name two levels into a wildcard', 'any.thing.wild.zone.example'],
  ['an exact name beside a wildcard', 'exact.wild.zone.example'],
  ['an alias from a wildcard', 'anything.wild-alias.zone.example'],
  ['an empty non-terminal', 'empty.zone.example'],
  ['a name below an empty non-terminal', 'below.empty.zone.example'],
  ['a dot inside a label', 'dot\\.inside.zone.example'],
  ['two labels where the dot is inside one', 'dot.inside.zone.example'],
  ['a space', 'sp\\032ace.zone.example'],
  ['a backslash', 'back\\\\slash.zone.example'],
  ['quotation marks', '"quote".zone.example'],
  ['a semicolon', 'semi;colon.zone.example'],
  ['an at sign', 'at@sign.zone.example'],
  ['parentheses', '(paren).zone.example'],
  ['a dollar sign', 'dol$lar.zone.example'],
  ['a NUL octet', 'nul\\000octet.zone.example'],
  ['a DEL octet', 'del\\127octet.zone.example'],
  ['octets above ASCII', 'high\\200\\255.zone.example'],
  ['labels with underscores', '_under._score.zone.example'],
  ['a label of 63 octets', 'label-of-sixty-three-octets-label-of-sixty-three-octets-label-o.zone.example'],
  ['a name of 255 octets', LONGEST_NAME],
  ['60 addresses', 'fits-1232.zone.example'],
  ['500 addresses', 'addresses-500.zone.example'],
  ['an alias to 500 addresses', 'alias-large.zone.example'],
  ['1,100 addresses', 'addresses-1100.zone.example'],
  ['40 mail exchanges with long names', 'hosts.zone.example'],
  ['a text of 2,500 octets', 'txt-2500.zone.example'],
  ['texts of 62,000 octets', 'txt-62000.zone.example'],
  ['a delegation to a server that does not answer', 'lost.zone.example'],
  ['a name below that delegation', 'www.lost.zone.example'],
  ['the apex of the signed parent', 'example'],
  ['a signed name in the parent', 'www.example'],
  ['a name that does not exist in the signed parent', 'nothing.example'],
  ['the apex of a zone with NSEC', 'signed.example'],
  ['a signed name', 'www.signed.example'],
  ['a signed service', '_sip._tcp.signed.example'],
  ['a name that does not exist, proved by NSEC', 'nothing.signed.example'],
  ['a signed alias', 'alias.signed.example'],
  ['two signed aliases', 'alias-twice.signed.example'],
  ['a signed text of 2,500 octets', 'txt-large.signed.example'],
  ['a signed alias to that text', 'alias-large.signed.example'],
  ['a signed alias to a name that does not exist', 'alias-nowhere.signed.example'],
  ['a signed alias into an unsigned zone', 'alias-out.signed.example'],
  ['a signed alias into a zone with NSEC3', 'alias-nsec3.signed.example'],
  ['a name below a signed DNAME', 'a.old.signed.example'],
  ['a name from a signed wildcard', 'anything.wild.signed.example'],
  ['a signed empty non-terminal', 'empty.signed.example'],
  ['a name whose address was falsified', 'bogus.signed.example'],
  ['an alias to that name', 'alias-bogus.signed.example'],
  ['a delegation without DS', 'unsigned.signed.example'],
  ['a name below a delegation without DS', 'www.unsigned.signed.example'],
  ['the apex of a zone with NSEC3', 'nsec3.example'],
  ['a signed name, NSEC3', 'www.nsec3.example'],
  ['a name that does not exist, proved by NSEC3', 'nothing.nsec3.example'],
  ['a name from a signed wildcard, NSEC3', 'anything.wild.nsec3.example'],
  ['an empty non-terminal, NSEC3', 'empty.nsec3.example'],
];
