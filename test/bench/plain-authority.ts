/**
 * An authority in a process of its own, for runs of many minutes: answers every question over UDP, remembers nothing but counts, and can
 * be told to fall silent. Its parent talks to it by messages (`authority-process.ts`). Most names have one address, some an alias, some
 * do not exist; names below `popular.example` always have an address.
 */
import { createSocket } from 'node:dgram';
import type { FromAuthority, ToAuthority } from './authority-process.ts';

const TTL_SECONDS = 300;
const HEADER_OCTETS = 12;
const POINTER_TO_QUESTION = [0xc0, HEADER_OCTETS] as const;
const NXDOMAIN = 3;
const POPULAR = Buffer.from('\x07popular\x07example\0', 'latin1');

const counts = { asked: 0, popular: 0 };
let silent = false;

function record(owner: readonly number[], type: number, rdata: readonly number[]): number[] {
  return [...owner, 0, type, 0, 1, 0, 0, TTL_SECONDS >> 8, TTL_SECONDS & 255, rdata.length >> 8, rdata.length & 255, ...rdata];
}

const ADDRESS = record(POINTER_TO_QUESTION, 1, [192, 0, 2, 1]);
/** `edge`, one label below the question, which is where the two addresses are. */
const EDGE = [4, 101, 100, 103, 101, ...POINTER_TO_QUESTION] as const;
const ALIAS = [...record(POINTER_TO_QUESTION, 5, EDGE), ...record(EDGE, 1, [192, 0, 2, 2]), ...record(EDGE, 1, [192, 0, 2, 3])];

/** Of `example.`, which ends every name asked here. */
function absent(rootOffset: number): number[] {
  const zone = rootOffset - 'example'.length - 1;
  const owner = [0xc0 | (zone >> 8), zone & 255];
  const numbers = [1, 3600, 600, 86_400, TTL_SECONDS].flatMap((value) => [
    value >>> 24,
    (value >> 16) & 255,
    (value >> 8) & 255,
    value & 255,
  ]);
  return record(owner, 6, [...owner, ...owner, ...numbers]);
}

function respond(query: Buffer): Buffer | null {
  let end = HEADER_OCTETS;
  for (let length = query[end]; length !== 0; length = query[end]) {
    if (length === undefined) return null;
    end += 1 + length;
  }
  const rootOffset = end;
  const question = query.subarray(HEADER_OCTETS, rootOffset + 5);
  // Letters come in random case (0x20).
  const isPopular = Buffer.from(question.toString('latin1').toLowerCase(), 'latin1').includes(POPULAR);
  counts.asked += 1;
  if (isPopular) counts.popular += 1;
  const shape = isPopular ? 0 : (query[HEADER_OCTETS + 1] ?? 0) % 10;
  const isAbsent = shape === 9;
  const records = isAbsent ? absent(rootOffset) : shape > 6 ? ALIAS : ADDRESS;
  const response = Buffer.concat([query.subarray(0, HEADER_OCTETS), question, Buffer.from(records)]);
  response[2] = 0x80 | ((query[2] ?? 0) & 1);
  response[3] = 0x80 | (isAbsent ? NXDOMAIN : 0);
  response.writeUInt16BE(isAbsent ? 0 : shape > 6 ? 3 : 1, 6);
  response.writeUInt16BE(isAbsent ? 1 : 0, 8);
  response.writeUInt16BE(0, 10);
  return response;
}

function tell(message: FromAuthority): void {
  process.send?.(message);
}

const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
socket.on('message', (query, peer) => {
  if (silent) return;
  const response = respond(query);
  if (response !== null) socket.send(response, peer.port, peer.address);
});
socket.bind(0, '127.0.0.1', () => tell({ kind: 'open', port: socket.address().port }));
process.on('message', (message: ToAuthority) => {
  if (message.kind === 'silence') silent = message.silent;
  else tell({ kind: 'counts', ...counts });
});
process.on('disconnect', () => process.exit());
