/**
 * The name under which the PTR of an address stands (RFC 1035 §3.5, RFC 3596 §2.5). Recognising such names is `registrable-domain.ts`.
 */
import { type QName, requireName } from '../wire/name.ts';
import { addressOctets } from './address-set.ts';

/** Throws on a text that is no address: the caller has checked it. */
export function reverseName(address: string): QName {
  const octets = addressOctets(address);
  if (octets === null) throw new RangeError(`not an IP address: ${JSON.stringify(address)}`);
  if (octets.length === 4) return requireName(`${[...octets].reverse().join('.')}.in-addr.arpa`);
  const nibbles = [...octets].flatMap((octet) => [octet >>> 4, octet & 15]).map((nibble) => nibble.toString(16));
  return requireName(`${nibbles.reverse().join('.')}.ip6.arpa`);
}
