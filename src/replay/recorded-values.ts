/**
 * Values as logs write them: names, types, response codes, client addresses, times. Each comes as its one canonical value or as null.
 * Names, types and addresses are remembered, because recordings repeat themselves; what is remembered is bounded.
 */
import { canonicalAddress } from '../policy/address-set.ts';
import { RCODE, typeFromName } from '../wire/codes.ts';
import { fromPresentation, type QName } from '../wire/name.ts';
import type { ReplayQuery } from './replay.ts';

const REMEMBERED = 65_536;

/** Reads each text once, as long as it is remembered. */
function remembering<Value>(read: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const value = known.get(text);
    if (value !== undefined) return value;
    const made = read(text);
    if (known.size >= REMEMBERED) known.clear();
    // A copy of its own: a piece of a longer text would keep all of that text.
    known.set(Buffer.from(text).toString(), made);
    return made;
  };
}

/** A name in presentation form (RFC 1035 §5.1), with or without the dot at the end. */
export const readName: (text: string) => QName | null = remembering((text) => fromPresentation(text === '' ? '.' : text));

/** Types that logs name and Kennel has no mnemonic for (the registry of RR types; `NB` and `*` are Zeek's words). */
const MORE_TYPES = new Map<string, number>([
  ['A6', 38],
  ['AFSDB', 18],
  ['ANY', 255],
  ['*', 255],
  ['APL', 42],
  ['AXFR', 252],
  ['CDNSKEY', 60],
  ['CDS', 59],
  ['CSYNC', 62],
  ['DHCID', 49],
  ['DNAME', 39],
  ['EUI48', 108],
  ['EUI64', 109],
  ['HINFO', 13],
  ['HIP', 55],
  ['IPSECKEY', 45],
  ['IXFR', 251],
  ['KEY', 25],
  ['LOC', 29],
  ['NB', 32],
  ['NULL', 10],
  ['OPENPGPKEY', 61],
  ['RP', 17],
  ['SIG', 24],
  ['SMIMEA', 53],
  ['SPF', 99],
  ['WKS', 11],
  ['X25', 19],
  ['ZONEMD', 63],
]);

const DNSMASQ_TYPE = /^type=(\d{1,5})$/;

/** A mnemonic, `TYPE65`, `type=65` (dnsmasq) or a plain number. */
export const readType: (text: string) => number | null = remembering((text) => {
  const digits = DNSMASQ_TYPE.exec(text)?.[1] ?? (/^\d{1,5}$/.test(text) ? text : undefined);
  if (digits !== undefined) return Number(digits) <= 0xffff ? Number(digits) : null;
  return typeFromName(text) ?? MORE_TYPES.get(text.toUpperCase()) ?? null;
});

const MORE_RCODES = new Map<string, number>([
  ['YXDOMAIN', 6],
  ['YXRRSET', 7],
  ['NXRRSET', 8],
  ['NOTAUTH', 9],
  ['NOTZONE', 10],
  ['BADVERS', 16],
  ['BADSIG', 16],
  ['BADCOOKIE', 23],
]);
const RCODES = new Map<string, number>([...MORE_RCODES, ...Object.entries(RCODE)]);

/** A mnemonic, `RCODE23` or a plain number. */
export const readRcode: (text: string) => number | null = remembering((text) => {
  const known = RCODES.get(text.toUpperCase());
  if (known !== undefined) return known;
  const digits = /^(?:RCODE)?(\d{1,4})$/i.exec(text)?.[1];
  return digits === undefined || Number(digits) > 0xfff ? null : Number(digits);
});

/** Stands for a client that the log does not name. */
export const UNKNOWN_CLIENT = '0.0.0.0';

/** An address in any form, `[::1]` too; `UNKNOWN_CLIENT` for an empty text and for `-`. */
export const readClient: (text: string) => string | null = remembering((text) => {
  if (text === '' || text === '-') return UNKNOWN_CLIENT;
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const zone = bare.indexOf('%');
  return canonicalAddress(zone < 0 ? bare : bare.slice(0, zone));
});

/** The last moment a Date can hold. */
const LAST_MS = 8.64e15;

/** Milliseconds since the epoch, if they are a time that can be written down; null for others. */
export function checkedTime(ms: number): number | null {
  return ms >= 0 && ms <= LAST_MS ? ms : null;
}

/** A Date, seconds since the epoch, or ISO 8601; one without a zone counts as UTC, so that a replay gives the same everywhere. */
export function readTime(value: unknown): number | null {
  if (typeof value === 'number') return checkedTime(value * 1000);
  if (value instanceof Date) return checkedTime(value.getTime());
  if (typeof value !== 'string') return null;
  if (/^\d+(?:\.\d+)?$/.test(value)) return checkedTime(Number(value) * 1000);
  return checkedTime(Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(value) ? value : `${value.replace(' ', 'T')}Z`));
}

type Question = Pick<ReplayQuery, 'atMs' | 'client' | 'qname' | 'qtype'>;

/** What a log says about a question, each value as it stands there (`ts` may be a Date); or what is wrong. */
export function readQuestion(ts: unknown, client: unknown, qname: unknown, qtype: unknown): Question | { readonly problem: string } {
  const atMs = readTime(ts);
  if (atMs === null) return { problem: 'no readable time' };
  const address = readClient(typeof client === 'string' ? client : client === undefined || client === null ? '' : '?');
  if (address === null) return { problem: 'the client is no address' };
  const name = typeof qname === 'string' ? readName(qname) : null;
  if (name === null) return { problem: 'no readable name' };
  const type = typeof qtype === 'string' || typeof qtype === 'number' ? readType(String(qtype)) : null;
  if (type === null) return { problem: 'no readable type' };
  return { atMs, client: address, qname: name, qtype: type };
}
