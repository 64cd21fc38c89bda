/**
 * A client that keeps one TCP connection (RFC 7766) and matches answers to queries by ID. It never retries and never connects again;
 * an answer that nobody waits for is counted.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

export interface TcpAsker {
  /** Sends a message; resolves with the answer that carries its ID, or null after `timeoutMs` or when the connection ends. */
  ask(message: Buffer, timeoutMs?: number): Promise<Buffer | null>;
  /** Messages received, asked for or not. */
  readonly received: number;
  /** The server has closed the connection. */
  readonly ended: boolean;
  close(): void;
}

export async function openTcpAsker(to: { address: string; port: number }): Promise<TcpAsker> {
  const connection = connect(to.port, to.address);
  await once(connection, 'connect');
  const waiting = new Map<number, (answer: Buffer | null) => void>();
  let received = 0;
  let ended = false;
  let buffered: Buffer = Buffer.alloc(0);
  connection.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
      const answer = Buffer.from(buffered.subarray(2, 2 + buffered.readUInt16BE(0)));
      buffered = buffered.subarray(2 + answer.length);
      received += 1;
      waiting.get(answer.readUInt16BE(0))?.(answer);
    }
  });
  const end = (): void => {
    ended = true;
    for (const finish of [...waiting.values()]) finish(null);
  };
  connection.on('error', end);
  connection.on('end', end);
  return {
    ask(message, timeoutMs = 5_000) {
      const id = message.readUInt16BE(0);
      if (waiting.has(id)) throw new Error(`a query with ID ${id} is in flight already`);
      if (ended) return Promise.resolve(null);
      return new Promise((resolve) => {
        const finish = (answer: Buffer | null): void => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(answer);
        };
        const timer = setTimeout(finish, timeoutMs, null);
        waiting.set(id, finish);
        const framed = Buffer.alloc(2 + message.length);
        framed.writeUInt16BE(message.length, 0);
        message.copy(framed, 2);
        connection.write(framed);
      });
    },
    get received() {
      return received;
    },
    get ended() {
      return ended;
    },
    close: () => connection.destroy(),
  };
}
