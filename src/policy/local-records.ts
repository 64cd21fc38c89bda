/**
 * Names answered from the config's records and from hosts files: RDATA written once at start, wildcards and aliases followed. Reading and
 * checking their texts is the config's work; a text that fails here is a bug.
 */
import type { RecordConfig } from '../config/config.ts';
import { RCODE, RRCLASS, RRTYPE } from '../wire/codes.ts';
import { parentName, type QName, requireName, toOctets } from '../wire/name.ts';
import { addressRecord, targetName, txtRecord } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';
import { isLoopback, isPrivate } from './address-set.ts';
import { type HostsNames, hostsRecords, NO_HOSTS } from './hosts-file.ts';
import { reverseName } from './reverse-name.ts';

/** A longer chain of aliases is a mistake; the config refuses loops. */
const MAX_ALIASES = 8;

const WILDCARD = '*.';

export type LocalAnswer =
  /** `aliases` lead from the question to `owner`, which has `answers` of the type asked for. */
  | {
      readonly kind: 'answered';
      readonly rcode: number;
      readonly aliases: readonly ResourceRecord[];
      readonly answers: readonly ResourceRecord[];
      readonly owner: QName;
    }
  /** The aliases lead to a name that is not answered here. */
  | { readonly kind: 'leads-on'; readonly aliases: readonly ResourceRecord[]; readonly target: QName }
  | { readonly kind: 'endless' };

/** What is here for a name: its records, of all types, or the knowledge that there is no such name. */
type Found = { readonly exists: true; readonly records: readonly ResourceRecord[] } | { readonly exists: false };

/**
 * In order: a record of exactly this name, a hosts file, a wildcard. There is no zone around a record, so what lies above and beside it
 * goes the way of all names. A wildcard is different: with `*.home.example` every name below `home.example` is answered here, by the rules
 * of RFC 4592. Where the name has a closer encloser than `home.example` (`nas.home.example` has a record, and `x.nas.home.example` is
 * asked), the wildcard does not apply and the name does not exist. A forward zone below `home.example` is cut out.
 */
export class LocalRecords {
  readonly #byName = new Map<QName, ResourceRecord[]>();
  /** By the name below which the wildcard stands; owners are filled in for each question. */
  readonly #wildcards = new Map<QName, ResourceRecord[]>();
  /** Names without records that exist because something below them does, under a wildcard (RFC 4592 §2.2.2). */
  readonly #nonTerminals = new Set<QName>();
  readonly #zones: ReadonlySet<QName>;
  readonly #hosts: HostsNames;

  /** `zones`: names that wildcards do not reach into. */
  constructor(records: readonly RecordConfig[], zones: readonly QName[] = [], hosts: HostsNames = NO_HOSTS) {
    this.#zones = new Set(zones);
    this.#hosts = hosts;
    for (const record of records) {
      const compiled = compileRecord(record);
      add(record.name.startsWith(WILDCARD) ? this.#wildcards : this.#byName, compiled.owner, compiled);
    }
    for (const pointer of pointersOf(records, this.#byName)) add(this.#byName, pointer.owner, pointer);
    if (this.#wildcards.size > 0) {
      for (const owner of [...this.#byName.keys(), ...this.#wildcards.keys()]) this.#noteNonTerminals(owner);
    }
  }

  /** Another value after a hosts file has changed: what was concluded from the names here has to be thought over. */
  get version(): object {
    return this.#hosts.table;
  }

  /** The answer for a name that is answered here (without records of a type that it lacks), aliases followed; null for other names. */
  answer(qname: QName, qtype: number): LocalAnswer | null {
    const aliases: ResourceRecord[] = [];
    let owner = qname;
    while (aliases.length <= MAX_ALIASES) {
      const found = this.#find(owner);
      if (found === null) return aliases.length === 0 ? null : { kind: 'leads-on', aliases, target: owner };
      if (!found.exists) return { kind: 'answered', rcode: RCODE.NXDOMAIN, aliases, answers: [], owner };
      const alias = found.records.find((record) => record.type === RRTYPE.CNAME);
      if (alias === undefined || qtype === RRTYPE.CNAME) {
        const answers = found.records.filter((record) => record.type === qtype);
        return { kind: 'answered', rcode: RCODE.NOERROR, aliases, answers, owner };
      }
      aliases.push(alias);
      owner = targetName(alias) ?? owner;
    }
    return { kind: 'endless' };
  }

  #find(name: QName): Found | null {
    const exact = this.#byName.get(name) ?? hostsRecords(this.#hosts.table, name);
    if (exact !== null) return { exists: true, records: exact };
    return this.#wildcards.size === 0 ? null : this.#belowWildcard(name);
  }

  /** RFC 4592 §3.3.1: the closest encloser decides; a wildcard applies only directly below it. */
  #belowWildcard(name: QName): Found | null {
    if (this.#nonTerminals.has(name)) return { exists: true, records: [] };
    if (this.#zones.has(name)) return null;
    let stopped = false;
    for (let encloser = parentName(name); encloser !== null; encloser = parentName(encloser)) {
      const records = this.#wildcards.get(encloser);
      if (records !== undefined && stopped) return { exists: false };
      if (records !== undefined) return { exists: true, records: records.map((record) => ({ ...record, owner: name })) };
      if (this.#zones.has(encloser)) return null;
      stopped ||= this.#byName.has(encloser) || this.#nonTerminals.has(encloser);
    }
    return null;
  }

  /** The names between an owner and the wildcard above it. */
  #noteNonTerminals(owner: QName): void {
    const between: QName[] = this.#byName.has(owner) ? [] : [owner];
    for (let encloser = parentName(owner); encloser !== null; encloser = parentName(encloser)) {
      if (this.#wildcards.has(encloser)) for (const name of between.splice(0)) this.#nonTerminals.add(name);
      if (!this.#byName.has(encloser)) between.push(encloser);
    }
  }
}

function add(to: Map<QName, ResourceRecord[]>, owner: QName, record: ResourceRecord): void {
  const others = to.get(owner);
  if (others === undefined) to.set(owner, [record]);
  else others.push(record);
}

/** The first name that each private address was given, as hosts files mean it; where a PTR is written, that one counts. */
function pointersOf(records: readonly RecordConfig[], written: ReadonlyMap<QName, unknown>): ResourceRecord[] {
  const pointers = new Map<QName, ResourceRecord>();
  for (const { name, type, value, ttlSeconds } of records) {
    if ((type !== 'A' && type !== 'AAAA') || name.startsWith(WILDCARD) || !isPrivate(value) || isLoopback(value)) continue;
    const owner = reverseName(value);
    if (written.has(owner) || pointers.has(owner)) continue;
    pointers.set(owner, { owner, type: RRTYPE.PTR, class: RRCLASS.IN, ttlSeconds, rdata: toOctets(requireName(name)) });
  }
  return [...pointers.values()];
}

/** The owner of a wildcard is the name below which it stands. */
function compileRecord(record: RecordConfig): ResourceRecord {
  const owner = requireName(record.name.startsWith(WILDCARD) ? record.name.slice(WILDCARD.length) : record.name);
  const { ttlSeconds, value } = record;
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return addressRecord(owner, value, ttlSeconds);
    case 'TXT':
      return txtRecord(owner, [value], ttlSeconds);
    case 'CNAME':
    case 'PTR':
      return { owner, type: RRTYPE[record.type], class: RRCLASS.IN, ttlSeconds, rdata: toOctets(requireName(value)) };
    case 'MX':
    case 'SRV': {
      // Numbers of 16 bits, then a name: preference (RFC 1035 §3.3.9); priority, weight, port (RFC 2782).
      const parts = value.split(' ');
      const target = parts.pop() ?? '';
      const numbers = parts.flatMap((part) => [Number(part) >>> 8, Number(part) & 0xff]);
      const rdata = Uint8Array.from([...numbers, ...toOctets(requireName(target))]);
      return { owner, type: RRTYPE[record.type], class: RRCLASS.IN, ttlSeconds, rdata };
    }
  }
}
