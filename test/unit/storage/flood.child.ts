/** A process that commits quarantines and leases without end and prints each once it may be relied on: `flood.child.ts FOLDER`. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { openEvidence } from '../../../src/storage/evidence.ts';
import { openMeters } from '../../../src/storage/meters.ts';
import { sampleChange, sampleQuarantine } from './sample-records.ts';

const folder = process.argv[2] ?? '';
const evidence = await openEvidence(join(folder, 'evidence.sqlite'));
const meters = openMeters(join(folder, 'meters.sqlite'));
if (evidence.kind === 'error' || meters.kind === 'error') throw new Error('cannot start');

for (let round = 0; ; round++) {
  const ids = Array.from({ length: 20 }, (_, n) => `q-${round}-${n}`);
  const leasedBits = 64 * (round + 1);
  meters.meters.saveMeters([{ session: '10.0.0.5', parent: 'attacker.example', epoch: 0, leasedBits, atMs: round }]);
  writeSync(1, `leased ${leasedBits}\n`);
  const { commit } = evidence.evidence;
  await Promise.all(ids.map((id) => commit(sampleQuarantine(id), sampleChange(id)).then(() => writeSync(1, `committed ${id}\n`))));
}
