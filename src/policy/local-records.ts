/**
 * The records of the config as answers: RDATA written once at start, aliases followed among them.
 * Reading and checking their texts is the config's work; a text that fails here is a bug.
 */
import type { RecordConfig } from '../config/config.ts';
import { RRCLASS, RRTYPE } from '../wire/codes.ts';
import { type QName, requireName, toOctets } from '../wire/name.ts';
import { addressRecord, targetName, txtRecord } from '../wire/rdata.ts';
import type { ResourceRecord } from '../wire/record.ts';

/** A longer chain of aliases is a mistake; the config refuses loops. */
const MAX_ALIASES = 8;

export class LocalRecords {
  readonly #byName = new Map<QName, ResourceRecord[]>();

  constructor(records: readonly RecordConfig[]) {
    for (const record of records) {
      const compiled = compileRecord(record);
      const others = this.#byName.get(compiled.owner);
      if (others === undefined) this.#byName.set(compiled.owner, [compiled]);
      else others.push(compiled);
    }
  }

  /** The answers for a name that has records here (none for a type it lacks), aliases followed; null for other names. */
  answer(qname: QName, qtype: number): readonly ResourceRecord[] | null {
    const answers: ResourceRecord[] = [];
    let owner = qname;
    for (let hops = 0; hops <= MAX_ALIASES; hops++) {
      const records = this.#byName.get(owner);
      if (records === undefined) return hops === 0 ? null : answers;
      answers.push(...records.filter((record) => record.type === qtype));
      const alias = records.find((record) => record.type === RRTYPE.CNAME);
      if (alias === undefined || qtype === RRTYPE.CNAME) return answers;
      answers.push(alias);
      owner = targetName(alias) ?? owner;
    }
    return answers;
  }
}

function compileRecord(record: RecordConfig): ResourceRecord {
  const owner = requireName(record.name);
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
