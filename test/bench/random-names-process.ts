/**
 * The flood of `random-names.ts` against Kennel as its users run it: a process of its own, over UDP, with an authority in a third one.
 * Names that nobody has asked for come as fast as they are answered, and one of 200 popular names with every tenth of them.
 */
import { readFileSync } from 'node:fs';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { type AuthorityProcess, startAuthorityProcess } from './authority-process.ts';
import { readMetrics } from './control-metrics.ts';
import { WindowClient } from './window-client.ts';

/** In flight at a time. */
const WIDTH = 100;
const POPULAR_NAMES = 200;
const POPULAR_EVERY = 10;

interface Flood {
  readonly kennel: Kennel;
  readonly authority: AuthorityProcess;
  readonly flooder: WindowClient;
  readonly others: WindowClient;
}

/** Prints a line at the start, at 100,000, at every 250,000 names and at the end. */
export async function floodProcess(names: number, cache: Readonly<Record<string, unknown>>): Promise<void> {
  const authority = await startAuthorityProcess();
  const kennel = await startKennelOnLoopback({ mode: 'observe', upstreams: [authority.url], limits: 'off', reputation: 'off', cache });
  const flooder = await WindowClient.open(kennel.port, '127.0.0.66');
  const others = await WindowClient.open(kennel.port, '127.0.1.1');
  try {
    await flood({ kennel, authority, flooder, others }, names);
  } finally {
    flooder.close();
    others.close();
    await kennel.remove();
    authority.close();
  }
}

async function flood({ kennel, authority, flooder, others }: Flood, names: number): Promise<void> {
  const random = seededRandom(7);
  let popularAsked = 0;
  let popularSent = 0;
  let popularWaiting: Promise<unknown>[] = [];
  const askPopular = (): void => {
    popularWaiting.push(others.ask(`www.site${popularAsked % POPULAR_NAMES}.popular.example`));
    popularAsked += 1;
  };
  const startedMs = performance.now();
  const report = async (asked: number): Promise<void> => {
    await Promise.all(popularWaiting);
    popularWaiting = [];
    const { popular } = await authority.counts();
    const hits = popularAsked === 0 ? 0 : 1 - (popular - popularSent) / popularAsked;
    const metrics = await readMetrics(kennel);
    const columns = [
      String(asked).padStart(9),
      ((performance.now() - startedMs) / 1000).toFixed(0).padStart(6),
      processorSeconds(kennel.pid()).toFixed(0).padStart(6),
      (kennel.residentOctets() / 2 ** 20).toFixed(1).padStart(8),
      String(metrics.get('kennel_cache_entries') ?? Number.NaN).padStart(8),
      ((metrics.get('kennel_cache_octets') ?? Number.NaN) / 2 ** 20).toFixed(1).padStart(10),
      (100 * hits).toFixed(2).padStart(14),
    ];
    process.stdout.write(`${columns.join(' ')}\n`);
    popularSent = popular;
    popularAsked = 0;
  };

  process.stdout.write('    NAMES      S  CPU S  RSS MiB  ENTRIES OCTETS MiB POPULAR HITS %\n');
  for (let round = 0; round < 3 * POPULAR_NAMES; round++) {
    if (round === 2 * POPULAR_NAMES) {
      await Promise.all(popularWaiting);
      popularSent = (await authority.counts()).popular;
      popularAsked = 0;
    }
    askPopular();
  }
  await report(0);

  const stops = [...new Set([Math.min(100_000, names), ...Array.from({ length: 64 }, (_, n) => (n + 1) * 250_000), names])];
  let asked = 0;
  for (const stop of stops.filter((at) => at <= names).sort((one, other) => one - other)) {
    await flooder.askAll(() => {
      if (asked === stop) return null;
      asked += 1;
      if (asked % POPULAR_EVERY === 0) askPopular();
      const label = `${random.below(2 ** 32).toString(36)}-${asked.toString(36)}`;
      return asked % 2 === 0 ? `${label}.flood.example` : `w.${label}.example`;
    }, WIDTH);
    await report(asked);
  }
  for (const [who, { outcomes }] of [
    ['random names', flooder],
    ['popular names', others],
  ] as const) {
    const { answered, servfail, refused, silent } = outcomes;
    const share = (100 * answered) / (answered + servfail + refused + silent);
    process.stdout.write(`${who}: ${share.toFixed(3)} % answered; SERVFAIL ${servfail}, other codes ${refused}, silence ${silent}\n`);
  }
}

/** Of all threads since the start; from Linux, in ticks of 10 ms. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
