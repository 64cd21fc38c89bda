/**
 * The JSON that the control API sends and the verbs print: the port's shapes with times as ISO 8601 text.
 * A contract with scripts; nothing is computed here.
 */
import type { DecisionRecord, QuarantineChange, QuarantineRecord } from '../pipeline/ports.ts';
import type { SecretSummary, SessionDetail, SessionSummary, Status } from './control-port.ts';
import type { ListSummary } from './lists-port.ts';

export type QuarantineView = Omit<QuarantineRecord, 'atMs' | 'expiresAtMs'> & { readonly at: string; readonly expiresAt: string | null };
export type ChangeView = Omit<QuarantineChange, 'id' | 'atMs'> & { readonly at: string };
export type QuarantineDetailView = QuarantineView & { readonly history: readonly ChangeView[] };
export type SessionView<Of extends SessionSummary = SessionSummary> = Omit<Of, 'firstSeenMs' | 'lastSeenMs'> & {
  readonly firstSeen: string;
  readonly lastSeen: string;
};
export type SecretView = Omit<SecretSummary, 'addedAtMs'> & { readonly addedAt: string; readonly forms: readonly string[] };
export type StatusView = Omit<Status, 'startedAtMs'> & { readonly startedAt: string };

export type ListView = Omit<ListSummary, 'fetchedAtMs' | 'checkedAtMs'> & {
  readonly fetchedAt: string | null;
  readonly checkedAt: string | null;
};
export interface ListsView {
  readonly lists: readonly ListView[];
}
export type ListsUpdateView = ListsView & { readonly underWay: readonly string[] };

export interface ReloadView {
  /** SHA-256 of the config before and of the one in use now. */
  readonly from: string;
  readonly to: string;
  /** Keys of the config that differ. */
  readonly changed: readonly string[];
  readonly warnings: readonly string[];
}

export type DecisionView = Omit<DecisionRecord, 'atMs'> & { readonly at: string };
export interface DecisionsView {
  readonly decisions: readonly DecisionView[];
}

export interface FlushView {
  /** How many answers were forgotten. */
  readonly flushed: number;
}

export interface ErrorView {
  readonly error: { readonly code: string; readonly message: string };
}

export function decisionView({ atMs, ...decision }: DecisionRecord): DecisionView {
  return { ...decision, at: isoTime(atMs) };
}

export function quarantineView({ atMs, expiresAtMs, ...record }: QuarantineRecord): QuarantineView {
  return { ...record, at: isoTime(atMs), expiresAt: isoTimeOrNull(expiresAtMs) };
}

export function quarantineDetailView(found: { record: QuarantineRecord; history: readonly QuarantineChange[] }): QuarantineDetailView {
  return {
    ...quarantineView(found.record),
    history: found.history.map(({ id: _id, atMs, ...change }) => ({ ...change, at: isoTime(atMs) })),
  };
}

export function sessionView<Of extends SessionSummary>({ firstSeenMs, lastSeenMs, ...session }: Of): SessionView<Of> {
  return { ...session, firstSeen: isoTime(firstSeenMs), lastSeen: isoTime(lastSeenMs) };
}

export type SessionDetailView = SessionView<SessionDetail>;

export function statusView({ startedAtMs, ...status }: Status): StatusView {
  return { ...status, startedAt: isoTime(startedAtMs) };
}

export function secretView({ addedAtMs, ...secret }: SecretSummary, forms: readonly string[]): SecretView {
  return { ...secret, addedAt: isoTime(addedAtMs), forms };
}

export function listView({ fetchedAtMs, checkedAtMs, ...list }: ListSummary): ListView {
  return { ...list, fetchedAt: isoTimeOrNull(fetchedAtMs), checkedAt: isoTimeOrNull(checkedAtMs) };
}

function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
