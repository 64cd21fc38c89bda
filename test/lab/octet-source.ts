/**
 * What gets stolen: `octet-source.ts ADDRESS PORT OCTETS` sends random octets over one TCP connection.
 * Prints `digest SHA256` of what it will send before it connects. Keeps the connection open, as dns2tcp loses what is under way
 * when its client closes; exits when the other side closes, or when it is killed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const [address, port, octets] = process.argv.slice(2);
if (address === undefined || octets === undefined) throw new Error('usage: octet-source.ts ADDRESS PORT OCTETS');
const payload = randomBytes(Number(octets));
console.log(`digest ${createHash('sha256').update(payload).digest('hex')}`);

const connection = connect(Number(port), address, () => connection.write(payload));
connection.resume();
connection.on('close', (hadError) => process.exit(hadError ? 1 : 0));
connection.on('error', (error) => console.error(error.message));
