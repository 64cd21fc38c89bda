/**
 * One TCP connection that carries many queries at once (RFC 7766 §6.2.1.1): all are written before the first answer is read.
 * Answers may come in any order; each is given back under the ID of its query.
 */
import { connect } from 'node:net';

/** Resolves with the answers by ID once all have come; rejects when the connection ends or `timeoutMs` passes before that. */
export function askPipelined(
  to: { address: string; port: number },
  messages: readonly Buffer[],
  timeoutMs: number,
): Promise<ReadonlyMap<number, Buffer>> {
  return new Promise((resolve, reject) => {
    const answers = new Map<number, Buffer>();
    const connection = connect(to.port, to.address, () => connection.write(Buffer.concat(messages.map(framed))));
    const fail = (why: string) => {
      clearTimeout(timer);
      connection.destroy();
      reject(new Error(`${why} after ${answers.size} of ${messages.length} answers`));
    };
    const timer = setTimeout(fail, timeoutMs, 'no more answers in time');
    let buffered: Buffer = Buffer.alloc(0);
    connection.on('data', (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        const answer = Buffer.from(buffered.subarray(2, 2 + buffered.readUInt16BE(0)));
        buffered = buffered.subarray(2 + answer.length);
        answers.set(answer.readUInt16BE(0), answer);
      }
      if (answers.size < messages.length) return;
      clearTimeout(timer);
      connection.destroy();
      resolve(answers);
    });
    connection.on('error', (error) => fail(error.message));
    connection.on('end', () => fail('the connection was closed'));
  });
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}
