/**
 * A whole pipeline without sockets, files or real time: the product's own parts around a fake clock, a scripted upstream and stores in
 * memory. What the upstream was sent is kept, in order.
 */
import dnsPacket from 'dns-packet';
import { SecretMatcher } from '../../scoring/secrets/secret-matcher.ts';
import { type SecretKind, watchSecret } from '../../scoring/secrets/watch-secret.ts';
import { createAnswerCache } from '../../src/cache/answer-cache.ts';
import { createInFlight } from '../../src/cache/in-flight.ts';
import { cachePartitions } from '../../src/cache/partitions.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { configErrorText } from '../../src/config/problems.ts';
import { redeem, type SendPermit } from '../../src/pipeline/permit.ts';
import type { Pipeline, UpstreamTrouble } from '../../src/pipeline/pipeline.ts';
import type {
  CachedAnswer,
  DecisionRecord,
  ExchangeResult,
  QuarantineChange,
  QuarantineRecord,
  UpstreamResponse,
} from '../../src/pipeline/ports.ts';
import { createQueryLog } from '../../src/pipeline/query-log.ts';
import { refreshKept } from '../../src/pipeline/refresh-kept.ts';
import { resolveQuery } from '../../src/pipeline/resolve-query.ts';
import { SourceRates } from '../../src/pipeline/source-rate.ts';
import { addressSet } from '../../src/policy/address-set.ts';
import { AliasRules } from '../../src/policy/aliases.ts';
import { compileNaming, upstreamGroups } from '../../src/policy/classify-name.ts';
import { type NameLists, NO_LISTS } from '../../src/policy/name-lists.ts';
import { compilePolicies } from '../../src/policy/policy.ts';
import { popularDomains } from '../../src/policy/popular-domains.ts';
import { createQuarantines } from '../../src/quarantine/quarantine.ts';
import { NOTHING_COUNTED } from '../../src/replay/pipeline-without-io.ts';
import { KeptNames } from '../../src/session/kept-names.ts';
import { Meters } from '../../src/session/meters.ts';
import { SessionTable } from '../../src/session/session.ts';
import { typeName } from '../../src/wire/codes.ts';
import { toPresentation } from '../../src/wire/name.ts';
import { MemoryMeterStore } from '../unit/session/memory-meter-store.ts';

export interface SentQuestion {
  readonly group: string;
  readonly name: string;
  readonly type: string;
}

/** What the scripted upstream says; null: it does not answer. */
export type UpstreamScript = (question: SentQuestion) => UpstreamResponse | null;

export interface Reply {
  readonly rcode: string;
  readonly flags: { readonly tc: boolean; readonly ad: boolean; readonly aa: boolean };
  readonly answers: readonly dnsPacket.Answer[];
  readonly authorities: readonly dnsPacket.Answer[];
  readonly ede: readonly { readonly code: number; readonly text: string }[];
}

export interface AskOptions {
  readonly client?: string;
  readonly protocol?: 'udp' | 'tcp';
  readonly type?: string;
  /** Without OPT, as plain glibc asks. */
  readonly plain?: boolean;
  /** With AD, as a client asks that wants to see it (RFC 6840 §5.7). */
  readonly wantsAd?: boolean;
}

/** Of the product's sweep timer. */
const SWEEP_MS = 1_000;

const SECRETS_KEY = { low: 3, high: 4 };

/** Of the server cookies. */
export const COOKIE_SECRET = [5, 6, 7, 8] as const;

/** Tuesday; any fixed moment will do. */
const START_MS = Date.UTC(2026, 0, 6, 12);

export class BottledKennel {
  readonly pipeline: Pipeline;
  readonly sent: SentQuestion[] = [];
  readonly decisions: DecisionRecord[] = [];
  readonly errors: unknown[] = [];
  readonly meterStore: MemoryMeterStore;
  readonly evidence: Map<string, { record: QuarantineRecord; history: QuarantineChange[] }>;
  script: UpstreamScript = () => null;
  /** While set, upstreams say nothing until it settles. */
  silence: Promise<void> | null = null;
  /** Every upstream is known to be down. */
  allDown = false;
  /** Domain ages the look-up would have found, by ICANN registrable domain. */
  readonly ages = new Map<string, number | 'no-date'>();
  readonly agesAsked: string[] = [];
  readonly groupsTrustedForAd = new Set<string>();
  readonly #secrets = new SecretMatcher(SECRETS_KEY);
  readonly #timers = new Set<{ readonly atMs: number; readonly act: () => void }>();
  #nowMs = 0;
  #id = 0;

  /** `after`: a bottle whose stores this one starts with, as a restart does; its time goes on. */
  constructor(configText: string, after?: BottledKennel, lists: NameLists = NO_LISTS) {
    this.meterStore = after?.meterStore ?? new MemoryMeterStore();
    this.evidence = after?.evidence ?? new Map();
    this.#nowMs = after === undefined ? 0 : after.#nowMs;
    this.pipeline = this.#assemble(configOf(configText), lists);
    this.pipeline.quarantines.load();
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs || !this.#timers.delete(timer)) continue;
      timer.act();
    }
    this.pipeline.quarantines.sweep();
    refreshKept(this.pipeline);
  }

  /** The same second by second, as the sweep timer sees it, with the answers of what Kennel asks by itself meanwhile. */
  async live(ms: number): Promise<void> {
    let leftMs = ms;
    while (leftMs > 0 && this.pipeline.kept.size > 0) {
      const stepMs = Math.min(leftMs, SWEEP_MS);
      leftMs -= stepMs;
      this.pass(stepMs);
      await settled();
    }
    if (leftMs > 0) this.pass(leftMs);
  }

  /** Watches these secrets from now on; one that cannot be watched is a mistake of the test. */
  watch(secrets: readonly { readonly name: string; readonly kind: SecretKind; readonly value: string }[]): void {
    this.#secrets.watch(
      secrets.map(({ name, kind, value }) => {
        const watching = watchSecret(name, kind, value, SECRETS_KEY);
        if (watching.kind === 'refused') throw new Error(`${name} ${watching.problem}`);
        return watching.secret;
      }),
    );
  }

  /** Asks and waits for the answer; null when there is none. */
  async ask(name: string, options: AskOptions = {}): Promise<Reply | null> {
    const answer = await this.send(queryPacket(name, options), options);
    return answer === null ? null : readReply(answer);
  }

  async send(packet: Uint8Array, options: AskOptions = {}): Promise<Uint8Array | null> {
    const source = {
      address: options.client ?? '10.0.0.5',
      port: 40_000,
      protocol: options.protocol ?? 'udp',
      listener: '127.0.0.1:53',
    } as const;
    return resolveQuery(this.pipeline, packet, source);
  }

  #assemble(config: Config, lists: NameLists): Pipeline {
    const clock = { wallMs: () => START_MS + this.#nowMs, monotonicMs: () => this.#nowMs };
    const sessions = new SessionTable(this.meterStore, 1_000, { low: 1, high: 2 }, config.sessions.prefixLengths.ipv6Budgets);
    const meters = new Meters(this.meterStore, { sessionParents: 1_000, fleetParents: 1_000, codeOctets: 16 * 1024 * 1024 });
    const quarantines = createQuarantines({
      clock,
      randomOctets: (count) => Uint8Array.from({ length: count }, () => this.#id++ & 0xff),
      ledger: {
        load: () => [...this.evidence.values()].map(({ record }) => record),
        history: (id) => this.evidence.get(id)?.history ?? [],
        commit: async (record, change) => {
          this.evidence.set(record.id, { record, history: [...(this.evidence.get(record.id)?.history ?? []), change] });
        },
        forget: async (ids) => {
          for (const id of ids) this.evidence.delete(id);
        },
      },
      onChange: (record, change) => {
        if (change.to !== 'released') return;
        sessions.openEpoch(sessions.open(record.session, clock.wallMs()), record.epoch + 1, [record.parent]);
        meters.openEpoch(sessions.open(record.session, clock.wallMs()).meters, [record.parent]);
      },
    });
    const groups = [...upstreamGroups(config).keys()];
    return {
      clock,
      after: (ms, act) => {
        const timer = { atMs: this.#nowMs + ms, act };
        this.#timers.add(timer);
        return () => void this.#timers.delete(timer);
      },
      newId: () => `d-${this.#id++}`,
      clients: addressSet(config.clients.allow),
      verifiedClients: addressSet(config.sessions.verified),
      sharedSessions: addressSet(config.sessions.shared),
      sessionPrefixes: config.sessions.prefixLengths,
      limits: config.limits,
      cookieSecrets: config.serverCookies.enabled ? () => [COOKIE_SECRET] : null,
      sourceRates: new SourceRates(COOKIE_SECRET),
      policies: compilePolicies(config, lists),
      naming: compileNaming(config, popularDomains('github.com\nwikipedia.org\n')),
      aliasRules: new AliasRules(config),
      contact: config.contact,
      queryLog:
        config.retention.decisions === 'all'
          ? createQueryLog({ ...config.retention, hashKey: { low: 1, high: 2 }, random: () => 0 })
          : null,
      sessions,
      meters,
      quarantines,
      kept: new KeptNames(),
      cache: createAnswerCache(config.cache),
      inFlight: createInFlight<CachedAnswer | UpstreamTrouble>(1_000),
      partitions: cachePartitions(config),
      upstreams: new Map(
        groups.map((id) => [id, { id, available: () => !this.allDown, exchange: (permit: SendPermit) => this.#exchange(id, permit) }]),
      ),
      groupsTrustedForAd: this.groupsTrustedForAd,
      ages: {
        ageDays: (domain) => {
          this.agesAsked.push(domain);
          return this.ages.get(domain) ?? 'unknown';
        },
        knownAgeDays: (domain) => this.ages.get(domain) ?? 'unknown',
      },
      secrets: this.#secrets,
      decisions: { record: (decision) => void this.decisions.push(decision) },
      metrics: { ...NOTHING_COUNTED, internalError: (cause) => void this.errors.push(cause) },
    };
  }

  async #exchange(group: string, permit: SendPermit): Promise<ExchangeResult> {
    redeem(permit);
    const question = { group, name: toPresentation(permit.qname), type: typeName(permit.qtype) };
    this.sent.push(question);
    await this.silence;
    const response = this.script(question);
    if (response === null) return { kind: 'failure', reason: 'timeout', detail: 'the script says nothing' };
    return { kind: 'response', response, upstream: 'script', latencyMs: 5 };
  }
}

/** Until everything that only waits for the scripted upstream has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function configOf(text: string): Config {
  const parsed = parseConfig(text, 'scenario.yaml', { resolvConf: null, stateFolder: '/nowhere' });
  if (!parsed.ok) throw new Error(parsed.errors.map(configErrorText).join('\n'));
  return parsed.config;
}

function queryPacket(name: string, options: AskOptions): Uint8Array {
  const opt = {
    type: 'OPT' as const,
    name: '.' as const,
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  return dnsPacket.encode({
    type: 'query',
    id: 4711,
    flags: dnsPacket.RECURSION_DESIRED | (options.wantsAd === true ? dnsPacket.AUTHENTIC_DATA : 0),
    questions: [{ type: packetType(options.type ?? 'A'), name }],
    additionals: options.plain === true ? [] : [opt],
  });
}

/** dns-packet makes type 0 of a mnemonic it does not know. */
function packetType(type: string): dnsPacket.RecordType {
  const spelled = type === 'HTTPS' ? 'UNKNOWN_65' : type === 'SVCB' ? 'UNKNOWN_64' : type;
  return spelled as dnsPacket.RecordType;
}

function readReply(octets: Uint8Array): Reply {
  const packet = dnsPacket.decode(Buffer.from(octets)) as dnsPacket.DecodedPacket & { rcode: string };
  const opt = packet.additionals?.find((record) => record.type === 'OPT');
  const options: readonly { readonly code: number; readonly data?: unknown }[] = opt?.type === 'OPT' ? opt.options : [];
  const ede = options.flatMap(({ code, data }) => {
    if (code !== 15 || !(data instanceof Uint8Array)) return [];
    return [{ code: Buffer.from(data).readUInt16BE(0), text: Buffer.from(data).subarray(2).toString('utf8') }];
  });
  return {
    rcode: packet.rcode,
    flags: { tc: packet.flag_tc, ad: packet.flag_ad, aa: packet.flag_aa },
    answers: packet.answers ?? [],
    authorities: packet.authorities ?? [],
    ede,
  };
}
