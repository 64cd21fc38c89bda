/**
 * What the points are fitted on: the captures with their answers, the other recordings, benign simulations and simulated thefts. What
 * the data hold and where they come from is said in the README of their folder; nothing of them is copied.
 */
import { join } from 'node:path';
import { loadPopularDomains } from '../../src/policy/popular-domains.ts';
import { loadShippedNames } from '../../src/policy/shipped-names.ts';
import { readRecording } from '../../src/replay/open-recording.ts';
import type { ReplayQuery } from '../../src/replay/replay.ts';
import { encodedAttacks } from '../eval/attacks.ts';
import { benignStreams } from '../eval/benign.ts';
import { readList, recordedAttacks, renamedAttack } from '../eval/captures.ts';
import type { Stream } from '../eval/stream.ts';
import type { LabelledTrace } from './labelled-streams.ts';
import { captureNames, sessionOfCapture, sessionOfClient } from './split.ts';

/** Drawn apart from the evaluation's: what is reported there must not have been fitted on here. */
const SEED = 'calibration';

const BENIGN_SIZE = { people: 12, browsingDays: 2, householdDays: 3, listNames: 4_000 };

/** Encodings at several sizes and paces; each theft once. */
const THEFTS_EACH = 1;

/** All traces that the data below `folder` allow. */
export async function labelledTraces(folder: string): Promise<LabelledTrace[]> {
  const popular = loadPopularDomains();
  const isTaken = (domain: string): boolean => popular.has(domain);
  const captured = await capturedTraces(folder);
  const known = new Set(captured.map(({ session }) => session));
  const tunnels = recordedAttacks(folder)
    .filter(({ name }) => !known.has(name))
    .flatMap((recorded) => tracesOf(renamedAttack(recorded, 0, isTaken), true));
  const benign = benignStreams(folder, SEED, BENIGN_SIZE, isTaken)
    // Names that carry data by design are left to lists: the fit must not learn to let them pass.
    .filter(({ kind, stream }) => kind !== 'hard' && !known.has(stream.name))
    .flatMap(({ stream }) => tracesOf(stream, false));
  const popularNames = readList(folder, 'benign/tranco10k.txt.gz');
  const thefts = encodedAttacks({ seed: SEED, popular, shipped: loadShippedNames(), popularNames }, THEFTS_EACH);
  return [...captured, ...tunnels, ...benign, ...thefts.flatMap(({ stream }) => tracesOf(stream, true))];
}

/** One trace a client of a stream. */
function tracesOf(stream: Stream, attack: boolean): LabelledTrace[] {
  const clients = new Map<string, ReplayQuery[]>();
  for (const query of stream.queries) {
    const own = clients.get(query.client) ?? [];
    clients.set(query.client, own);
    own.push(query);
  }
  return [...clients].map(([client, queries]) => ({ ...sessionOfClient(stream, client), attack, queries }));
}

/** The packet captures hold what was answered. */
async function capturedTraces(folder: string): Promise<LabelledTrace[]> {
  const traces: LabelledTrace[] = [];
  for (const name of captureNames(folder)) {
    if (LEFT_TO_LISTS.has(name)) continue;
    const queries: ReplayQuery[] = [];
    for await (const batch of readRecording(join(folder, 'captures', `${name}.pcap.gz`), READING, NOBODY_LISTENS)) queries.push(...batch);
    traces.push({ ...sessionOfCapture(name), attack: !name.startsWith('benign-'), queries });
  }
  return traces;
}

const LEFT_TO_LISTS: ReadonlySet<string> = new Set(['benign-antivirus', 'benign-cloud']);

/** Captures say their year themselves. */
const READING = { ports: [53], nowMs: 0 };

const NOBODY_LISTENS = { opened: () => undefined, read: () => undefined, problem: () => undefined, leftOut: () => undefined };
