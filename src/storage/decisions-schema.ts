/**
 * The table of `decisions.sqlite`, its rows, and the questions it answers. Used by the background worker, which writes and reads
 * it; the main thread only takes the shapes from here.
 */
import type Database from 'better-sqlite3';
import type { DecisionRecord, VerdictKind } from '../pipeline/ports.ts';

/** Not a plain allow. */
const IS_EVIDENCE = "(verdict <> 'allow' OR would_verdict <> 'allow')";

export const DECISION_MIGRATIONS: readonly string[] = [
  `CREATE TABLE decisions (
     seq INTEGER PRIMARY KEY, id TEXT NOT NULL, at_ms INTEGER NOT NULL, session TEXT NOT NULL, policy TEXT NOT NULL, mode TEXT NOT NULL,
     verdict TEXT NOT NULL, would_verdict TEXT NOT NULL, after_would_quarantine INTEGER NOT NULL, reason TEXT NOT NULL, rule TEXT,
     score REAL NOT NULL, signals TEXT NOT NULL, qname TEXT NOT NULL, qtype TEXT NOT NULL, parent TEXT NOT NULL,
     leak_bits REAL NOT NULL, forwarded INTEGER NOT NULL, rcode TEXT NOT NULL
   ) STRICT;
   CREATE INDEX decisions_by_id ON decisions (id);
   CREATE INDEX decisions_by_session ON decisions (session);`,
  // Ids are random: an index over all of them would have a page rewritten for every plain allow, which wears out an SD card.
  `ALTER TABLE decisions ADD COLUMN duration_ms REAL NOT NULL DEFAULT 0;
   DROP INDEX decisions_by_id;
   CREATE INDEX evidence_by_id ON decisions (id) WHERE ${IS_EVIDENCE};`,
];

export interface RecentFilter {
  readonly session?: string;
  /** Keeps decisions whose verdict, or whose would-verdict, is one of these. */
  readonly verdicts?: readonly VerdictKind[];
  readonly limit: number;
}

/** What enforcing would have refused, per parent and reason. */
export interface WouldBlockGroup {
  readonly parent: string;
  readonly reason: string;
  readonly queries: number;
  readonly sessions: number;
  readonly names: number;
  /** How many of them are quarantines and not single refusals. */
  readonly quarantines: number;
  readonly lastAtMs: number;
  /** The latest of the names. */
  readonly exampleName: string;
}

/** How long and how many decisions are kept. */
export interface DecisionRetention {
  readonly days: number;
  readonly rows: number;
  /** Of the file's pages in use. */
  readonly octets: number;
}

export type DecisionQuestion =
  | { readonly kind: 'recent'; readonly filter: RecentFilter }
  | { readonly kind: 'by-id'; readonly id: string }
  | { readonly kind: 'would-block'; readonly sinceMs: number; readonly limit: number };

const MS_PER_DAY = 86_400_000;

/** Rows looked at in one step of pruning: keeps the log of a step small. */
const PRUNE_STEP_ROWS = 2_000;

const COLUMNS = `id, at_ms, session, policy, mode, verdict, would_verdict, after_would_quarantine, reason, rule, score, signals,
  qname, qtype, parent, leak_bits, forwarded, rcode, duration_ms`;

interface DecisionRow {
  readonly id: string;
  readonly at_ms: number;
  readonly session: string;
  readonly policy: string;
  readonly mode: DecisionRecord['mode'];
  readonly verdict: VerdictKind;
  readonly would_verdict: VerdictKind;
  readonly after_would_quarantine: number;
  readonly reason: string;
  readonly rule: string | null;
  readonly score: number;
  readonly signals: string;
  readonly qname: string;
  readonly qtype: string;
  readonly parent: string;
  readonly leak_bits: number;
  readonly forwarded: number;
  readonly rcode: string;
  readonly duration_ms: number;
}

export interface DecisionTable {
  /** One transaction; all or nothing. */
  insert(decisions: readonly DecisionRecord[]): void;
  answer(question: DecisionQuestion): readonly DecisionRecord[] | readonly WouldBlockGroup[];
  /** Removes what is too old or too many, a step at a time; true while there is more to remove. */
  prune(retention: DecisionRetention, nowMs: number): boolean;
}

export function createDecisionTable(database: Database.Database): DecisionTable {
  const insertRow = database.prepare(
    `INSERT INTO decisions (${COLUMNS}) VALUES (@id, @at_ms, @session, @policy, @mode, @verdict, @would_verdict,
       @after_would_quarantine, @reason, @rule, @score, @signals, @qname, @qtype, @parent, @leak_bits, @forwarded, @rcode, @duration_ms)`,
  );
  const insertAll = database.transaction((decisions: readonly DecisionRecord[]) => {
    for (const decision of decisions) insertRow.run(toRow(decision));
  });
  const evidenceById = database.prepare<[string], DecisionRow>(`SELECT ${COLUMNS} FROM decisions WHERE id = ? AND ${IS_EVIDENCE} LIMIT 1`);
  const byId = database.prepare<[string], DecisionRow>(`SELECT ${COLUMNS} FROM decisions WHERE id = ? LIMIT 1`);
  const wouldBlock = database.prepare<[number, number], WouldBlockGroup>(
    // max(at_ms) makes SQLite take the bare column qname from that row.
    `SELECT parent, reason, count(*) AS queries, count(DISTINCT session) AS sessions, count(DISTINCT qname) AS names,
       sum(would_verdict = 'quarantine') AS quarantines, max(at_ms) AS lastAtMs, qname AS exampleName
     FROM decisions WHERE at_ms >= ? AND would_verdict IN ('refuse', 'quarantine') AND verdict IN ('allow', 'flag')
     GROUP BY parent, reason ORDER BY queries DESC, parent LIMIT ?`,
  );
  const bounds = database.prepare<[], { first: number | null; last: number | null }>(
    'SELECT min(seq) AS first, max(seq) AS last FROM decisions',
  );
  const pruneOld = database.prepare<[number, number]>('DELETE FROM decisions WHERE seq < ? AND at_ms < ?');
  const pruneMany = database.prepare<[number]>('DELETE FROM decisions WHERE seq < ?');

  return {
    insert: (decisions) => insertAll.immediate(decisions),
    answer: (question) => {
      switch (question.kind) {
        case 'recent':
          return selectRecent(database, question.filter).map(toRecord);
        case 'by-id':
          return (evidenceById.get(question.id) === undefined ? byId : evidenceById).all(question.id).map(toRecord);
        case 'would-block':
          return wouldBlock.all(question.sinceMs, question.limit);
      }
    },
    prune: (retention, nowMs) => {
      const { first, last } = bounds.get() ?? { first: null, last: null };
      if (first === null || last === null) return false;
      const tooMany = Math.max(last - retention.rows + 1, isTooLarge(database, retention.octets) ? first + PRUNE_STEP_ROWS : 0);
      const step = first + PRUNE_STEP_ROWS;
      const removed =
        tooMany > first ? pruneMany.run(Math.min(tooMany, step)).changes : pruneOld.run(step, nowMs - retention.days * MS_PER_DAY).changes;
      return removed > 0;
    },
  };
}

/** Pages in use; those that deleted rows have left are used again before the file grows. */
function isTooLarge(database: Database.Database, octets: number): boolean {
  const [pages, free, pageOctets] = ['page_count', 'freelist_count', 'page_size'].map((name) =>
    Number(database.pragma(name, { simple: true })),
  );
  return ((pages ?? 0) - (free ?? 0)) * (pageOctets ?? 0) > octets;
}

function selectRecent(database: Database.Database, filter: RecentFilter): readonly DecisionRow[] {
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  if (filter.session !== undefined) {
    conditions.push('session = ?');
    values.push(filter.session);
  }
  if (filter.verdicts !== undefined) {
    const places = filter.verdicts.map(() => '?').join(', ');
    conditions.push(`(verdict IN (${places}) OR would_verdict IN (${places}))`);
    values.push(...filter.verdicts, ...filter.verdicts);
  }
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const statement = database.prepare<(string | number)[], DecisionRow>(
    `SELECT ${COLUMNS} FROM decisions ${where} ORDER BY seq DESC LIMIT ?`,
  );
  return statement.all(...values, filter.limit);
}

function toRow(decision: DecisionRecord): DecisionRow {
  return {
    id: decision.id,
    at_ms: Math.round(decision.atMs),
    session: decision.session,
    policy: decision.policy,
    mode: decision.mode,
    verdict: decision.verdict,
    would_verdict: decision.wouldVerdict,
    after_would_quarantine: decision.afterWouldQuarantine ? 1 : 0,
    reason: decision.reason,
    rule: decision.rule,
    score: decision.score,
    signals: JSON.stringify(decision.signals),
    qname: decision.qname,
    qtype: decision.qtype,
    parent: decision.parent,
    leak_bits: decision.leakBits,
    forwarded: decision.forwarded ? 1 : 0,
    rcode: decision.rcode,
    duration_ms: decision.durationMs,
  };
}

function toRecord(row: DecisionRow): DecisionRecord {
  return {
    id: row.id,
    atMs: row.at_ms,
    session: row.session,
    policy: row.policy,
    mode: row.mode,
    verdict: row.verdict,
    wouldVerdict: row.would_verdict,
    afterWouldQuarantine: row.after_would_quarantine === 1,
    reason: row.reason,
    rule: row.rule,
    score: row.score,
    signals: JSON.parse(row.signals) as DecisionRecord['signals'],
    qname: row.qname,
    qtype: row.qtype,
    parent: row.parent,
    leakBits: row.leak_bits,
    forwarded: row.forwarded === 1,
    rcode: row.rcode,
    durationMs: row.duration_ms,
  };
}
