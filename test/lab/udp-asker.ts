/**
 * A client that asks over UDP from an address of its choice (127.0.0.0/8 gives as many clients as a test wants) and keeps a
 * bounded number of queries in flight. It sends what it is given and matches answers by ID; it never retries.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface UdpAsker {
  /** Sends a message; resolves with the answer that carries its ID, or null after `timeoutMs`. IDs in flight must differ. */
  ask(message: Buffer, timeoutMs?: number): Promise<Buffer | null>;
  /** Sends and forgets; answers to it are counted only. */
  tell(message: Buffer): void;
  /** Packets received, asked for or not. */
  readonly received: number;
  close(): Promise<void>;
}

/** Opens a socket on `from` that talks to one address and port. */
export async function openUdpAsker(to: { address: string; port: number }, from = '127.0.0.1'): Promise<UdpAsker> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
  const waiting = new Map<number, (answer: Buffer) => void>();
  let received = 0;
  // A server that is being killed answers with ICMP port unreachable; the unanswered query is what the test sees.
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNREFUSED') throw error;
  });
  socket.on('message', (packet) => {
    received += 1;
    if (packet.length >= 2) waiting.get(packet.readUInt16BE(0))?.(packet);
  });
  socket.bind(0, from);
  await once(socket, 'listening');
  return {
    ask(message, timeoutMs = 5_000) {
      const id = message.readUInt16BE(0);
      if (waiting.has(id)) throw new Error(`a query with ID ${id} is in flight already`);
      return new Promise((resolve) => {
        const finish = (answer: Buffer | null) => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(answer);
        };
        const timer = setTimeout(finish, timeoutMs, null);
        waiting.set(id, finish);
        socket.send(message, to.port, to.address);
      });
    },
    tell: (message) => socket.send(message, to.port, to.address),
    get received() {
      return received;
    },
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Works through the items with at most `width` at a time, in order of start. */
export async function inParallel<Item>(items: readonly Item[], width: number, work: (item: Item, index: number) => Promise<void>) {
  let next = 0;
  const worker = async () => {
    for (;;) {
      const index = next;
      next += 1;
      const item = items[index];
      if (item === undefined) return;
      await work(item, index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
