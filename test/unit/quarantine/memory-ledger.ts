/** A ledger in memory: passes the same contract as the one on disk, and can be told to fail. */
import type { QuarantineChange, QuarantineLedger, QuarantineRecord } from '../../../src/pipeline/ports.ts';

export class MemoryLedger implements QuarantineLedger {
  readonly records = new Map<string, QuarantineRecord>();
  readonly changes: QuarantineChange[] = [];
  /** Why writes fail now, or null. */
  failure: string | null = null;
  commits = 0;

  load(): readonly QuarantineRecord[] {
    return [...this.records.values()];
  }

  history(id: string): readonly QuarantineChange[] {
    return this.changes.filter((change) => change.id === id);
  }

  async commit(record: QuarantineRecord, change: QuarantineChange): Promise<void> {
    await Promise.resolve();
    if (this.failure !== null) throw new Error(this.failure);
    this.commits += 1;
    this.records.set(record.id, record);
    this.changes.push(change);
  }

  async forget(ids: readonly string[]): Promise<void> {
    await Promise.resolve();
    if (this.failure !== null) throw new Error(this.failure);
    for (const id of ids) this.records.delete(id);
    const kept = this.changes.filter((change) => !ids.includes(change.id));
    this.changes.splice(0, this.changes.length, ...kept);
  }
}
