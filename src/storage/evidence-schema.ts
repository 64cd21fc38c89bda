/**
 * The tables of `evidence.sqlite` and how its rows become records: quarantines and their changes.
 * The worker writes them, the main thread reads them; both take the shapes from here.
 */
import type { QuarantineChange, QuarantineRecord } from '../pipeline/ports.ts';

/** What the main thread asks the worker to make durable. */
export type EvidenceWrite =
  | { readonly kind: 'quarantine'; readonly record: QuarantineRecord; readonly change: QuarantineChange }
  | { readonly kind: 'forget'; readonly ids: readonly string[] };

export const EVIDENCE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE quarantines (
     seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL, state TEXT NOT NULL, epoch INTEGER NOT NULL,
     at_ms INTEGER NOT NULL, expires_at_ms INTEGER, policy TEXT NOT NULL, parent TEXT NOT NULL, qname TEXT NOT NULL,
     qtype TEXT NOT NULL, score REAL NOT NULL, signals TEXT NOT NULL, leak_bits REAL NOT NULL, reason TEXT NOT NULL
   ) STRICT;
   CREATE TABLE quarantine_changes (
     seq INTEGER PRIMARY KEY, id TEXT NOT NULL, at_ms INTEGER NOT NULL, from_state TEXT NOT NULL, to_state TEXT NOT NULL,
     actor TEXT NOT NULL, reason TEXT NOT NULL
   ) STRICT;
   CREATE INDEX quarantine_changes_by_id ON quarantine_changes (id, seq);`,
];

/** A row of `quarantines`, columns as the schema names them. */
export interface QuarantineRow {
  readonly id: string;
  readonly session: string;
  readonly state: QuarantineRecord['state'];
  readonly epoch: number;
  readonly at_ms: number;
  readonly expires_at_ms: number | null;
  readonly policy: string;
  readonly parent: string;
  readonly qname: string;
  readonly qtype: string;
  readonly score: number;
  readonly signals: string;
  readonly leak_bits: number;
  readonly reason: string;
}

export interface ChangeRow {
  readonly id: string;
  readonly at_ms: number;
  readonly from_state: QuarantineChange['from'];
  readonly to_state: QuarantineChange['to'];
  readonly actor: string;
  readonly reason: string;
}

/** Times are whole milliseconds in the database; a clock may give fractions. */
export function quarantineRow(record: QuarantineRecord): QuarantineRow {
  return {
    id: record.id,
    session: record.session,
    state: record.state,
    epoch: record.epoch,
    at_ms: Math.round(record.atMs),
    expires_at_ms: record.expiresAtMs === null ? null : Math.round(record.expiresAtMs),
    policy: record.policy,
    parent: record.parent,
    qname: record.qname,
    qtype: record.qtype,
    score: record.score,
    signals: JSON.stringify(record.signals),
    leak_bits: record.leakBits,
    reason: record.reason,
  };
}

export function quarantineRecord(row: QuarantineRow): QuarantineRecord {
  return {
    id: row.id,
    session: row.session,
    state: row.state,
    epoch: row.epoch,
    atMs: row.at_ms,
    expiresAtMs: row.expires_at_ms,
    policy: row.policy,
    parent: row.parent,
    qname: row.qname,
    qtype: row.qtype,
    score: row.score,
    signals: JSON.parse(row.signals) as QuarantineRecord['signals'],
    leakBits: row.leak_bits,
    reason: row.reason,
  };
}

export function quarantineChange(row: ChangeRow): QuarantineChange {
  return { id: row.id, atMs: row.at_ms, from: row.from_state, to: row.to_state, actor: row.actor, reason: row.reason };
}
