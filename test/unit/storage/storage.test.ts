/** All lasting state together: opened in one go, or not at all. */
import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openDomainAges } from '../../../src/storage/domain-ages.ts';
import { openStorage, type Storage } from '../../../src/storage/storage.ts';
import { sampleChange, sampleDecision, sampleQuarantine } from './sample-records.ts';
import { temporaryFolder } from './temporary-folder.ts';

async function open(path: string): Promise<Storage> {
  const opened = await openStorage(path, randomBytes);
  if (opened.kind === 'error') throw new Error(opened.message);
  onTestFinished(opened.storage.close);
  return opened.storage;
}

describe('storage', () => {
  test('has everything again after it was closed', async () => {
    const path = join(temporaryFolder(), 'state');
    const first = await open(path);
    await first.evidence.commit(sampleQuarantine('q-1'), sampleChange('q-1'));
    first.meters.saveMeters([{ session: 's', parent: 'a.example', epoch: 0, leasedBits: 64, atMs: 1 }]);
    first.domainAges.put({ domain: 'a.example', outcome: 'registered', registeredAtMs: 5, lookedUpAtMs: 10 });
    first.decisions.record(sampleDecision('d-1'));
    await first.decisions.upkeep();
    expect(first.alarms()).toEqual([]);
    await first.close();
    expect(readdirSync(path).sort()).toEqual(['decisions.sqlite', 'domain-ages.sqlite', 'evidence.sqlite', 'meta.sqlite', 'meters.sqlite']);

    const second = await open(path);
    expect(second.evidence.load()).toHaveLength(1);
    expect(second.meters.loadMeter({ session: 's', parent: 'a.example' })?.leasedBits).toBe(64);
    expect(second.domainAges.get('a.example')).toEqual({ domain: 'a.example', outcome: 'registered', registeredAtMs: 5, lookedUpAtMs: 10 });
    expect(await second.decisions.byId('d-1')).not.toBeNull();
  });

  test.each(['meta.sqlite', 'meters.sqlite', 'domain-ages.sqlite', 'evidence.sqlite', 'decisions.sqlite'])(
    'does not open with a damaged %s, names it, and holds nothing afterwards',
    async (name) => {
      const path = temporaryFolder();
      writeFileSync(join(path, name), 'no database'.repeat(1_000));
      const failed = await openStorage(path, randomBytes);
      expect(failed).toEqual({ kind: 'error', message: expect.stringContaining(`${name} is damaged`) });
      // The lock is free again: the same error, and not "in use".
      expect(await openStorage(path, randomBytes)).toEqual(failed);
    },
  );
});

describe('the cache of domain ages', () => {
  test('is bounded: the look-ups longest ago go first', () => {
    const opened = openDomainAges(join(temporaryFolder(), 'domain-ages.sqlite'), 10);
    if (opened.kind === 'error') throw new Error(opened.message);
    onTestFinished(opened.ages.close);
    for (let n = 0; n < 50; n++) opened.ages.put({ domain: `d${n}.example`, outcome: 'failed', registeredAtMs: null, lookedUpAtMs: n });
    expect(opened.ages.lookedUpSince(0)).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 49]);
    expect(opened.ages.get('d39.example')).toBeNull();
  });
});
