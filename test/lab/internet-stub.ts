/**
 * The world behind the resolver under test: `internet-stub.ts ADDRESS [owned=FILE] [ZONE=ADDRESS:PORT]…`, UDP port 53.
 * Answers names below `example.` and below the zones that FILE lists, one a line, itself (A, AAAA, TXT; NODATA for other types; NXDOMAIN below `missing.example` and outside
 * these) and relays packets for the given zones to their tunnel server unread, so that tunnels are reached through the
 * default upstream as in the wild. Prints one line `relay TYPE NAME` for every query that reached a tunnel zone, and
 * `owned TYPE NAME SHAPE` for a zone of the file: letter case as received, SHAPE all octets that are not ID or question, in hex.
 * Answers from those zones have a TTL of 0, as a thief wants them.
 * It reads and writes octets on its own, so that a mistake in the resolver's wire code cannot hide itself here.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';

const QR_AA_RD_RA = 0x8580;
const TYPE_A = 1;
const TYPE_TXT = 16;
const TYPE_AAAA = 28;
const RCODE_NXDOMAIN = 3;
const TTL_SECONDS = 300;

interface Question {
  /** Lower-cased labels joined with dots, one char per octet. */
  readonly name: string;
  /** The same with the letter case received. */
  readonly asReceived: string;
  readonly type: number;
  /** Offset of the first octet after the question. */
  readonly end: number;
}

function readQuestion(packet: Buffer): Question | null {
  const labels: string[] = [];
  let offset = 12;
  for (;;) {
    const length = packet[offset];
    if (length === undefined || length > 63) return null;
    offset += 1;
    if (length === 0) break;
    labels.push(packet.toString('latin1', offset, offset + length));
    offset += length;
  }
  if (offset + 4 > packet.length) return null;
  const asReceived = labels.join('.');
  return { name: asReceived.toLowerCase(), asReceived, type: packet.readUInt16BE(offset), end: offset + 4 };
}

function isBelow(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

const ANSWER_RDATA = new Map([
  [TYPE_A, Buffer.from([203, 0, 113, 10])],
  [TYPE_AAAA, Buffer.from('20010db8000000000000000000000010', 'hex')],
  [TYPE_TXT, Buffer.from('\x03lab', 'latin1')],
]);

/** SOA at the root, all names the root, minimum 300 s: enough for RFC 2308. */
const SOA_RECORD = Buffer.concat([
  Buffer.from([0, 0, 6, 0, 1, 0, 0, 1, 44, 0, 22, 0, 0]),
  Buffer.from('00000001000003840000012c000007080000012c', 'hex'),
]);
const OPT_RECORD = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);

function answer(packet: Buffer, question: Question): Buffer {
  const isOwned = isBelowOwned(question.name);
  const exists = isOwned || (isBelow(question.name, 'example') && !isBelow(question.name, 'missing.example'));
  const rdata = exists ? ANSWER_RDATA.get(question.type) : undefined;
  const hasOpt = packet.readUInt16BE(10) > 0;
  const header = Buffer.alloc(12);
  packet.copy(header, 0, 0, 2);
  header.writeUInt16BE(QR_AA_RD_RA | (exists ? 0 : RCODE_NXDOMAIN), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(rdata ? 1 : 0, 6);
  header.writeUInt16BE(rdata ? 0 : 1, 8);
  header.writeUInt16BE(hasOpt ? 1 : 0, 10);
  const record = rdata ? addressOrText(question.type, rdata, isOwned ? 0 : TTL_SECONDS) : SOA_RECORD;
  return Buffer.concat([header, packet.subarray(12, question.end), record, hasOpt ? OPT_RECORD : Buffer.alloc(0)]);
}

/** Whether a zone of the file owns the name. */
function isBelowOwned(name: string): boolean {
  for (let at = 0; at >= 0; at = name.indexOf('.', at) + 1 || -1) if (owned.has(name.slice(at))) return true;
  return false;
}

function addressOrText(type: number, rdata: Buffer, ttlSeconds: number): Buffer {
  const fixed = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, ttlSeconds >> 8, ttlSeconds & 255, 0, rdata.length]);
  return Buffer.concat([fixed, rdata]);
}

/** Passes packets on under IDs of its own and brings the answers back to whoever asked. */
class Relay {
  readonly zone: string;
  readonly #server: { readonly address: string; readonly port: number };
  readonly #socket = createSocket('udp4');
  readonly #asked = new Map<number, { readonly client: RemoteInfo; readonly id: number }>();
  #nextId = 0;

  constructor(zone: string, server: { address: string; port: number }, listener: Socket) {
    this.zone = zone;
    this.#server = server;
    this.#socket.on('message', (packet) => {
      const asked = packet.length < 12 ? undefined : this.#asked.get(packet.readUInt16BE(0));
      if (!asked) return;
      this.#asked.delete(packet.readUInt16BE(0));
      packet.writeUInt16BE(asked.id, 0);
      listener.send(packet, asked.client.port, asked.client.address);
    });
  }

  pass(packet: Buffer, client: RemoteInfo): void {
    this.#nextId = (this.#nextId + 1) & 0xffff;
    this.#asked.set(this.#nextId, { client, id: packet.readUInt16BE(0) });
    packet.writeUInt16BE(this.#nextId, 0);
    this.#socket.send(packet, this.#server.port, this.#server.address);
  }
}

const [listenAddress, ...more] = process.argv.slice(2);
if (listenAddress === undefined) throw new Error('usage: internet-stub.ts ADDRESS [owned=FILE] [ZONE=ADDRESS:PORT]…');
const listener = createSocket('udp4');
const ownedFile = more.find((argument) => argument.startsWith('owned='))?.slice('owned='.length);
const owned = new Set(ownedFile === undefined ? [] : readFileSync(ownedFile, 'utf8').trim().split('\n'));
const relayArguments = more.filter((argument) => !argument.startsWith('owned='));
const relays = relayArguments.map((argument) => {
  const match = /^([a-z0-9.-]+)=([0-9.]+):(\d+)$/.exec(argument);
  if (!match?.[1] || !match[2]) throw new Error(`not ZONE=ADDRESS:PORT: ${argument}`);
  return new Relay(match[1], { address: match[2], port: Number(match[3]) }, listener);
});

listener.on('message', (packet, client) => {
  const question = packet.length < 12 ? null : readQuestion(packet);
  if (!question) return;
  if (isBelowOwned(question.name)) {
    const shape = packet.toString('hex', 2, 12) + packet.toString('hex', question.end);
    console.log(`owned ${question.type} ${encodeURIComponent(question.asReceived)} ${shape}`);
  }
  const relay = relays.find(({ zone }) => isBelow(question.name, zone));
  if (!relay) {
    listener.send(answer(packet, question), client.port, client.address);
    return;
  }
  console.log(`relay ${question.type} ${encodeURIComponent(question.name)}`);
  relay.pass(packet, client);
});
listener.bind(53, listenAddress, () => console.log(`answering on ${listenAddress}`));
