/** A process that opens a state folder, says so and holds it: `open-folder.child.ts PATH`, as the user AS_UID if that is set. */
import { randomBytes } from 'node:crypto';
import { openStateFolder } from '../../../src/storage/state-folder.ts';

if (process.env['AS_UID'] !== undefined) process.setuid?.(Number(process.env['AS_UID']));
const opened = openStateFolder(process.argv[2] ?? '', randomBytes);
console.log(opened.kind === 'ok' ? 'open' : opened.message);
// Holds the lock until it is killed.
if (opened.kind === 'ok') setInterval(() => opened.folder.path, 60_000);
