/** Evidence beyond the ledger's contract: group commits, full disks, and what `kill -9` leaves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Evidence, type EvidenceOptions, openEvidence } from '../../../src/storage/evidence.ts';
import { openMeters } from '../../../src/storage/meters.ts';
import { sampleChange, sampleQuarantine } from './sample-records.ts';
import { temporaryFolder } from './temporary-folder.ts';

async function open(file: string, options?: EvidenceOptions): Promise<Evidence> {
  const opened = await openEvidence(file, options);
  if (opened.kind === 'error') throw new Error(opened.message);
  onTestFinished(opened.evidence.close);
  return opened.evidence;
}

function newFile(): string {
  return join(temporaryFolder(), 'evidence.sqlite');
}

describe('evidence', () => {
  test('acknowledges a thousand commits at once, each of them readable from then on', async () => {
    const evidence = await open(newFile());
    const ids = Array.from({ length: 1_000 }, (_, n) => `q-${n}`);
    await Promise.all(ids.map((id) => evidence.commit(sampleQuarantine(id), sampleChange(id))));
    expect(evidence.load().map((record) => record.id)).toEqual(ids);
    expect(evidence.alarms()).toEqual([]);
  });

  test('commits what was given before it is closed', async () => {
    const file = newFile();
    const first = await open(file);
    const last = first.commit(sampleQuarantine('q-1'), sampleChange('q-1'));
    await first.close();
    await last;
    const second = await open(file);
    expect(second.load()).toHaveLength(1);
  });

  test('rejects and raises an alarm when the disk is full, and goes on where there is room', async () => {
    const evidence = await open(newFile(), { maxPages: 24 });
    await evidence.commit(sampleQuarantine('q-small'), sampleChange('q-small'));
    const large = sampleQuarantine('q-large', { reason: 'x'.repeat(200_000) });
    await expect(evidence.commit(large, sampleChange('q-large'))).rejects.toThrow(/full/);
    expect(evidence.alarms()).toEqual([expect.stringMatching(/evidence cannot be written: .*full/)]);

    await evidence.commit(sampleQuarantine('q-after'), sampleChange('q-after'));
    expect(evidence.load().map((record) => record.id)).toEqual(['q-small', 'q-after']);
    expect(evidence.history('q-large')).toEqual([]);
    expect(evidence.alarms()).toEqual([]);
  });

  test('does not open where no file can be', async () => {
    expect(await openEvidence('/dev/null/evidence.sqlite')).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('cannot open'),
    });
  });

  test('survives kill -9: every acknowledged quarantine and every lease that was written is there afterwards', async () => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, [new URL('./flood.child.ts', import.meta.url).pathname, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    onTestFinished(() => void child.kill('SIGKILL'));
    const acknowledged: string[] = [];
    let leasedBits = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [kind, value] = line.split(' ');
      if (kind === 'committed') acknowledged.push(value ?? '');
      if (kind === 'leased') leasedBits = Number(value);
      if (acknowledged.length >= 500) child.kill('SIGKILL');
    }
    expect(await exited).toEqual([null, 'SIGKILL']);

    const evidence = await open(join(folder, 'evidence.sqlite'));
    const kept = new Set(evidence.load().map((record) => record.id));
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    expect(kept.size).toBeGreaterThanOrEqual(500);
    for (const id of acknowledged.slice(-20)) expect(evidence.history(id)).toHaveLength(1);

    const meters = openMeters(join(folder, 'meters.sqlite'));
    if (meters.kind === 'error') throw new Error(meters.message);
    onTestFinished(meters.meters.close);
    expect(leasedBits).toBeGreaterThan(0);
    expect(meters.meters.loadMeter({ session: '10.0.0.5', parent: 'attacker.example' })?.leasedBits).toBeGreaterThanOrEqual(leasedBits);
  });
});
