/**
 * Kennel's answers beside those of the server it asks, for every name, RR type, transport and kind of client, fresh and cached:
 * Unbound with and without validation, and NSD itself. What differs on purpose is a row of `deliberate-differences.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Kennel } from '../lab/kennel-process.ts';
import { type LoopbackServer, startNsd, startUnbound } from '../lab/loopback-servers.ts';
import type { ReadMessage } from '../lab/message-reader.ts';
import { type LocalZones, prepareZones } from '../lab/signed-zones.ts';
import { askAll, type Transport } from './ask-all.ts';
import { differencesOf } from './compare.ts';
import { DELIBERATE_DIFFERENCES, EARLIER_TRUNCATIONS, expectedOf } from './deliberate-differences.ts';
import { startKennelBefore } from './kennel-before.ts';
import { CLIENTS, LARGE_RRSETS, NAMES, type Question, TYPE_NAMES } from './questions.ts';

const MOST_SHOWN = 12;
/** Of names that are on no list. */
const TTL_FLOOR_SECONDS = 60;

let zones: LocalZones;
let nsd: LoopbackServer;
beforeAll(async () => {
  zones = await prepareZones(LARGE_RRSETS);
  nsd = await startNsd(zones.all);
});
afterAll(async () => {
  await nsd?.stop();
  zones?.remove();
});

const used = new Set<string>();
let comparisons = 0;
afterAll(() => console.log(`${comparisons} answers compared`));

interface Behind {
  readonly server: string;
  readonly allowlisted: boolean;
  start(): Promise<LoopbackServer>;
}

const SERVERS: readonly Behind[] = [
  {
    server: 'a validating Unbound',
    allowlisted: true,
    start: () => startUnbound({ zones: zones.all, authority: nsd, trustAnchorFile: zones.trustAnchorFile }),
  },
  { server: 'an Unbound that does not validate', allowlisted: true, start: () => startUnbound({ zones: zones.all, authority: nsd }) },
  { server: 'NSD', allowlisted: false, start: async () => ({ ...nsd, stop: async () => undefined }) },
];

describe.each(SERVERS)('in front of $server', ({ allowlisted, start }) => {
  let upstream: LoopbackServer;
  let startedMs: number;
  /** Keeps answers as usual; every question of a test is asked before, so that its answer is in the cache. */
  let caching: Kennel;
  /** Has room for one answer, so that practically each is fresh. */
  let forgetful: Kennel;
  beforeAll(async () => {
    upstream = await start();
    startedMs = performance.now();
    caching = await startKennelBefore(upstream, { mode: 'observe', allowlisted });
    forgetful = await startKennelBefore(upstream, { mode: 'observe', allowlisted, maxEntries: 1 });
  });
  afterAll(async () => {
    await caching?.remove();
    await forgetful?.remove();
    await upstream?.stop();
  });

  test.each(NAMES)('%s: %s', async (_what, name) => {
    const questions = TYPE_NAMES.flatMap((type) => CLIENTS.map((client) => ({ name, type, client })));
    const theirs = await askOther(upstream, questions);
    await askAll(caching, 'UDP', questions);
    const differences = new Differences();
    for (const [state, kennel] of Object.entries({ cached: caching, fresh: forgetful })) {
      const ours = { TCP: await askAll(kennel, 'TCP', questions), UDP: await askAll(kennel, 'UDP', questions) };
      const ttlSlackSeconds = Math.ceil((performance.now() - startedMs) / 1000) + 1;
      for (const [index, question] of questions.entries()) {
        const expected = expectedOf(at(theirs.TCP, index), question, { ttlFloorSeconds: allowlisted ? 0 : TTL_FLOOR_SECONDS }, used);
        const wholeOctets = at(ours.TCP, index).octets;
        const common = { question, expected, ttlSlackSeconds, wholeOctets, theirsOverUdp: at(theirs.UDP, index), used };
        for (const transport of ['TCP', 'UDP'] as const) {
          comparisons += 1;
          const found = differencesOf({ ...common, transport, actual: at(ours[transport], index) });
          differences.add(found, question, `${state}, ${transport}, ${question.client.says}`);
        }
      }
    }
    expect(differences.summary()).toEqual([]);
  });
});

/**
 * The other server's answers: whole ones (TCP) to compare with, and those over UDP. It is asked without CD, because to Kennel that
 * bit is an echo and nothing else: data that the upstream finds bogus stays SERVFAIL, whoever asks (`validation.differential.ts`).
 */
async function askOther(server: LoopbackServer, questions: readonly Question[]): Promise<Record<Transport, ReadMessage[]>> {
  const asked = questions.map((question) => ({ ...question, client: { ...question.client, checkingDisabled: false } }));
  return { TCP: await askAll(server, 'TCP', asked), UDP: await askAll(server, 'UDP', asked) };
}

function at(messages: readonly ReadMessage[], index: number): ReadMessage {
  const message = messages[index];
  if (message === undefined) throw new Error('a question without an answer');
  return message;
}

/** Equal differences of several clients in one line: most faults show themselves to many of them. */
class Differences {
  readonly #where = new Map<string, string[]>();

  add(differences: readonly string[], { type }: Question, where: string): void {
    for (const difference of differences) {
      const key = `${type}: ${difference}`;
      const places = this.#where.get(key);
      if (places === undefined) this.#where.set(key, [where]);
      else places.push(where);
    }
  }

  summary(): string[] {
    return [...this.#where].slice(0, MOST_SHOWN).map(([difference, places]) => `${difference} (${places.length} times: ${places[0]} …)`);
  }
}

test('every deliberate difference was met', () => {
  expect([...used].sort()).toEqual([...DELIBERATE_DIFFERENCES, ...EARLIER_TRUNCATIONS].map(({ what }) => what).sort());
});
