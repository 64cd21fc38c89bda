/**
 * The JSON that the control API sends and the verbs print: the port's shapes with times as ISO 8601 text.
 * A contract with scripts; nothing is computed here.
 */
import type { QuarantineChange, QuarantineRecord } from '../pipeline/ports.ts';
import type { SecretSummary, SessionDetail, SessionSummary, Status } from './control-port.ts';

export type QuarantineView = Omit<QuarantineRecord, 'atMs' | 'expiresAtMs'> & { readonly at: string; readonly expiresAt: string | null };
export type ChangeView = Omit<QuarantineChange, 'id' | 'atMs'> & { readonly at: string };
export type QuarantineDetailView = QuarantineView & { readonly history: readonly ChangeView[] };
export type SessionView<Of extends SessionSummary = SessionSummary> = Omit<Of, 'firstSeenMs' | 'lastSeenMs'> & {
  readonly firstSeen: string;
  readonly lastSeen: string;
};
export type SecretView = Omit<SecretSummary, 'addedAtMs'> & { readonly addedAt: string; readonly forms: readonly string[] };
export type StatusView = Omit<Status, 'startedAtMs'> & { readonly startedAt: string };

export interface ErrorView {
  readonly error: { readonly code: string; readonly message: string };
}

export function quarantineView({ atMs, expiresAtMs, ...record }: QuarantineRecord): QuarantineView {
  return { ...record, at: isoTime(atMs), expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs) };
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

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
