/**
 * The numbers DNS assigns: RR types, classes, RCODEs, opcodes, EDNS options and Extended DNS Errors.
 * Data only (IANA "Domain Name System (DNS) Parameters"); what each one means to Kennel is decided elsewhere.
 */

// biome-ignore format: a table
export const RRTYPE = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, NULL: 10, PTR: 12, HINFO: 13, MX: 15, TXT: 16, RP: 17, AFSDB: 18, KEY: 25, AAAA: 28, SRV: 33,
  NAPTR: 35, KX: 36, DNAME: 39, OPT: 41, DS: 43, SSHFP: 44, RRSIG: 46, NSEC: 47, DNSKEY: 48, NSEC3: 50,
  NSEC3PARAM: 51, TLSA: 52, SVCB: 64, HTTPS: 65, IXFR: 251, AXFR: 252, ANY: 255, URI: 256, CAA: 257, PRIVATE: 65399,
} as const;

export const RRCLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

// biome-ignore format: a table
export const RCODE = {
  NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16, BADCOOKIE: 23,
} as const;

export const OPCODE = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 } as const;

/** EDNS option codes (RFC 6891 §9). */
export const EDNS_OPTION = { COOKIE: 10, TCP_KEEPALIVE: 11, PADDING: 12, EDE: 15 } as const;

/** Extended DNS Errors (RFC 8914 §5.2) that Kennel sends. */
// biome-ignore format: a table
export const EDE = {
  OTHER: 0, STALE_ANSWER: 3, BLOCKED: 15, PROHIBITED: 18, STALE_NXDOMAIN: 19, NO_REACHABLE_AUTHORITY: 22, NETWORK_ERROR: 23,
} as const;

const TYPE_NAMES = new Map<number, string>(Object.entries(RRTYPE).map(([name, code]) => [code, name]));
const RCODE_NAMES = new Map<number, string>(Object.entries(RCODE).map(([name, code]) => [code, name]));

/** The mnemonic of an RR type, or `TYPE123` (RFC 3597 §5). */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/** The RR type of a mnemonic or of `TYPE123` (RFC 3597 §5), any case; null when it is neither. */
export function typeFromName(text: string): number | null {
  const upper = text.toUpperCase();
  const generic = /^TYPE(\d{1,5})$/.exec(upper);
  if (generic?.[1] !== undefined) {
    const value = Number(generic[1]);
    return value <= 65535 ? value : null;
  }
  for (const [code, name] of TYPE_NAMES) if (name === upper) return code;
  return null;
}

/** The mnemonic of an RCODE, or `RCODE23`. */
export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`;
}
