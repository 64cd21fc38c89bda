/**
 * How Kennel's own requests reach registries and publishers of lists: names are resolved by the resolver Kennel was given for itself,
 * never by the operating system (which may ask Kennel), and only public addresses are connected to. Bodies are read up to a cap.
 * Opens no socket: it is the `lookup` of those who do.
 */
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { leadsInside } from '../policy/aliases.ts';

/** Resolves a server's host name through the configured upstreams; null when it has no address. */
export type ResolveAddress = (host: string) => Promise<string | null>;

/** More than was agreed to. */
export class TooLargeError extends Error {
  readonly code = 'too-large';
}

/** A host's name leads nowhere. */
export class NoAddressError extends Error {
  readonly code = 'no-address';
}

/** A host's name led to where only the operator may send us. */
export class InwardAddressError extends Error {
  readonly code = 'inward-address';
}

/** A `lookup` for sockets. `allowPrivate` is for servers that the operator named. */
export function lookupThrough(resolveAddress: ResolveAddress, allowPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    const answer = async (): Promise<string> => {
      const address = await resolveAddress(hostname);
      if (address === null || !ipaddr.isValid(address)) throw new NoAddressError(`no address for ${hostname}`);
      // A name in public data must not lead to a server inside (rebinding).
      if (!allowPrivate && !isPublic(address)) throw new InwardAddressError(`${hostname} has the private address ${address}`);
      return address;
    };
    answer().then(
      (address) => {
        const family = address.includes(':') ? 6 : 4;
        if (options.all === true) callback(null, [{ address, family }]);
        else callback(null, address, family);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), ''),
    );
  };
}

/** True for an address of the public internet; v4-mapped addresses count as what they map, and so do other ways to embed one. */
export function isPublic(address: string): boolean {
  return ipaddr.process(address).range() === 'unicast' && !leadsInside(address);
}

/** The whole of a stream as text; throws `TooLargeError` and destroys it past `maxOctets`. Invalid UTF-8 becomes U+FFFD. */
export async function readAtMost(stream: AsyncIterable<unknown> & { destroy(): unknown }, maxOctets: number): Promise<string> {
  return (await readOctetsAtMost(stream, maxOctets)).toString('utf8');
}

/** The whole of a stream; throws `TooLargeError` and destroys it past `maxOctets`. */
export async function readOctetsAtMost(stream: AsyncIterable<unknown> & { destroy(): unknown }, maxOctets: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    octets += buffer.length;
    if (octets > maxOctets) {
      stream.destroy();
      throw new TooLargeError(`more than ${maxOctets} octets`);
    }
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}
