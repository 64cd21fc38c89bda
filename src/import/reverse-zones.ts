/**
 * The reverse zones of a network (RFC 1035 §3.5, RFC 3596 §2.5): one where its prefix ends between labels, else all that it spans.
 */
import { addressOctets } from '../policy/address-set.ts';

/** `prefix` as `canonicalPrefix` writes it; zones in presentation form, 16 at most for IPv6 and 128 for IPv4. None for what is no prefix. */
export function reverseZones(prefix: string): string[] {
  const [address = '', length = ''] = prefix.split('/');
  const octets = addressOctets(address);
  if (octets === null || length === '') return [];
  const ip4 = octets.length === 4;
  const labels = ip4 ? [...octets] : [...octets].flatMap((octet) => [octet >>> 4, octet & 15]);
  const bitsPerLabel = ip4 ? 8 : 4;
  const whole = Math.floor(Number(length) / bitsPerLabel);
  const rest = Number(length) % bitsPerLabel;
  const fixed = labels.slice(0, whole);
  // The whole of IPv4 or IPv6 is no network of anybody.
  if (whole === 0 && rest === 0) return [];
  const first = labels[whole] ?? 0;
  const heads = rest === 0 ? [fixed] : Array.from({ length: 2 ** (bitsPerLabel - rest) }, (_, index) => [...fixed, first + index]);
  return heads.map((head) =>
    [...head.map((label) => label.toString(ip4 ? 10 : 16)).reverse(), ip4 ? 'in-addr.arpa' : 'ip6.arpa'].join('.'),
  );
}
