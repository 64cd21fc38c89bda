/**
 * A flood of random names through a whole pipeline without sockets, while others go on asking for a set of popular names. Observing, so
 * that nothing is refused and every name reaches the cache: the worst that can happen to it. Owns the run and what is measured of it.
 */
import dnsPacket from 'dns-packet';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { configErrorText } from '../../src/config/problems.ts';
import { redeem } from '../../src/pipeline/permit.ts';
import type { Pipeline } from '../../src/pipeline/pipeline.ts';
import type { MeterStore, QuerySource } from '../../src/pipeline/ports.ts';
import { resolveQuery } from '../../src/pipeline/resolve-query.ts';
import { pipelineWithoutIo } from '../../src/replay/pipeline-without-io.ts';
import { Meters } from '../../src/session/meters.ts';
import { SessionTable } from '../../src/session/session.ts';
import { RCODE } from '../../src/wire/codes.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { seededRandom } from './seeded-random.ts';

export interface FloodOptions {
  /** Random names asked in all. */
  readonly names: number;
  /** Size of the popular set; one of it is asked for every `popularEvery` random names. */
  readonly popularNames: number;
  readonly popularEvery: number;
  /** A report is made after so many random names. */
  readonly reportEvery: number;
  /** Each random name is asked so many times in a row. */
  readonly timesEach?: number;
  /** YAML of `cache`. */
  readonly cache?: string;
}

export interface FloodReport {
  /** Random names asked so far. */
  readonly names: number;
  readonly rssOctets: number;
  /** JavaScript heap and array buffers; after a collection where `--expose-gc` is given. */
  readonly heapOctets: number;
  readonly cacheEntries: number;
  readonly cacheOctets: number;
  /** Part of the queries for popular names since the last report that the cache answered. */
  readonly popularHits: number;
}

/** Simulated time between two queries: 2,000 a second. */
const QUERY_MS = 0.5;

/** Of every answer. */
const TTL_SECONDS = 300;

/** As in a running Kennel. */
const METER_LIMITS = { sessionParents: 20_000, fleetParents: 20_000, codeOctets: 64 * 1024 * 1024 };

const FLOODER = '10.0.0.66';

export class NameFlood {
  readonly pipeline: Pipeline;
  readonly popular: readonly Uint8Array[];
  readonly #options: FloodOptions;
  readonly #random = seededRandom(7);
  #nowMs = 0;
  #sent = 0;

  constructor(options: FloodOptions) {
    this.#options = options;
    const pipeline = pipelineWithoutIo(configOf(options.cache ?? '{}'), {
      clock: { wallMs: () => 1_800_000_000_000 + this.#nowMs, monotonicMs: () => this.#nowMs },
      exchange: async (_group, permit) => {
        redeem(permit);
        this.#sent += 1;
        const answers = [addressRecord(permit.qname, '192.0.2.1', TTL_SECONDS)];
        const response = { rcode: RCODE.NOERROR, answers, authority: [], authenticData: false };
        return { kind: 'response', response, upstream: 'flood', latencyMs: 1 };
      },
    });
    // Its store in memory keeps what a running Kennel has on disk.
    const store = new ForgetfulStore();
    this.pipeline = {
      ...pipeline,
      meters: new Meters(store, METER_LIMITS),
      sessions: new SessionTable(store, 10_000, { low: 1, high: 2 }),
    };
    this.popular = Array.from({ length: options.popularNames }, (_, n) => packet(`www.site${n}.example`));
  }

  /** The whole run; reports go to `onReport`, the first before the flood begins. */
  async run(onReport: (report: FloodReport) => void): Promise<void> {
    const { names, popularEvery, reportEvery, timesEach = 1 } = this.#options;
    await this.#askPopular(2 * this.popular.length);
    onReport(this.#report(0, await this.#askPopular(this.popular.length)));
    let asked = 0;
    let answered = 0;
    for (let n = 1; n <= names; n++) {
      const query = packet(this.#randomName(n));
      for (let time = 0; time < timesEach; time++) await this.ask(query, FLOODER);
      if (n % popularEvery === 0) {
        asked += 1;
        if (await this.#askPopularAt(asked)) answered += 1;
      }
      if (n % reportEvery !== 0) continue;
      onReport(this.#report(n, answered / asked));
      asked = 0;
      answered = 0;
    }
  }

  /** One query, with its share of simulated time; whether the cache had the answer. */
  async ask(query: Uint8Array, address: string): Promise<boolean> {
    this.#nowMs += QUERY_MS;
    const source: QuerySource = { address, port: 40_000, protocol: 'udp', listener: '127.0.0.1:53' };
    const answer = resolveQuery(this.pipeline, query, source);
    if (!(answer instanceof Promise)) return true;
    await answer;
    return false;
  }

  /** Part of the next so many queries for popular names that the cache answered. */
  async #askPopular(count: number): Promise<number> {
    let answered = 0;
    for (let n = 0; n < count; n++) if (await this.#askPopularAt(n)) answered += 1;
    return answered / count;
  }

  #askPopularAt(n: number): Promise<boolean> {
    const query = this.popular[n % this.popular.length];
    if (query === undefined) throw new Error('no popular names');
    return this.ask(query, `10.0.1.${n % 50}`);
  }

  /** Half below one parent, half below parents of their own. */
  #randomName(n: number): string {
    const label = `${this.#random.below(2 ** 32).toString(36)}-${n.toString(36)}`;
    return n % 2 === 0 ? `${label}.flood.example` : `w.${label}.example`;
  }

  #report(names: number, popularHits: number): FloodReport {
    globalThis.gc?.();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    const { size, octets } = this.pipeline.cache;
    return { names, rssOctets: rss, heapOctets: heapUsed + arrayBuffers, cacheEntries: size, cacheOctets: octets, popularHits };
  }
}

/** Bits are spent and nothing is written: observing, no budget is read back. */
class ForgetfulStore implements MeterStore {
  loadSession = (): null => null;
  loadMeter = (): null => null;
  listMeters = (): [] => [];
  saveMeters = (): void => undefined;
  firstSentMs = (): null => null;
  saveCounters = (): void => undefined;
  openSessionEpoch = (): void => undefined;
  openMeterEpoch = (): void => undefined;
  listSessions = (): [] => [];
}

function packet(name: string): Uint8Array {
  return dnsPacket.encode({ type: 'query', id: 4711, flags: dnsPacket.RECURSION_DESIRED, questions: [{ type: 'A', name }] });
}

function configOf(cache: string): Config {
  const text = `mode: observe\nupstreams: ["udp://192.0.2.53"]\nlimits: off\ncache: ${cache}\n`;
  const parsed = parseConfig(text, 'flood.yaml', { resolvConf: null, stateFolder: '/nowhere' });
  if (!parsed.ok) throw new Error(parsed.errors.map(configErrorText).join('\n'));
  return parsed.config;
}
