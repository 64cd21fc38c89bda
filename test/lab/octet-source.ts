/**
 * What gets stolen: `octet-source.ts ADDRESS PORT OCTETS [PER_SECOND]` sends random octets over one TCP
 * connection, all at once or, where a rate is given, ten times a second as many as that allows.
 * Prints `digest SHA256` of what it will send before it connects. Keeps the connection open, as dns2tcp loses what is under way
 * when its client closes; exits when the other side closes, or when it is killed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const [address, port, octets, perSecond] = process.argv.slice(2);
if (address === undefined || octets === undefined) throw new Error('usage: octet-source.ts ADDRESS PORT OCTETS [PER_SECOND]');
const payload = randomBytes(Number(octets));
console.log(`digest ${createHash('sha256').update(payload).digest('hex')}`);

const rate = Number(perSecond ?? 0);
const atOnce = rate === 0 ? payload.length : Math.ceil(rate / 10);
let offset = 0;
const connection = connect(Number(port), address, () => {
  sendNext();
  setInterval(sendNext, 100);
});

function sendNext(): void {
  if (offset < payload.length) connection.write(payload.subarray(offset, offset + atOnce));
  offset += atOnce;
}

connection.resume();
connection.on('close', (hadError) => process.exit(hadError ? 1 : 0));
connection.on('error', (error) => console.error(error.message));
