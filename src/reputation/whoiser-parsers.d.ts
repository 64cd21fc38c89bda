/** The part of whoiser that Kennel uses, which the package does not type: the parser alone, without its sockets. */
declare module 'whoiser/src/parsers.js' {
  /** Fields of a domain's WHOIS text under common labels, e.g. `Created Date`. */
  export function parseDomainWhois(domain: string, whois: string, ignorePrivacy: boolean): Record<string, string | string[] | undefined>;
}
