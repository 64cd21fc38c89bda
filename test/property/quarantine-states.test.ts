/** The quarantine's states against a model of a few lines, over any order of events, restarts included. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createQuarantines, type Quarantines, type SessionState } from '../../src/quarantine/quarantine.ts';
import { MemoryLedger } from '../unit/quarantine/memory-ledger.ts';
import { TurningClock } from '../unit/quarantine/turning-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SESSIONS = ['a', 'b'];

type Step =
  | { readonly kind: 'quarantine' | 'release' | 'confirm'; readonly session: string }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'sweep' | 'restart' };

const session = fc.constantFrom(...SESSIONS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('quarantine' as const, 'release' as const, 'confirm' as const), session }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1_000, 20 * 60_000, HOUR_MS, DAY_MS) }),
  fc.record({ kind: fc.constantFrom('sweep' as const, 'restart' as const) }),
);

/** What a person would expect of one session. */
class Model {
  #untilMs: number | null = null;
  #confirmed = false;
  epoch = 0;

  state(nowMs: number): SessionState {
    if (this.#confirmed) return 'quarantined';
    if (this.#untilMs === null || nowMs >= this.#untilMs + DAY_MS) return 'normal';
    return nowMs < this.#untilMs ? 'quarantined' : 'watch';
  }

  quarantine(nowMs: number): void {
    if (!this.#confirmed) this.#untilMs = nowMs + HOUR_MS;
  }

  release(): void {
    this.#untilMs = null;
    this.#confirmed = false;
    this.epoch += 1;
  }

  confirm(): void {
    this.#confirmed = true;
  }
}

describe('quarantine states', () => {
  test('are what a person would expect, after any order of events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const ledger = new MemoryLedger();
        const clock = new TurningClock();
        let drawn = 0;
        const randomOctets = (count: number): Uint8Array => {
          drawn += 1;
          return Uint8Array.from({ length: count }, (_, place) => Math.floor(drawn / 32 ** place) % 32);
        };
        const start = (): Quarantines => {
          // Every extension is written, so that a restart finds exactly what the process knew.
          const started = createQuarantines({ ledger, clock, randomOctets, limits: { extendEveryMs: 0, newPerSecond: 1_000 } });
          started.load();
          return started;
        };
        let quarantines = start();
        const models = new Map(SESSIONS.map((name) => [name, new Model()]));
        const latest = new Map<string, string>();

        const act = async (what: Step): Promise<void> => {
          switch (what.kind) {
            case 'pass':
              return clock.pass(what.ms);
            case 'sweep':
              return quarantines.sweep();
            case 'restart':
              quarantines = start();
              return;
            case 'quarantine': {
              const { record, durable } = quarantines.quarantine({
                session: what.session,
                epoch: models.get(what.session)?.epoch ?? 0,
                policy: 'p',
                parent: 'x.example',
                qname: 'x.example',
                qtype: 'A',
                score: 80,
                signals: [],
                leakBits: 1,
                reason: 'score',
                forMs: HOUR_MS,
              });
              await durable;
              latest.set(what.session, record.id);
              models.get(what.session)?.quarantine(clock.wallMs());
              return;
            }
            case 'release':
            case 'confirm': {
              const result = await quarantines[what.kind](latest.get(what.session) ?? 'q-none', { actor: 'ann', reason: 'because' });
              if (result.kind === 'ok') models.get(what.session)?.[what.kind]();
            }
          }
        };
        for (const what of steps) {
          await act(what);
          // The ledger in memory answers a microtask later.
          await Promise.resolve();
          for (const [name, model] of models) {
            expect(quarantines.stateOf(name)).toBe(model.state(clock.wallMs()));
            expect(quarantines.epochOf(name)).toBeLessThanOrEqual(model.epoch);
          }
        }
        // The history of each record is an unbroken chain; only the passing of time may be left out of it.
        for (const record of ledger.load()) {
          const history = ledger.history(record.id);
          expect(history[0]?.from).toBe('normal');
          for (let n = 1; n < history.length; n++) {
            const before = history[n - 1]?.to;
            expect([before, before === 'quarantined' ? 'watch' : before]).toContain(history[n]?.from);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
