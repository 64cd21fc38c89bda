/**
 * One program behind one address that asks the demo's Kennel, the way a stub resolver does: UDP, with EDNS so that it is told why.
 */
import dgram from 'node:dgram';
import dnsPacket from 'dns-packet';
import { EDNS_OPTION } from '../wire/codes.ts';

export interface DemoAnswer {
  readonly rcode: string;
  /** EXTRA-TEXT of the first Extended DNS Error, or null. */
  readonly explanation: string | null;
}

/** Longer than Kennel may take for anything here; a silent resolver must not hang the demo. */
const PATIENCE_MS = 5_000;

/** Asks `server` for one name from `sourceAddress`. Rejects when nothing answers in time. */
export async function ask(
  sourceAddress: string,
  server: { readonly address: string; readonly port: number },
  name: string,
): Promise<DemoAnswer> {
  const socket = dgram.createSocket('udp4');
  const id = Math.floor(Math.random() * 65_536);
  const query = dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
    ],
  });
  try {
    const packet = await new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer for ${name}`)), PATIENCE_MS);
      socket.once('error', reject);
      socket.once('message', (message) => {
        clearTimeout(timer);
        resolve(message);
      });
      socket.bind(0, sourceAddress, () => socket.send(query, server.port, server.address));
    });
    return read(packet);
  } finally {
    socket.close();
  }
}

function read(packet: Buffer): DemoAnswer {
  const response = dnsPacket.decode(packet);
  const rcode = (response as { readonly rcode?: string }).rcode ?? 'NOERROR';
  const opt = response.additionals?.find((record) => record.type === 'OPT');
  const options: readonly { readonly code: number; readonly data?: unknown }[] = opt?.type === 'OPT' ? opt.options : [];
  const octets = options.find((option) => option.code === EDNS_OPTION.EDE)?.data;
  // INFO-CODE in two octets, then text (RFC 8914 §2).
  return { rcode, explanation: octets instanceof Uint8Array ? Buffer.from(octets).subarray(2).toString('utf8') : null };
}
