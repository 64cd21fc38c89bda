/**
 * Reading an upstream's answer, strictly: shape checked, matched to the question asked, and cut down to what answers that question.
 * Whether the datagram came from the right address with the right ID is the caller's to check, and what to do with the answer too.
 */
import { EDNS_OPTION, OPCODE, RCODE, RRCLASS, RRTYPE } from './codes.ts';
import { findOption } from './edns.ts';
import { FLAG, HEADER_OCTETS, opcodeOf, QUESTION_TAIL_OCTETS, RECORD_TAIL_OCTETS } from './header.ts';
import { isAtOrBelow, parentName, type QName, ROOT, readCompressedName, readQuestionName, replaceSuffix, toOctets } from './name.ts';
import { copyOctets, readUint16, readUint32 } from './octets.ts';
import type { SpelledName } from './query-encode.ts';
import { targetName, ttlFromWire } from './rdata.ts';
import { readRdata } from './rdata-layout.ts';
import type { ResourceRecord } from './record.ts';

export interface ParsedResponse {
  readonly id: number;
  /** TC=1. The sections are empty then: what a truncated message still holds must not be used (RFC 2181 §9). */
  readonly truncated: boolean;
  readonly authenticData: boolean;
  /** Extended by the upper bits in the OPT (RFC 6891 §6.1.3). */
  readonly rcode: number;
  /** Content of the COOKIE option, of any length (RFC 7873 §4); null without one and in truncated messages. */
  readonly cookie: Uint8Array | null;
  /** The alias chain from the name asked, then the records asked for, each RRset followed by its signatures. */
  readonly answers: readonly ResourceRecord[];
  /** The SOA of a negative answer, and signed proofs of non-existence. */
  readonly authority: readonly ResourceRecord[];
}

export type ResponseReading =
  | { readonly kind: 'response'; readonly response: ParsedResponse }
  /** `mismatch`: no answer to this question, so the right one may still come. `malformed`: the answer to it, and unusable. */
  | { readonly kind: 'mismatch' | 'malformed'; readonly detail: string };

/** More records than any use of DNS here needs; keeps the work per message small. */
const MAX_RECORDS = 1000;

/** Aliases followed from the name asked; resolvers stop between 8 and 16. */
const MAX_ALIAS_LINKS = 16;

/**
 * Parses one message as the answer to `asked` (class IN). Never throws.
 *
 * Kept are only records of class IN on the alias chain that starts at the name asked (CNAME and DNAME, at most 16 links) with the
 * signatures covering them, and from the authority section one SOA at or above the chain's end if there is no answer, and NSEC, NSEC3
 * and signatures inside the zones concerned. Everything else is out of bailiwick or not asked for. An alias loop, contradicting
 * aliases and a longer chain are malformed. Octets behind the last record are ignored: nothing is copied from there.
 *
 * A refusal that is a header alone is an answer to any question: that is how servers say FORMERR that have not read it (RFC 6891 §7 for
 * those without EDNS). It holds no data; whoever can forge it knows the ID.
 */
export function parseResponse(packet: Uint8Array, asked: { qname: QName; qtype: number }): ResponseReading {
  const refusal = readBareRefusal(packet);
  if (refusal !== null) return { kind: 'response', response: refusal };
  const question = matchQuestion(packet, asked);
  if (question.kind === 'mismatch') return question;
  const flags = readUint16(packet, 2);
  const truncated = (flags & FLAG.TC) !== 0;
  const head = { id: readUint16(packet, 0), truncated, authenticData: (flags & FLAG.AD) !== 0 };
  if (truncated) return { kind: 'response', response: { ...head, rcode: flags & FLAG.RCODE, cookie: null, answers: [], authority: [] } };

  const counts = { answer: readUint16(packet, 6), authority: readUint16(packet, 8), additional: readUint16(packet, 10) };
  if (counts.answer + counts.authority + counts.additional > MAX_RECORDS) return malformed('too many records');
  const answer = readSection(packet, question.end, counts.answer);
  if (answer === null) return malformed('answer section');
  const authority = readSection(packet, answer.end, counts.authority);
  if (authority === null) return malformed('authority section');
  const opt = readOpt(packet, authority.end, counts.additional);
  if (opt === null) return malformed('additional section');

  const chain = followAliases(answer.records, asked);
  if (chain === null) return malformed('alias chain');
  const rcode = (opt.extendedRcode << 4) | (flags & FLAG.RCODE);
  const kept = { answers: chain.records, authority: proofs(authority.records, chain) };
  return { kind: 'response', response: { ...head, rcode, cookie: opt.cookie, ...kept } };
}

/** Whether the question of a message that `parseResponse` has matched repeats the letter case it was asked in, octet for octet. */
export function repeatsSpelling(packet: Uint8Array, spelling: SpelledName): boolean {
  for (let index = 0; index < spelling.length; index++) {
    if (packet[HEADER_OCTETS + index] !== spelling.charCodeAt(index)) return false;
  }
  return true;
}

function malformed(detail: string): ResponseReading {
  return { kind: 'malformed', detail };
}

const BARE_REFUSALS: ReadonlySet<number> = new Set([RCODE.FORMERR, RCODE.SERVFAIL, RCODE.NOTIMP, RCODE.REFUSED]);

/** A response without question and records, an OPT aside, that refuses what was asked; null for everything else. */
function readBareRefusal(packet: Uint8Array): ParsedResponse | null {
  if (packet.length < HEADER_OCTETS || readUint16(packet, 4) !== 0) return null;
  const flags = readUint16(packet, 2);
  const rcode = flags & FLAG.RCODE;
  if ((flags & FLAG.QR) === 0 || (flags & FLAG.TC) !== 0 || opcodeOf(flags) !== OPCODE.QUERY || !BARE_REFUSALS.has(rcode)) return null;
  if (readUint16(packet, 6) !== 0 || readUint16(packet, 8) !== 0) return null;
  const opt = readOpt(packet, HEADER_OCTETS, Math.min(readUint16(packet, 10), MAX_RECORDS));
  if (opt === null || opt.extendedRcode !== 0) return null;
  const head = { id: readUint16(packet, 0), truncated: false, authenticData: false };
  return { ...head, rcode, cookie: opt.cookie, answers: [], authority: [] };
}

function matchQuestion(
  packet: Uint8Array,
  asked: { qname: QName; qtype: number },
): { kind: 'match'; end: number } | { kind: 'mismatch'; detail: string } {
  if (packet.length < HEADER_OCTETS) return { kind: 'mismatch', detail: 'shorter than a header' };
  const flags = readUint16(packet, 2);
  if ((flags & FLAG.QR) === 0) return { kind: 'mismatch', detail: 'not a response' };
  if (opcodeOf(flags) !== OPCODE.QUERY) return { kind: 'mismatch', detail: 'opcode is not QUERY' };
  if (readUint16(packet, 4) !== 1) return { kind: 'mismatch', detail: 'not exactly one question' };
  const name = readQuestionName(packet, HEADER_OCTETS);
  if (name === null || name.end + QUESTION_TAIL_OCTETS > packet.length) return { kind: 'mismatch', detail: 'question is malformed' };
  const same = name.name === asked.qname && readUint16(packet, name.end) === asked.qtype && readUint16(packet, name.end + 2) === RRCLASS.IN;
  return same ? { kind: 'match', end: name.end + QUESTION_TAIL_OCTETS } : { kind: 'mismatch', detail: 'another question' };
}

function readSection(packet: Uint8Array, start: number, count: number): { records: ResourceRecord[]; end: number } | null {
  const records: ResourceRecord[] = [];
  let at = start;
  for (let index = 0; index < count; index++) {
    const owner = readCompressedName(packet, at);
    if (owner === null || owner.end + RECORD_TAIL_OCTETS > packet.length) return null;
    const type = readUint16(packet, owner.end);
    const rdataStart = owner.end + RECORD_TAIL_OCTETS;
    const rdataOctets = readUint16(packet, owner.end + 8);
    const rdata = readRdata(packet, type, rdataStart, rdataOctets);
    if (rdata === null) return null;
    const ttlSeconds = ttlFromWire(readUint32(packet, owner.end + 4));
    records.push({ owner: owner.name, type, class: readUint16(packet, owner.end + 2), ttlSeconds, rdata });
    at = rdataStart + rdataOctets;
  }
  return { records, end: at };
}

interface ResponseOpt {
  readonly extendedRcode: number;
  readonly cookie: Uint8Array | null;
}

const NO_OPT: ResponseOpt = { extendedRcode: 0, cookie: null };

/** Walks the additional section for the one thing used of it; null when a record is cut short or a second OPT comes. */
function readOpt(packet: Uint8Array, start: number, count: number): ResponseOpt | null {
  let opt: ResponseOpt | null = null;
  let at = start;
  for (let index = 0; index < count; index++) {
    const owner = readCompressedName(packet, at);
    if (owner === null || owner.end + RECORD_TAIL_OCTETS > packet.length) return null;
    const rdataStart = owner.end + RECORD_TAIL_OCTETS;
    at = rdataStart + readUint16(packet, owner.end + 8);
    if (at > packet.length) return null;
    if (readUint16(packet, owner.end) !== RRTYPE.OPT) continue;
    if (opt !== null || owner.name !== ROOT) return null;
    const cookie = findOption(packet, rdataStart, at, EDNS_OPTION.COOKIE);
    opt = { extendedRcode: packet[owner.end + 4] ?? 0, cookie: cookie && copyOctets(cookie, 0, cookie.length) };
  }
  return opt ?? NO_OPT;
}

interface Chain {
  readonly records: readonly ResourceRecord[];
  /** The name that the aliases lead to. */
  readonly end: QName;
  /** Whether records of the type asked were there. */
  readonly answered: boolean;
  /** Zones that signed the records kept, at most one per name. */
  readonly zones: readonly QName[];
}

type RecordsByOwner = ReadonlyMap<QName, readonly ResourceRecord[]>;

/** Null for a loop, for aliases that contradict each other and for more than 16 links. */
function followAliases(records: readonly ResourceRecord[], asked: { qname: QName; qtype: number }): Chain | null {
  const byOwner = groupByOwner(records);
  // A set: one DNAME may serve several links, and its records are wanted once.
  const kept = new Set<ResourceRecord>();
  const zones: QName[] = [];
  const visited = new Set<QName>();
  let name = asked.qname;
  while (visited.size <= MAX_ALIAS_LINKS && !visited.has(name)) {
    visited.add(name);
    const zonesOfLink: QName[] = [];
    const link = followLink(byOwner, name, zonesOfLink);
    if (link === 'contradiction') return null;
    const direct = directAnswer(byOwner, name, asked.qtype, link, zones);
    // An alias beside the records asked for is not kept, so its signer vouches for nothing here.
    if (direct.length === 0 || direct === link?.records) zones.push(...zonesOfLink);
    for (const record of direct) kept.add(record);
    if (direct.length > 0) return { records: [...kept], end: name, answered: true, zones };
    for (const record of link?.records ?? []) kept.add(record);
    if (link === null || link.next === null) return { records: [...kept], end: name, answered: false, zones };
    name = link.next;
  }
  return null;
}

/**
 * The records of the type asked at this name. Where an alias was asked for and a DNAME makes it, the DNAME belongs to the answer:
 * it alone is signed (RFC 6672 §3.1). A signature beside an alias is the alias's own, not the answer to a question for signatures.
 */
function directAnswer(byOwner: RecordsByOwner, name: QName, qtype: number, link: Link | null, zones: QName[]): readonly ResourceRecord[] {
  if (link !== null && link.next !== null && qtype === RRTYPE.CNAME) return link.records;
  if (link !== null && qtype === RRTYPE.RRSIG) return [];
  return signedRRset(byOwner, name, qtype, zones);
}

function groupByOwner(records: readonly ResourceRecord[]): RecordsByOwner {
  const byOwner = new Map<QName, ResourceRecord[]>();
  for (const record of records) {
    if (record.class !== RRCLASS.IN) continue;
    const group = byOwner.get(record.owner);
    if (group === undefined) byOwner.set(record.owner, [record]);
    else group.push(record);
  }
  return byOwner;
}

/** The records of one owner and type, then the signatures covering them, whose zone is added to `zones`. Empty when there are none. */
function signedRRset(byOwner: RecordsByOwner, owner: QName, type: number, zones: QName[]): ResourceRecord[] {
  const group = byOwner.get(owner) ?? [];
  const rrset = group.filter((record) => record.type === type);
  if (rrset.length === 0) return rrset;
  const isSignature = type === RRTYPE.RRSIG;
  const signatures = isSignature ? [] : group.filter((record) => coveredType(record) === type);
  const zone = (isSignature ? rrset : signatures).map(signerName).find((signer) => signer !== null && isAtOrBelow(owner, signer));
  if (zone !== undefined && zone !== null) zones.push(zone);
  // An alias is one record; a second one would lead where nobody has looked (RFC 2181 §10.1, RFC 6672 §2.4).
  const isAlias = type === RRTYPE.CNAME || type === RRTYPE.DNAME;
  return [...(isAlias ? rrset.slice(0, 1) : rrset), ...signatures];
}

/** The type a signature covers; null for all other records. */
function coveredType(record: ResourceRecord): number | null {
  return record.type === RRTYPE.RRSIG ? readUint16(record.rdata, 0) : null;
}

function signerName(signature: ResourceRecord): QName | null {
  return readQuestionName(signature.rdata, 18)?.name ?? null;
}

interface Link {
  readonly records: readonly ResourceRecord[];
  /** Null: a DNAME makes a name here that is too long (YXDOMAIN, RFC 6672 §2.2). */
  readonly next: QName | null;
}

/**
 * One step of the chain: by a CNAME, or by the DNAME above the name. The latter's CNAME is made here where the upstream left it out, and
 * has the DNAME's TTL in any case (RFC 6672 §3.1): some upstreams give 0, and nothing below the DNAME could be cached.
 */
function followLink(byOwner: RecordsByOwner, name: QName, zones: QName[]): Link | 'contradiction' | null {
  const cnames = signedRRset(byOwner, name, RRTYPE.CNAME, zones);
  const cnameTarget = cnames[0] === undefined ? null : targetName(cnames[0]);
  const dnameOwner = ownerOfDnameAbove(byOwner, name);
  if (dnameOwner === null) return cnameTarget === null ? null : { records: cnames, next: cnameTarget };

  const dnames = signedRRset(byOwner, dnameOwner, RRTYPE.DNAME, zones);
  const dname = dnames[0];
  const dnameTarget = dname === undefined ? null : targetName(dname);
  const next = dnameTarget === null ? null : replaceSuffix(name, dnameOwner, dnameTarget);
  if (dname === undefined) return null;
  if (next === null) return { records: dnames, next };
  if (cnameTarget !== null && cnameTarget !== next) return 'contradiction';
  const target = cnames[0]?.rdata ?? toOctets(next);
  const cname = { owner: name, type: RRTYPE.CNAME, class: RRCLASS.IN, ttlSeconds: dname.ttlSeconds, rdata: target };
  return { records: [...dnames, cname], next };
}

function ownerOfDnameAbove(byOwner: RecordsByOwner, name: QName): QName | null {
  for (let ancestor = parentName(name); ancestor !== null; ancestor = parentName(ancestor)) {
    if (byOwner.get(ancestor)?.some((record) => record.type === RRTYPE.DNAME) === true) return ancestor;
  }
  return null;
}

/** What the authority section contributes to this chain. */
function proofs(records: readonly ResourceRecord[], chain: Chain): ResourceRecord[] {
  const inClass = records.filter((record) => record.class === RRCLASS.IN);
  const soa = chain.answered ? undefined : inClass.find((record) => record.type === RRTYPE.SOA && isAtOrBelow(chain.end, record.owner));
  const zones = soa === undefined ? chain.zones : [...chain.zones, soa.owner];
  return inClass.filter((record) => {
    const type = coveredType(record) ?? record.type;
    if (type === RRTYPE.SOA) return record === soa || (record.type === RRTYPE.RRSIG && record.owner === soa?.owner);
    const isDenial = type === RRTYPE.NSEC || type === RRTYPE.NSEC3;
    return isDenial && zones.some((zone) => isAtOrBelow(record.owner, zone));
  });
}
