/** The decision log: never in the way of a query, evidence before the rest, and the questions people ask of it. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DecisionRecord } from '../../../src/pipeline/ports.ts';
import { type DecisionOptions, type Decisions, openDecisions } from '../../../src/storage/decisions.ts';
import { DECISION_MIGRATIONS } from '../../../src/storage/decisions-schema.ts';
import { openMeters } from '../../../src/storage/meters.ts';
import { sampleDecision } from './sample-records.ts';
import { temporaryFolder } from './temporary-folder.ts';

async function open(options: DecisionOptions = {}, file = join(temporaryFolder(), 'decisions.sqlite')): Promise<Decisions> {
  const opened = await openDecisions(file, options);
  if (opened.kind === 'error') throw new Error(opened.message);
  onTestFinished(opened.decisions.close);
  return opened.decisions;
}

function idsOf(records: readonly DecisionRecord[]): string[] {
  return records.map((record) => record.id);
}

/** What observe mode lets pass and enforcing would refuse. */
function wouldRefuse(id: string, changes: Partial<DecisionRecord> = {}): DecisionRecord {
  return sampleDecision(id, { wouldVerdict: 'refuse', ...changes });
}

describe('the decision log', () => {
  test('gives a decision back field by field, as soon as it was recorded', async () => {
    const decisions = await open();
    const full = sampleDecision('d-1', {
      verdict: 'quarantine',
      wouldVerdict: 'quarantine',
      afterWouldQuarantine: true,
      rule: 'registry: **.example.com',
      forwarded: false,
    });
    decisions.record(full);
    expect(await decisions.byId('d-1')).toEqual(full);
    expect(await decisions.byId('d-2')).toBeNull();
  });

  test('finds by session, by verdict or would-verdict, and by name, newest first', async () => {
    const decisions = await open();
    decisions.record(sampleDecision('d-1', { atMs: 1 }));
    decisions.record(sampleDecision('d-2', { atMs: 2, session: '10.0.0.6', verdict: 'refuse', wouldVerdict: 'refuse' }));
    decisions.record(wouldRefuse('d-3', { atMs: 3, qname: 'b.example' }));
    decisions.record(sampleDecision('d-4', { atMs: 4, qname: 'b.example' }));
    expect(idsOf(await decisions.recent({ limit: 3 }))).toEqual(['d-4', 'd-3', 'd-2']);
    expect(idsOf(await decisions.recent({ session: '10.0.0.6', limit: 9 }))).toEqual(['d-2']);
    expect(idsOf(await decisions.recent({ verdicts: ['refuse', 'quarantine'], limit: 9 }))).toEqual(['d-3', 'd-2']);
    expect(idsOf(await decisions.recent({ session: '10.0.0.5', verdicts: ['refuse'], limit: 9 }))).toEqual(['d-3']);
  });

  test('groups what enforcing would have refused by parent and reason', async () => {
    const decisions = await open();
    decisions.record(wouldRefuse('d-1', { atMs: 10, parent: 'a.example', reason: 'parent-budget', qname: '1.a.example' }));
    decisions.record(
      wouldRefuse('d-2', { atMs: 20, parent: 'a.example', reason: 'parent-budget', qname: '2.a.example', session: '10.0.0.6' }),
    );
    decisions.record(wouldRefuse('d-3', { atMs: 30, parent: 'a.example', reason: 'score', wouldVerdict: 'quarantine' }));
    decisions.record(wouldRefuse('d-old', { atMs: 5 }));
    decisions.record(wouldRefuse('d-refused-anyway', { atMs: 40, verdict: 'refuse', parent: 'blocked.example' }));
    decisions.record(sampleDecision('d-fine', { atMs: 50 }));
    expect(await decisions.wouldBlockSince(10)).toEqual([
      {
        parent: 'a.example',
        reason: 'parent-budget',
        queries: 2,
        sessions: 2,
        names: 2,
        quarantines: 0,
        lastAtMs: 20,
        exampleName: '2.a.example',
      },
      {
        parent: 'a.example',
        reason: 'score',
        queries: 1,
        sessions: 1,
        names: 1,
        quarantines: 1,
        lastAtMs: 30,
        exampleName: 'www.example.com',
      },
    ]);
  });

  test('drops plain decisions before evidence when the queue is full, and counts both', async () => {
    const decisions = await open({ queueLimit: 4, batchMs: 60_000 });
    for (let n = 0; n < 4; n++) decisions.record(sampleDecision(`plain-${n}`));
    for (let n = 0; n < 5; n++) decisions.record(wouldRefuse(`evidence-${n}`));
    decisions.record(sampleDecision('plain-late'));
    expect(decisions.dropped).toBe(6);
    expect(decisions.alarms()).toEqual(['6 decisions were not kept']);
    expect(idsOf(await decisions.recent({ limit: 9 })).sort()).toEqual(['evidence-0', 'evidence-1', 'evidence-2', 'evidence-3']);
  });

  test('never throws into the query path when the disk is full; evidence waits, the rest is given up', async () => {
    const decisions = await open({ maxPages: 10, batchMs: 60_000 });
    decisions.record(sampleDecision('plain', { reason: 'x'.repeat(50_000) }));
    decisions.record(wouldRefuse('evidence', { reason: 'x'.repeat(50_000) }));
    await decisions.flush();
    expect(decisions.dropped).toBe(1);
    expect(decisions.alarms()).toEqual([expect.stringMatching(/decisions cannot be written: .*full/), '1 decisions were not kept']);
    decisions.record(sampleDecision('after'));
  });

  test('keeps no more rows than it may', async () => {
    const decisions = await open({ retention: { days: 10_000, rows: 100, octets: 1e9 } });
    for (let n = 0; n < 5_000; n++) decisions.record(sampleDecision(`d-${n}`, { atMs: 1_770_000_000_000 + n }));
    await decisions.flush();
    await decisions.upkeep();
    const kept = await decisions.recent({ limit: 1_000 });
    expect(kept).toHaveLength(100);
    expect(kept.at(-1)?.id).toBe('d-4900');
  });

  test('keeps no more octets than it may, and uses their room again', async () => {
    const file = join(temporaryFolder(), 'decisions.sqlite');
    const octets = 1_000_000;
    const decisions = await open({ retention: { days: 10_000, rows: 1_000_000, octets } }, file);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 9_000; n++) decisions.record(sampleDecision(`d-${round}-${n}`, { atMs: 1_770_000_000_000 + n }));
      await decisions.flush();
      await decisions.upkeep();
    }
    const newest = await decisions.recent({ limit: 1 });
    expect(idsOf(newest)).toEqual(['d-2-8999']);
    const kept = (await decisions.recent({ limit: 100_000 })).length;
    expect(kept).toBeGreaterThan(500);
    expect(kept * 100).toBeLessThan(octets);
    // One round over the bound at most: what was deleted leaves pages that the next round fills.
    expect(statSync(file).size).toBeLessThan(6 * octets);
  });

  test('takes a new retention while it runs', async () => {
    const decisions = await open({ retention: { days: 10_000, rows: 1_000, octets: 1e9 } });
    for (let n = 0; n < 500; n++) decisions.record(sampleDecision(`d-${n}`));
    await decisions.flush();
    decisions.setRetention({ days: 10_000, rows: 10, octets: 1e9 });
    await decisions.upkeep();
    expect(await decisions.recent({ limit: 100 })).toHaveLength(10);
  });

  test('holds nothing up while another process has the file locked, says so, and writes the evidence afterwards', async () => {
    const file = join(temporaryFolder(), 'decisions.sqlite');
    const decisions = await open({ batchMs: 60_000 }, file);
    const other = new Database(file);
    onTestFinished(() => void other.close());
    other.exec('BEGIN IMMEDIATE');
    decisions.record(sampleDecision('plain'));
    decisions.record(wouldRefuse('evidence'));
    await decisions.flush();
    expect(decisions.alarms()).toContainEqual(expect.stringMatching(/cannot be written: .*locked/));
    other.exec('ROLLBACK');
    await decisions.flush();
    expect(idsOf(await decisions.recent({ limit: 9 }))).toEqual(['evidence']);
    expect(decisions.alarms()).toEqual(['1 decisions were not kept']);
  });

  test('keeps what an earlier version wrote', async () => {
    const file = join(temporaryFolder(), 'decisions.sqlite');
    const old = new Database(file);
    old.exec(String(DECISION_MIGRATIONS[0]));
    old.pragma('user_version = 1');
    old
      .prepare(
        `INSERT INTO decisions VALUES (1, 'd-1', 1, '10.0.0.5', 'p', 'observe', 'refuse', 'refuse', 0, 'blocked', NULL, 0, '[]', 'a.example', 'A', 'a.example', 0, 0, 'NXDOMAIN')`,
      )
      .run();
    old.close();
    const decisions = await open({}, file);
    expect(await decisions.byId('d-1')).toMatchObject({ qname: 'a.example', durationMs: 0 });
  });

  test('keeps nothing for longer than it may', async () => {
    const decisions = await open({ retention: { days: 1, rows: 1_000_000, octets: 1e9 } });
    const nowMs = Date.now();
    for (let n = 0; n < 3_000; n++) decisions.record(sampleDecision(`old-${n}`, { atMs: nowMs - 2 * 86_400_000 }));
    decisions.record(sampleDecision('new', { atMs: nowMs }));
    await decisions.flush();
    await decisions.upkeep();
    expect(idsOf(await decisions.recent({ limit: 10 }))).toEqual(['new']);
  });

  test('writes what is queued when it closes', async () => {
    const file = join(temporaryFolder(), 'decisions.sqlite');
    const first = await open({ batchMs: 60_000 }, file);
    first.record(sampleDecision('d-1'));
    await first.close();
    const second = await open({}, file);
    expect(idsOf(await second.recent({ limit: 9 }))).toEqual(['d-1']);
  });

  test('writes by itself within the batch time', async () => {
    const file = join(temporaryFolder(), 'decisions.sqlite');
    const writer = await open({ batchMs: 20 }, file);
    const reader = await open({}, file);
    writer.record(sampleDecision('d-1'));
    await expect.poll(() => reader.byId('d-1')).not.toBeNull();
  });

  test('cuts the log of the meters long before its next round when a flood makes it large', async () => {
    const folder = temporaryFolder();
    const metersFile = join(folder, 'meters.sqlite');
    const meters = openMeters(metersFile);
    if (meters.kind === 'error') throw new Error(meters.message);
    onTestFinished(meters.meters.close);
    await open({ metersFile, upkeepMs: 3_600_000 }, join(folder, 'decisions.sqlite'));
    const logOctets = (): number => statSync(`${metersFile}-wal`).size;
    for (let n = 0; logOctets() < 34_000_000; n++) {
      meters.meters.saveMeters(
        Array.from({ length: 50 }, (_, m) => ({ session: `s${n}`, parent: `${m * 7919}.example`, epoch: 0, leasedBits: 64, atMs: n })),
      );
    }
    await expect.poll(logOctets, { timeout: 10_000 }).toBeLessThan(5_000_000);
  });
});
