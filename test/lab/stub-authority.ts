/**
 * A small authoritative server for tests: UDP and TCP on one address and port, answers from a function, a verbatim record of
 * everything received, and ways to misbehave. It owns no zone logic and knows nothing of Kennel.
 *
 *     const stub = await startStubAuthority({ reply: () => ({ answers: [a('www.example', '192.0.2.1')] }) });
 *     stub.url('udp');                      // udp://127.0.0.1:PORT
 *     stub.received[0].packet;              // octets exactly as they came (TCP: without the length prefix)
 *     stub.reply = (question) => ...;       // change the behaviour at any time
 *     await stub.close();
 *
 * What a reply function may return:
 *   { rcode, answers, authorities, authoritative, authenticData, ednsPayloadSize }   a response, the question echoed octet by octet
 *   { ..., delayMs: 200 }          the same, later
 *   { ..., truncate: true }        header and question only, TC=1 (over TCP too: ask `question.transport` first)
 *   { ..., rewrite: (octets, question) => Uint8Array | Uint8Array[] }   lies: other octets, or several messages, instead
 *   { ..., otherPort: true }       sent from another UDP port than asked
 *   { drop: true }                 silence
 *   { hangUp: true }               TCP: the connection is reset without an answer; UDP: silence
 *   { ..., closeAfter: true }      TCP: the connection is closed in order after the answer, whatever else was asked on it
 */
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import type { Answer } from 'dns-packet';
import dnsPacket from 'dns-packet';

export interface StubQuestion {
  /** Presentation form, letter case as received; octets outside printable ASCII, dots and backslashes as `\DDD`. */
  readonly qname: string;
  /** RR type number. */
  readonly qtype: number;
  readonly transport: 'udp' | 'tcp';
  readonly sourceAddress: string;
  readonly sourcePort: number;
  /** The whole message as received. */
  readonly packet: Buffer;
  /** Position in `received`. */
  readonly index: number;
}

export interface StubReply {
  readonly rcode?: number;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly authoritative?: boolean;
  readonly authenticData?: boolean;
  /** Adds an OPT record (RFC 6891) with this UDP payload size. */
  readonly ednsPayloadSize?: number;
  readonly delayMs?: number;
  readonly truncate?: boolean;
  readonly rewrite?: (octets: Buffer, question: StubQuestion) => Uint8Array | readonly Uint8Array[];
  readonly otherPort?: boolean;
  readonly drop?: boolean;
  readonly hangUp?: boolean;
  readonly closeAfter?: boolean;
}

export type StubReplyFunction = (question: StubQuestion) => StubReply;

export interface StubOptions {
  /** A literal IPv4 or IPv6 address; 127.0.0.1 unless told. */
  readonly address?: string;
  /** The same for UDP and TCP; 0 (the default) picks a free one. */
  readonly port?: number;
  /** Which transports to open; both unless told. The other one's port stays closed. */
  readonly transports?: readonly ('udp' | 'tcp')[];
  readonly reply: StubReplyFunction;
}

export interface StubAuthority {
  readonly address: string;
  readonly port: number;
  /** Everything received, oldest first, malformed messages included (their qname is empty). */
  readonly received: StubQuestion[];
  /** TCP connections accepted so far. */
  readonly connections: number;
  reply: StubReplyFunction;
  url(transport: 'udp' | 'tcp'): string;
  close(): Promise<void>;
}

/** An A record for a reply. */
export function a(name: string, address: string, ttlSeconds = 300): Answer {
  return { type: 'A', name, data: address, ttl: ttlSeconds };
}

/** A SOA record for a negative reply; `minimumSeconds` is the field RFC 2308 §4 uses as the negative TTL. */
export function soa(zone: string, minimumSeconds: number, ttlSeconds = minimumSeconds): Answer {
  const data = {
    mname: `ns.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: 1,
    refresh: 7200,
    retry: 900,
    expire: 86400,
    minimum: minimumSeconds,
  };
  return { type: 'SOA', name: zone, data, ttl: ttlSeconds };
}

/** Opens the sockets; rejects when the address or port cannot be bound. */
export async function startStubAuthority(options: StubOptions): Promise<StubAuthority> {
  const address = options.address ?? '127.0.0.1';
  const transports = options.transports ?? ['udp', 'tcp'];
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(address, options.port ?? 0, transports, options.reply);
    } catch (cause) {
      // The port the kernel chose for UDP may be taken for TCP: choose again.
      if ((options.port ?? 0) !== 0 || attempt === 10) throw cause;
    }
  }
}

async function open(
  address: string,
  wantedPort: number,
  transports: readonly ('udp' | 'tcp')[],
  initialReply: StubReplyFunction,
): Promise<StubAuthority> {
  const family = net.isIPv6(address) ? 'udp6' : 'udp4';
  const received: StubQuestion[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const connections = new Set<net.Socket>();
  const stub = { reply: initialReply, connections: 0 };

  const later = (delayMs: number, act: () => void): void => {
    if (delayMs === 0) {
      act();
      return;
    }
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, delayMs);
    timers.add(timer);
  };

  const note = (packet: Buffer, transport: 'udp' | 'tcp', source: { address: string; port: number }): StubQuestion => {
    const asked = readQuestion(packet);
    const question: StubQuestion = {
      qname: asked?.qname ?? '',
      qtype: asked?.qtype ?? 0,
      transport,
      sourceAddress: source.address,
      sourcePort: source.port,
      packet: Buffer.from(packet),
      index: received.length,
    };
    received.push(question);
    return question;
  };

  const udp = dgram.createSocket(family);
  const otherUdp = dgram.createSocket(family);
  udp.on('message', (packet, source) => {
    const question = note(packet, 'udp', source);
    const reply = stub.reply(question);
    if (reply.drop || reply.hangUp) return;
    later(reply.delayMs ?? 0, () => {
      for (const message of messagesOf(reply, question)) (reply.otherPort ? otherUdp : udp).send(message, source.port, source.address);
    });
  });

  const tcp = net.createServer((connection) => {
    stub.connections++;
    connections.add(connection);
    let buffered: Buffer = Buffer.alloc(0);
    connection.on('close', () => connections.delete(connection));
    // The other side may reset at any time; the close event that follows is all a stub needs.
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        const end = 2 + buffered.readUInt16BE(0);
        const source = { address: connection.remoteAddress ?? '', port: connection.remotePort ?? 0 };
        const question = note(buffered.subarray(2, end), 'tcp', source);
        buffered = buffered.subarray(end);
        const reply = stub.reply(question);
        if (reply.hangUp) return void connection.resetAndDestroy();
        if (reply.drop) continue;
        later(reply.delayMs ?? 0, () => {
          for (const message of messagesOf(reply, question)) if (connection.writable) connection.write(frame(message));
          if (reply.closeAfter) connection.end();
        });
      }
    });
  });

  let closing: Promise<unknown> | null = null;
  const close = async (): Promise<void> => {
    for (const timer of timers) clearTimeout(timer);
    for (const connection of connections) connection.destroy();
    closing ??= Promise.all([closeUdp(udp), closeUdp(otherUdp), closeTcp(tcp)]);
    await closing;
  };

  let port = wantedPort;
  try {
    if (transports.includes('udp')) {
      await bindUdp(udp, address, port);
      port = udp.address().port;
      await bindUdp(otherUdp, address, 0);
    }
    if (transports.includes('tcp')) {
      await listenTcp(tcp, address, port);
      port = (tcp.address() as AddressInfo).port;
    }
  } catch (cause) {
    await close();
    throw cause;
  }

  return Object.assign(stub, {
    address,
    port,
    received,
    url: (transport: 'udp' | 'tcp') => `${transport}://${net.isIPv6(address) ? `[${address}]` : address}:${port}`,
    close,
  });
}

function messagesOf(reply: StubReply, question: StubQuestion): readonly Uint8Array[] {
  const honest = honestResponse(reply, question);
  if (reply.rewrite === undefined) return [honest];
  const lies = reply.rewrite(honest, question);
  return lies instanceof Uint8Array ? [lies] : lies;
}

/** Header and question by hand, so that the question is echoed octet by octet; the records by dns-packet. */
function honestResponse(reply: StubReply, question: StubQuestion): Buffer {
  const end = readQuestion(question.packet)?.end ?? 12;
  const records = dnsPacket.encode({
    type: 'response',
    answers: reply.truncate ? [] : [...(reply.answers ?? [])],
    authorities: reply.truncate ? [] : [...(reply.authorities ?? [])],
  });
  const opt = reply.ednsPayloadSize === undefined ? Buffer.alloc(0) : optRecord(reply.ednsPayloadSize);
  const response = Buffer.concat([records.subarray(0, 12), question.packet.subarray(12, end), records.subarray(12), opt]);
  question.packet.copy(response, 0, 0, 2);
  const recursionDesired = (question.packet[2] ?? 0) & 0x01;
  response[2] = 0x80 | (reply.authoritative ? 0x04 : 0) | (reply.truncate ? 0x02 : 0) | recursionDesired;
  response[3] = 0x80 | (reply.authenticData ? 0x20 : 0) | ((reply.rcode ?? 0) & 0x0f);
  response.writeUInt16BE(end > 12 ? 1 : 0, 4);
  response.writeUInt16BE(opt.length > 0 ? 1 : 0, 10);
  return response;
}

/** An OPT record without options (RFC 6891 §6.1.2). */
function optRecord(udpPayloadSize: number): Buffer {
  const opt = Buffer.from([0, 0, 41, 0, 0, 0, 0, 0, 0, 0, 0]);
  opt.writeUInt16BE(udpPayloadSize, 3);
  return opt;
}

/** The first question, read leniently: a stub must record what strict code would reject. */
function readQuestion(packet: Buffer): { qname: string; qtype: number; end: number } | null {
  const labels: string[] = [];
  let offset = 12;
  for (;;) {
    const length = packet[offset];
    if (length === undefined || length > 63) return null;
    offset++;
    if (length === 0) break;
    labels.push(escapeLabel(packet.subarray(offset, offset + length)));
    offset += length;
  }
  if (offset + 4 > packet.length) return null;
  return { qname: labels.join('.'), qtype: packet.readUInt16BE(offset), end: offset + 4 };
}

function escapeLabel(label: Uint8Array): string {
  let text = '';
  for (const octet of label) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x2e && octet !== 0x5c;
    text += plain ? String.fromCharCode(octet) : `\\${String(octet).padStart(3, '0')}`;
  }
  return text;
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  framed.set(message, 2);
  return framed;
}

function bindUdp(socket: dgram.Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

function closeUdp(socket: dgram.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}

function listenTcp(server: net.Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeTcp(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** Octets no honest server sends: for `rewrite`. */
export function garbage(octets: number): Buffer {
  return randomBytes(octets);
}
