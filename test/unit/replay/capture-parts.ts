/** Captures made by hand: DNS messages in datagrams and segments, in frames of any link type, in pcap and pcapng files. */
import dnsPacket from 'dns-packet';

export interface Packet {
  /** Milliseconds. */
  readonly atMs: number;
  readonly frame: Buffer;
}

export interface Route {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
}

/** A client's way to a server; `back` turns it round. */
export const TO_SERVER: Route = { from: '10.0.0.5', to: '192.0.2.53', fromPort: 40_000, toPort: 53 };

export function back({ from, to, fromPort, toPort }: Route): Route {
  return { from: to, to: from, fromPort: toPort, toPort: fromPort };
}

export function query(id: number, name: string, type: dnsPacket.RecordType = 'A'): Buffer {
  return dnsPacket.encode({ type: 'query', id, flags: dnsPacket.RECURSION_DESIRED, questions: [{ type, name }] });
}

/** The answer of a server: one address, or a negative one with a SOA. */
export function response(id: number, name: string, answer: { ttl: number } | { rcode: number; minimum: number }): Buffer {
  const questions: dnsPacket.Question[] = [{ type: 'A', name }];
  if ('ttl' in answer) {
    return dnsPacket.encode({ type: 'response', id, questions, answers: [{ type: 'A', name, ttl: answer.ttl, data: '192.0.2.80' }] });
  }
  const soa = { mname: 'ns.example', rname: 'x.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: answer.minimum };
  const authorities: dnsPacket.Answer[] = [{ type: 'SOA', name: 'example', ttl: 3600, data: soa }];
  return dnsPacket.encode({ type: 'response', id, flags: answer.rcode, questions, authorities });
}

export function udp(route: Route, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(route.fromPort, 0);
  header.writeUInt16BE(route.toPort, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return ip(route, 17, Buffer.concat([header, payload]));
}

export function tcp(route: Route, sequence: number, payload: Uint8Array, flags = 0x18): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(route.fromPort, 0);
  header.writeUInt16BE(route.toPort, 2);
  header.writeUInt32BE(sequence >>> 0, 4);
  header[12] = 0x50;
  header[13] = flags;
  return ip(route, 6, Buffer.concat([header, payload]));
}

/** With the length before it that TCP needs (RFC 7766 §8). */
export function framed(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([message.length >>> 8, message.length & 0xff]), message]);
}

function ip(route: Route, protocol: number, payload: Uint8Array): Buffer {
  if (route.from.includes(':')) {
    const header = Buffer.alloc(40);
    header[0] = 0x60;
    header.writeUInt16BE(payload.length, 4);
    header[6] = protocol;
    v6(route.from).copy(header, 8);
    v6(route.to).copy(header, 24);
    return Buffer.concat([header, payload]);
  }
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header[9] = protocol;
  Buffer.from(route.from.split('.').map(Number)).copy(header, 12);
  Buffer.from(route.to.split('.').map(Number)).copy(header, 16);
  return Buffer.concat([header, payload]);
}

function v6(address: string): Buffer {
  const [left = '', right = ''] = address.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const before = groups(left);
  const after = groups(right);
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >>> 8, group & 0xff]));
}

function isV6(packet: Buffer): boolean {
  return (packet[0] ?? 0) >>> 4 === 6;
}

/** Link layers by LINKTYPE_ value. */
export const FRAMES: Readonly<Record<string, { linkType: number; wrap(packet: Buffer): Buffer }>> = {
  ethernet: { linkType: 1, wrap: (packet) => Buffer.concat([Buffer.alloc(12), etherType(packet), packet]) },
  'ethernet with two VLAN tags': {
    linkType: 1,
    wrap: (packet) => Buffer.concat([Buffer.alloc(12), Buffer.from([0x88, 0xa8, 0, 7, 0x81, 0, 0, 9]), etherType(packet), packet]),
  },
  'Linux cooked': { linkType: 113, wrap: (packet) => Buffer.concat([Buffer.alloc(14), etherType(packet), packet]) },
  'Linux cooked v2': { linkType: 276, wrap: (packet) => Buffer.concat([etherType(packet), Buffer.alloc(18), packet]) },
  'raw IP': { linkType: 101, wrap: (packet) => packet },
  'BSD loopback': { linkType: 0, wrap: (packet) => Buffer.concat([Buffer.from(isV6(packet) ? [30, 0, 0, 0] : [2, 0, 0, 0]), packet]) },
  'OpenBSD loopback': { linkType: 108, wrap: (packet) => Buffer.concat([Buffer.from([0, 0, 0, isV6(packet) ? 24 : 2]), packet]) },
};

function etherType(packet: Buffer): Buffer {
  return Buffer.from(isV6(packet) ? [0x86, 0xdd] : [0x08, 0x00]);
}

export interface PcapForm {
  readonly little: boolean;
  readonly nanoseconds: boolean;
}

export function pcap(
  packets: readonly Packet[],
  linkType = 101,
  { little, nanoseconds }: PcapForm = { little: true, nanoseconds: false },
): Buffer {
  const u32 = writer(little);
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const version = little ? Buffer.from([2, 0, 4, 0]) : Buffer.from([0, 2, 0, 4]);
  const header = Buffer.concat([u32(magic), version, u32(0), u32(0), u32(262_144), u32(linkType)]);
  const records = packets.map(({ atMs, frame }) => {
    const fraction = Math.round((atMs % 1000) * (nanoseconds ? 1e6 : 1e3));
    return Buffer.concat([u32(Math.floor(atMs / 1000)), u32(fraction), u32(frame.length), u32(frame.length), frame]);
  });
  return Buffer.concat([header, ...records]);
}

export interface PcapngForm {
  readonly little: boolean;
  /** `if_tsresol`; null: not told, which means microseconds. */
  readonly resolution: number | null;
}

export function pcapng(packets: readonly Packet[], linkType = 101, form: PcapngForm = { little: true, resolution: null }): Buffer {
  const { little, resolution } = form;
  const u32 = writer(little);
  const block = (type: number, body: Buffer): Buffer => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
    const length = u32(padded.length + 12);
    return Buffer.concat([u32(type), length, padded, length]);
  };
  const section = block(
    0x0a0d0d0a,
    Buffer.concat([u32(0x1a2b3c4d), little ? Buffer.from([1, 0, 0, 0]) : Buffer.from([0, 1, 0, 0]), Buffer.alloc(8, 0xff)]),
  );
  const tsresol =
    resolution === null
      ? Buffer.alloc(0)
      : Buffer.concat([
          little ? Buffer.from([9, 0, 1, 0]) : Buffer.from([0, 9, 0, 1]),
          Buffer.from([resolution, 0, 0, 0]),
          Buffer.alloc(4),
        ]);
  const type = Buffer.alloc(4);
  if (little) type.writeUInt16LE(linkType);
  else type.writeUInt16BE(linkType);
  const description = block(1, Buffer.concat([type, u32(0), tsresol]));
  // Statistics: a block nobody needs.
  const statistics = block(5, Buffer.alloc(12));
  const perSecond = resolution === null ? 1e6 : (resolution & 0x80) !== 0 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
  const blocks = packets.map(({ atMs, frame }) => {
    const units = BigInt(Math.floor(atMs / 1000)) * BigInt(perSecond) + BigInt(Math.round(((atMs % 1000) / 1000) * perSecond));
    const head = [u32(0), u32(Number(units >> 32n)), u32(Number(units & 0xffffffffn)), u32(frame.length), u32(frame.length)];
    return block(6, Buffer.concat([...head, frame]));
  });
  return Buffer.concat([section, description, statistics, ...blocks]);
}

function writer(little: boolean): (value: number) => Buffer {
  return (value) => {
    const octets = Buffer.alloc(4);
    if (little) octets.writeUInt32LE(value >>> 0);
    else octets.writeUInt32BE(value >>> 0);
    return octets;
  };
}
