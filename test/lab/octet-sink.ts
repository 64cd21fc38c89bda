/**
 * The thief's end of a tunnel: `octet-sink.ts PORT` takes TCP connections and counts what arrives.
 * Prints, whenever more has come, `received OCTETS` (over all connections) and `digest SHA256` (of all of that connection).
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

let received = 0;

const server = createServer((connection) => {
  const hash = createHash('sha256');
  connection.on('data', (chunk) => {
    received += chunk.length;
    hash.update(chunk);
    console.log(`received ${received}\ndigest ${hash.copy().digest('hex')}`);
  });
  connection.on('error', (error) => console.log(`connection lost: ${error.message}`));
});
server.listen(Number(process.argv[2]), '0.0.0.0', () => console.log('sink ready'));
