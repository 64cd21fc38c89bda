/**
 * What the control API needs from the running resolver, as one interface; `kennel-control.ts` implements it. Times are wall-clock
 * milliseconds here and ISO 8601 text on the wire (`views.ts`). No HTTP, no socket.
 */
import type { DecisionRecord, Explanation, Mode, QuarantineChange, QuarantineRecord, VerdictKind } from '../pipeline/ports.ts';
import type { ListsPort } from './lists-port.ts';
import type { ReloadView } from './views.ts';

export interface Status {
  readonly version: string;
  readonly mode: Mode;
  readonly startedAtMs: number;
  /** `udp 127.0.0.1:5300`, `tcp [::1]:5300`. */
  readonly listeners: readonly string[];
  readonly control: string;
  /** The state folder, absolute. */
  readonly state: string;
  /** Hash of the config in use. */
  readonly configHash: string;
  readonly policies: readonly string[];
  readonly upstreams: readonly { readonly url: string; readonly healthy: boolean }[];
  /** Sessions by state. */
  readonly sessions: Readonly<Record<string, number>>;
  readonly cacheEntries: number;
  /** Estimated memory of them. */
  readonly cacheOctets: number;
  /** Conditions an operator should look at; empty when all is well. */
  readonly alarms: readonly string[];
}

export interface SessionSummary {
  readonly session: string;
  /** `normal`, `watch` or `quarantined`. */
  readonly state: string;
  readonly policy: string;
  /** Highest score of this epoch, 0-100. */
  readonly score: number;
  /** Releases so far. */
  readonly epoch: number;
  /** Since the process started. */
  readonly queries: number;
  /** Bits that left below all unlisted parents. */
  readonly leakBits: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface ParentSummary {
  /** Registrable domain. */
  readonly parent: string;
  readonly queries: number;
  readonly uniqueNames: number;
  readonly leakBits: number;
  /** What may leave in all; null: no budget. */
  readonly budgetBits: number | null;
  /** Bits that all sessions under policies of the same refill rate have let out below it. */
  readonly fleetBits: number;
  readonly fleetBudgetBits: number | null;
}

export interface SessionDetail extends SessionSummary {
  /** What may leave below all unlisted parents together; null: no budget. */
  readonly budgetBits: number | null;
  readonly parents: readonly ParentSummary[];
  /** Quarantines of this session, newest first. */
  readonly quarantines: readonly string[];
}

export type ExplainResult =
  | { readonly kind: 'explained'; readonly explanation: Explanation }
  | { readonly kind: 'invalid'; readonly detail: string };

export type ReleaseResult =
  | { readonly kind: 'released'; readonly record: QuarantineRecord }
  | { readonly kind: 'not-found' }
  /** It is over already. */
  | { readonly kind: 'not-open'; readonly state: QuarantineRecord['state'] }
  /** The release could not be written; the session stays quarantined. */
  | { readonly kind: 'failed'; readonly detail: string };

/** A registered secret, without its value, which nobody has. */
export interface SecretSummary {
  readonly name: string;
  readonly kind: 'secret' | 'canary';
  readonly from: 'config' | 'state';
  readonly addedAtMs: number;
  readonly actor: string;
}

export type SecretResult =
  | { readonly kind: 'done'; readonly secret: SecretSummary }
  | { readonly kind: 'invalid'; readonly detail: string }
  | { readonly kind: 'conflict'; readonly detail: string }
  | { readonly kind: 'not-found' }
  /** It could not be written; nothing has changed. */
  | { readonly kind: 'failed'; readonly detail: string };

/** Cached answers to forget: all, or about a name in presentation form, and those below it where `below` says so. */
export type FlushRequest = 'all' | { readonly name: string; readonly below: boolean };

export type FlushResult = { readonly kind: 'flushed'; readonly answers: number } | { readonly kind: 'invalid'; readonly detail: string };

export type ReloadResult =
  | ({ readonly kind: 'reloaded' } & ReloadView)
  /** Nothing has changed. */
  | { readonly kind: 'failed'; readonly messages: readonly string[] };

/** Which decisions are wanted. */
export interface DecisionFilter {
  readonly session?: string;
  /** Those whose verdict, or whose would-verdict, is one of these. */
  readonly verdicts?: readonly VerdictKind[];
  readonly limit: number;
}

export interface Readiness {
  readonly ready: boolean;
  /** Part (`listeners`, `upstreams`, `storage`, …) and how it is. */
  readonly details: Readonly<Record<string, string>>;
}

export interface ControlPort extends ListsPort {
  status(): Status;
  /** The `limit` sessions seen last, newest first. */
  sessions(limit: number): readonly SessionSummary[];
  /** Null when no such session is known. */
  session(key: string): SessionDetail | null;
  /** All of them, newest first. */
  quarantines(): readonly QuarantineRecord[];
  /** Null when there is no such quarantine; history is oldest first. */
  quarantine(id: string): { readonly record: QuarantineRecord; readonly history: readonly QuarantineChange[] } | null;
  release(id: string, by: { readonly actor: string; readonly reason: string }): Promise<ReleaseResult>;
  /** `type` is a mnemonic or `TYPE123`; `session` an address or a session key, null: the asker on loopback. Changes nothing. */
  explain(name: string, type: string, session: string | null): ExplainResult;
  /** Where secrets are looked for, for people. */
  readonly secretForms: readonly string[];
  secrets(): readonly SecretSummary[];
  /** `value`: an octet string, one char per octet. */
  addSecret(secret: { readonly name: string; readonly kind: SecretSummary['kind']; readonly value: string }, actor: string): SecretResult;
  removeSecret(name: string, actor: string): SecretResult;
  /** Takes on the config as it is now, or changes nothing. */
  reload(): Promise<ReloadResult>;
  /** What was written down, newest first. Rejects when the disk does not give it. */
  decisions(filter: DecisionFilter): Promise<readonly DecisionRecord[]>;
  flushCache(what: FlushRequest): FlushResult;
  ready(): Readiness;
  /** Prometheus' text form 0.0.4. */
  metrics(): Promise<string>;
}
