/**
 * A control port in memory: two quarantines, two sessions, one explanation. Everything it does not expect throws.
 */
import type {
  ControlPort,
  DecisionFilter,
  Readiness,
  ReloadResult,
  SecretResult,
  SecretSummary,
  SessionDetail,
} from '../../../src/control/control-port.ts';
import type { ListSummary, UpdateListsResult } from '../../../src/control/lists-port.ts';
import type { DecisionRecord, Explanation, QuarantineChange, QuarantineRecord } from '../../../src/pipeline/ports.ts';
import { sampleDecision } from '../storage/sample-records.ts';

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

const OPEN: QuarantineRecord = {
  id: 'q-open',
  session: '10.0.0.5',
  state: 'quarantined',
  epoch: 0,
  atMs: AT_MS,
  expiresAtMs: AT_MS + 3_600_000,
  policy: 'everyone',
  parent: 'evil.example',
  qname: 'c2VjcmV0.evil.example',
  qtype: 'TXT',
  score: 91.234,
  signals: [
    { name: 'entropy', value: 4.125, contribution: 50 },
    { name: 'information volume', value: 900, contribution: 41.234 },
  ],
  leakBits: 640,
  reason: 'score',
};

const OVER: QuarantineRecord = { ...OPEN, id: 'q-over', session: '10.0.0.6', state: 'released', expiresAtMs: null };

const SESSION: SessionDetail = {
  session: '10.0.0.5',
  state: 'quarantined',
  policy: 'everyone',
  score: 91.234,
  epoch: 0,
  queries: 120,
  leakBits: 640,
  firstSeenMs: AT_MS - 60_000,
  lastSeenMs: AT_MS,
  parents: [
    { parent: 'evil.example', queries: 100, uniqueNames: 99, leakBits: 640, budgetBits: 512, fleetBits: 700, fleetBudgetBits: 1024 },
  ],
  budgetBits: 2048,
  quarantines: ['q-open'],
};

export const EXPLANATION: Explanation = {
  qname: 'c2VjcmV0.evil.example',
  qtype: 'TXT',
  registrableDomain: 'evil.example',
  score: 91.234,
  signals: OPEN.signals,
  leakBits: 64,
  verdict: 'quarantine',
  acting: 'flag',
  reason: 'score',
  policy: 'everyone',
  rule: null,
  session: '10.0.0.5',
  sessionState: 'normal',
};

export class FakeControlPort implements ControlPort {
  readiness: Readiness = { ready: true, details: { storage: 'ok', upstreams: 'ok' } };
  explanation = EXPLANATION;
  records: QuarantineRecord[] = [OPEN, OVER];
  changes: QuarantineChange[] = [{ id: 'q-open', atMs: AT_MS, from: 'normal', to: 'quarantined', actor: 'kennel', reason: 'score' }];
  /** Set to let every release fail. */
  unwritable: string | null = null;
  /** Set to let `status` throw. */
  broken: Error | null = null;
  reloads = 0;
  reloaded: ReloadResult = { kind: 'reloaded', from: 'abc', to: 'def', changed: ['policies'], warnings: [] };
  explained: (string | null)[][] = [];
  registered: SecretSummary[] = [{ name: 'from-file', kind: 'secret', from: 'config', addedAtMs: AT_MS, actor: 'config' }];
  /** Every value that was handed over, as an octet string. */
  values: string[] = [];

  status(): ReturnType<ControlPort['status']> {
    if (this.broken !== null) throw this.broken;
    return {
      version: '1.2.3',
      mode: 'observe',
      startedAtMs: AT_MS,
      listeners: ['udp 127.0.0.1:5300'],
      control: '127.0.0.1:8053',
      state: '/var/lib/kennel',
      configHash: 'abc',
      policies: ['everyone'],
      upstreams: [{ url: 'udp://192.0.2.53:53', healthy: true }],
      sessions: { normal: 1, quarantined: 1 },
      cacheEntries: 7,
      cacheOctets: 7_000,
      alarms: [],
    };
  }

  sessions(limit: number): ReturnType<ControlPort['sessions']> {
    const { parents: _parents, quarantines: _quarantines, budgetBits: _budgetBits, ...summary } = SESSION;
    return [summary, { ...summary, session: '10.0.0.0/24', state: 'normal', score: 3 }].slice(0, limit);
  }

  session(key: string): SessionDetail | null {
    return [SESSION.session, '10.0.0.0/24'].includes(key) ? { ...SESSION, session: key } : null;
  }

  quarantines(): readonly QuarantineRecord[] {
    return this.records;
  }

  quarantine(id: string): ReturnType<ControlPort['quarantine']> {
    const record = this.records.find((one) => one.id === id);
    return record === undefined ? null : { record, history: this.changes.filter((change) => change.id === id) };
  }

  async release(id: string, { actor, reason }: { actor: string; reason: string }): ReturnType<ControlPort['release']> {
    const record = this.records.find((one) => one.id === id);
    if (record === undefined) return { kind: 'not-found' };
    if (record.state === 'released') return { kind: 'not-open', state: record.state };
    if (this.unwritable !== null) return { kind: 'failed', detail: this.unwritable };
    const released: QuarantineRecord = { ...record, state: 'released', expiresAtMs: null };
    this.records = this.records.map((one) => (one.id === id ? released : one));
    this.changes = [...this.changes, { id, atMs: AT_MS + 1_000, from: record.state, to: 'released', actor, reason }];
    return { kind: 'released', record: released };
  }

  explain(name: string, type: string, session: string | null): ReturnType<ControlPort['explain']> {
    this.explained.push([name, type, session]);
    return name.includes('..') ? { kind: 'invalid', detail: 'not a domain name' } : { kind: 'explained', explanation: this.explanation };
  }

  listSummaries: ListSummary[] = [];
  readonly listUpdates: { readonly names: readonly string[] | null; readonly force: boolean }[] = [];

  lists(): readonly ListSummary[] {
    return this.listSummaries;
  }

  async updateLists(names: readonly string[] | null, force: boolean): Promise<UpdateListsResult> {
    const unknown = names?.find((name) => !this.listSummaries.some((list) => list.name === name));
    if (unknown !== undefined) return { kind: 'not-found', name: unknown };
    this.listUpdates.push({ names, force });
    return { kind: 'updated', lists: this.listSummaries, underWay: [] };
  }

  flushes: unknown[] = [];

  readonly asked: DecisionFilter[] = [];

  async decisions(filter: DecisionFilter): Promise<readonly DecisionRecord[]> {
    this.asked.push(filter);
    return [sampleDecision('d-1', { atMs: AT_MS })];
  }

  flushCache(what: Parameters<ControlPort['flushCache']>[0]): ReturnType<ControlPort['flushCache']> {
    this.flushes.push(what);
    return what !== 'all' && what.name.includes('..') ? { kind: 'invalid', detail: 'not a domain name' } : { kind: 'flushed', answers: 2 };
  }

  readonly secretForms = ['as it is', 'hex'];

  secrets(): readonly SecretSummary[] {
    return this.registered;
  }

  addSecret({ name, kind, value }: Parameters<ControlPort['addSecret']>[0], actor: string): SecretResult {
    this.values.push(value);
    if (this.unwritable !== null) return { kind: 'failed', detail: this.unwritable };
    if (value.length < 12) return { kind: 'invalid', detail: 'the secret is shorter than 12 octets' };
    if (this.registered.some((known) => known.name === name)) return { kind: 'conflict', detail: `there is a secret ${name} already` };
    const secret: SecretSummary = { name, kind, from: 'state', addedAtMs: AT_MS, actor };
    this.registered = [...this.registered, secret];
    return { kind: 'done', secret };
  }

  removeSecret(name: string, _actor: string): SecretResult {
    const secret = this.registered.find((known) => known.name === name);
    if (secret === undefined) return { kind: 'not-found' };
    this.registered = this.registered.filter((known) => known !== secret);
    return { kind: 'done', secret };
  }

  async reload(): Promise<ReloadResult> {
    this.reloads += 1;
    return this.reloaded;
  }

  ready(): Readiness {
    return this.readiness;
  }

  async metrics(): Promise<string> {
    return '# TYPE kennel_build_info gauge\nkennel_build_info 1\n';
  }
}
