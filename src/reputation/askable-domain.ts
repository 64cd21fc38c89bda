/**
 * The one gate in front of every RDAP and WHOIS question: only an ICANN registrable domain may be asked for. Anything longer would
 * carry labels that a client chose to servers outside (threat 18, docs/threats.md).
 */
import { parse } from 'tldts';

/** Defaults of tldts would find a domain in a URL or an invalid name; private suffixes are no registries. */
const ICANN_ONLY = { allowPrivateDomains: false, extractHostname: false, validateHostname: false, detectIp: false } as const;

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** True for `example.co.uk`; false for names below it, public suffixes, single labels, unknown top-level domains and bad characters. */
export function isAskable(domain: string): boolean {
  if (domain.length > 253) return false;
  const labels = domain.split('.');
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label))) return false;
  const parsed = parse(domain, ICANN_ONLY);
  // Not in the public suffix list: a local name (`printer.corp`), which is nobody else's business.
  return parsed.isIcann === true && parsed.domain === domain;
}

/** The last label. */
export function topLevelDomain(domain: string): string {
  return domain.slice(domain.lastIndexOf('.') + 1);
}
