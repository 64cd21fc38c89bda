/**
 * Reads the text of a resolv.conf (resolv.conf(5)): whom the system asks and which suffixes its stub resolver tries.
 * Unknown lines and options are skipped as the C library skips them; finding and opening the file is the caller's work.
 */
import { addressToOctets } from '../wire/address.ts';
import { fromPresentation, labelCount, toPresentation } from '../wire/name.ts';

export interface ResolvConf {
  /** Addresses in the order written, link-local IPv6 with its zone. */
  readonly nameservers: readonly string[];
  /** Suffixes in canonical presentation form; the last `search` or `domain` line counts. */
  readonly search: readonly string[];
}

export function parseResolvConf(text: string): ResolvConf {
  const nameservers = new Set<string>();
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined && isAddress(values[0])) nameservers.add(values[0]);
    if (keyword === 'search' || keyword === 'domain') search = values.flatMap(suffix);
  }
  return { nameservers: [...nameservers], search: [...new Set(search)] };
}

function isAddress(text: string): boolean {
  const [address = '', zone] = text.split('%');
  return addressToOctets(address) !== null && zone !== '';
}

/** Empty for what is no name and for the root (`search .` means no search list). */
function suffix(text: string): string[] {
  const name = fromPresentation(text);
  return name === null || labelCount(name) === 0 ? [] : [toPresentation(name)];
}
