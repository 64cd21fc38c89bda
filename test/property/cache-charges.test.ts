/** Whatever is asked, and however upstreams behave: each question that leaves is charged for, and nothing is charged that does not leave. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { UpstreamResponse } from '../../src/pipeline/ports.ts';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord, soaRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from '../scenario/bottled-kennel.ts';

const CONFIG = `
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
zones: { corp.example.org: ["udp://10.0.0.53"] }
policies:
  - { name: a, match: { cidr: ["10.1.0.0/16"] }, default: allow, budgets: off, cache: { isolate: true } }
  - { name: b, match: {}, default: allow, budgets: off }
`;

/** Popular, of a trusted zone, and of nobody. */
const NAMES = ['api.github.com', 'www.wikipedia.org', 'host.corp.example.org', 'www.example.net', 'gone.github.com'];

type Upstream = 'answers' | 'is-silent' | 'fails' | 'is-down' | 'is-slow';

type Step =
  | { readonly act: 'ask'; readonly name: string; readonly type: string; readonly client: string }
  | { readonly act: 'wait'; readonly ms: number }
  | { readonly act: 'change'; readonly upstream: Upstream };

const client = fc.constantFrom('10.1.0.5', '10.2.0.5', '10.2.0.6');
const ask = fc.record({
  act: fc.constant('ask' as const),
  name: fc.constantFrom(...NAMES),
  type: fc.constantFrom('A', 'A', 'AAAA'),
  client,
});

/** Until into the last tenth of its TTL. */
const popular = ask.map((one): Step[] => [one, one, one, one, { act: 'wait', ms: 275_000 }, one]);

const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: ask.map((one): Step[] => [one]) },
      { weight: 1, arbitrary: popular },
      { weight: 3, arbitrary: fc.constantFrom(500, 1_800, 27_000, 301_000).map((ms): Step[] => [{ act: 'wait', ms }]) },
      {
        weight: 2,
        arbitrary: fc
          .constantFrom<Upstream[]>('answers', 'answers', 'is-silent', 'fails', 'is-down', 'is-slow')
          .map((upstream): Step[] => [{ act: 'change', upstream }]),
      },
    ),
    { minLength: 10, maxLength: 60 },
  )
  .map((parts) => parts.flat());

/** Until all that waits for nothing but promises has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function answerTo(name: string, type: string): UpstreamResponse {
  const qname = requireName(name);
  const nothing = { answers: [], authority: [soaRecord(qname, 60, 60)], authenticData: false };
  if (name.startsWith('gone')) return { rcode: RCODE.NXDOMAIN, ...nothing };
  if (type !== 'A') return { rcode: RCODE.NOERROR, ...nothing };
  return { rcode: RCODE.NOERROR, answers: [addressRecord(qname, '198.51.100.7', 300)], authority: [], authenticData: false };
}

class Play {
  readonly kennel = new BottledKennel(CONFIG);
  readonly waiting: Promise<unknown>[] = [];
  charges = 0;
  stale = 0;
  prefetched = 0;
  #upstream: Upstream = 'answers';
  #slow = Promise.withResolvers<void>();

  constructor() {
    const { kennel } = this;
    kennel.ages.set('example.net', 3_000);
    const { meters, metrics } = kennel.pipeline;
    const charge = meters.charge.bind(meters);
    Object.assign(meters, {
      charge: (...args: Parameters<typeof charge>) => {
        this.charges += 1;
        return charge(...args);
      },
    });
    Object.assign(metrics, { servedStale: () => void this.stale++, prefetched: () => void this.prefetched++ });
    kennel.script = ({ name, type }) => {
      if (this.#upstream === 'is-silent') return null;
      return this.#upstream === 'fails'
        ? { rcode: RCODE.SERVFAIL, answers: [], authority: [], authenticData: false }
        : answerTo(name, type);
    };
  }

  step(next: Step): void {
    switch (next.act) {
      case 'ask':
        this.waiting.push(this.kennel.ask(next.name, { type: next.type, client: next.client }));
        break;
      case 'wait':
        this.kennel.pass(next.ms);
        break;
      case 'change':
        this.#change(next.upstream);
        break;
    }
  }

  async end(): Promise<void> {
    this.#change('answers');
    await Promise.all(this.waiting);
    await settled();
  }

  #change(upstream: Upstream): void {
    this.#upstream = upstream;
    this.#slow.resolve();
    this.#slow = Promise.withResolvers();
    this.kennel.silence = upstream === 'is-slow' ? this.#slow.promise : null;
    this.kennel.allDown = upstream === 'is-down';
  }
}

test('sends and charges are one and the same, with stale answers and prefetching', async () => {
  let stale = 0;
  let prefetched = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const play = new Play();
      for (const next of all) {
        play.step(next);
        await settled();
        expect(play.kennel.sent.length).toBe(play.charges);
      }
      await play.end();
      expect(play.kennel.sent.length).toBe(play.charges);
      expect(play.kennel.pipeline.inFlight.size).toBe(0);
      expect(play.kennel.errors).toEqual([]);
      stale += play.stale;
      prefetched += play.prefetched;
    }),
    { numRuns: 150, seed: 11 },
  );
  // Both have happened, or the test has shown nothing of them.
  expect(Math.min(stale, prefetched)).toBeGreaterThan(20);
}, 60_000);
