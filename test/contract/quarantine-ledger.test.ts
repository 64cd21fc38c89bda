/** What every quarantine ledger promises (ports.ts, `QuarantineLedger`). */
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { QuarantineLedger } from '../../src/pipeline/ports.ts';
import { openEvidence } from '../../src/storage/evidence.ts';
import { MemoryLedger } from '../unit/quarantine/memory-ledger.ts';
import { sampleChange, sampleQuarantine } from '../unit/storage/sample-records.ts';
import { temporaryFolder } from '../unit/storage/temporary-folder.ts';

async function evidenceLedger(): Promise<QuarantineLedger> {
  const opened = await openEvidence(join(temporaryFolder(), 'evidence.sqlite'));
  if (opened.kind === 'error') throw new Error(opened.message);
  onTestFinished(opened.evidence.close);
  return opened.evidence;
}

const LEDGERS: readonly (readonly [string, () => Promise<QuarantineLedger>])[] = [
  ['SQLite', evidenceLedger],
  ['memory', () => Promise.resolve(new MemoryLedger())],
];

describe.each(LEDGERS)('a quarantine ledger (%s)', (_, open) => {
  test('is empty at first', async () => {
    const ledger = await open();
    expect(ledger.load()).toEqual([]);
    expect(ledger.history('q-1')).toEqual([]);
  });

  test('gives back what was committed, field by field', async () => {
    const ledger = await open();
    await ledger.commit(sampleQuarantine('q-1'), sampleChange('q-1'));
    expect(ledger.load()).toEqual([sampleQuarantine('q-1')]);
    expect(ledger.history('q-1')).toEqual([sampleChange('q-1')]);
  });

  test('keeps the latest state of a record and every change to it, in order', async () => {
    const ledger = await open();
    await ledger.commit(sampleQuarantine('q-1'), sampleChange('q-1'));
    await ledger.commit(sampleQuarantine('q-2'), sampleChange('q-2'));
    const released = sampleQuarantine('q-1', { state: 'released', expiresAtMs: null });
    const change = sampleChange('q-1', {
      atMs: 1_770_000_060_000,
      from: 'quarantined',
      to: 'released',
      actor: 'ann',
      reason: 'a test of ours',
    });
    await ledger.commit(released, change);
    expect(ledger.load()).toEqual([released, sampleQuarantine('q-2')]);
    expect(ledger.history('q-1')).toEqual([sampleChange('q-1'), change]);
  });

  test('forgets records with their history, and nothing else', async () => {
    const ledger = await open();
    for (const id of ['q-1', 'q-2', 'q-3']) await ledger.commit(sampleQuarantine(id), sampleChange(id));
    await ledger.forget(['q-1', 'q-3', 'q-none']);
    expect(ledger.load().map((record) => record.id)).toEqual(['q-2']);
    expect(ledger.history('q-1')).toEqual([]);
    expect(ledger.history('q-2')).toHaveLength(1);
  });

  test('takes text that looks like SQL or holds NUL and surrogates as text', async () => {
    const ledger = await open();
    const record = sampleQuarantine("q-'); DROP TABLE quarantines; --", { qname: 'a\u0000b', reason: '\u{1f415} "quoted"' });
    await ledger.commit(record, sampleChange(record.id));
    expect(ledger.load()).toEqual([record]);
  });
});
