/** Records with every field filled, for tests that write and read them back. */
import type { DecisionRecord, QuarantineChange, QuarantineRecord } from '../../../src/pipeline/ports.ts';

export function sampleQuarantine(id: string, changes: Partial<QuarantineRecord> = {}): QuarantineRecord {
  return {
    id,
    session: '10.0.0.5',
    state: 'quarantined',
    epoch: 0,
    atMs: 1_770_000_000_000,
    expiresAtMs: 1_770_003_600_000,
    policy: 'everyone',
    parent: 'attacker.example',
    qname: 'a\\.b.attacker.example',
    qtype: 'TXT',
    score: 87.5,
    signals: [{ name: 'name-length', value: 180, contribution: 40.25 }],
    leakBits: 812.5,
    reason: 'score',
    ...changes,
  };
}

export function sampleChange(id: string, changes: Partial<QuarantineChange> = {}): QuarantineChange {
  return { id, atMs: 1_770_000_000_000, from: 'normal', to: 'quarantined', actor: 'kennel', reason: 'score', ...changes };
}

export function sampleDecision(id: string, changes: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    id,
    atMs: 1_770_000_000_000,
    session: '10.0.0.5',
    policy: 'everyone',
    mode: 'observe',
    verdict: 'allow',
    wouldVerdict: 'allow',
    afterWouldQuarantine: false,
    reason: 'score',
    rule: null,
    score: 12.5,
    signals: [{ name: 'entropy', value: 3.25, contribution: 12.5 }],
    qname: 'www.example.com',
    qtype: 'A',
    parent: 'example.com',
    leakBits: 31.5,
    forwarded: true,
    rcode: 'NOERROR',
    durationMs: 1.5,
    ...changes,
  };
}
