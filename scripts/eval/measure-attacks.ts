/**
 * Runs every attack under every condition it is reported for, and keeps what the report needs of each run.
 */
import type { PresetName } from '../../scoring/presets.ts';
import { type WatchedSecret, watchSecret } from '../../scoring/secrets/watch-secret.ts';
import type { Pipeline } from '../../src/pipeline/pipeline.ts';
import { captureNames, isHeldOut, sessionOfCapture, sessionOfClient } from '../calibrate/split.ts';
import {
  type Attack,
  type AttackSurroundings,
  channelAttacks,
  encodedAttacks,
  oneKeyAttacks,
  searchSuffixAttacks,
  slicedKeyAttacks,
  spreadAttacks,
} from './attacks.ts';
import { recordedAttacks, renamedAttack } from './captures.ts';
import { AGE_CONDITIONS, AGED, type Condition } from './conditions.ts';
import { runStream } from './run-stream.ts';

/** A name for a condition in tables. */
export type AttackCondition = 'aged' | 'unknown' | 'young' | 'first contact off' | 'interactive' | 'homelab' | 'default deny';

export interface AttackRun {
  readonly group: string;
  readonly condition: AttackCondition;
  readonly stream: string;
  readonly tool: string;
  /** Octets drawn at random, where a text has fewer bits than eight an octet. */
  readonly randomPayload: boolean;
  readonly queries: number;
  readonly forwarded: number;
  readonly payloadOctets: number;
  readonly quarantinedAt: number | null;
  readonly highestScore: number;
  /** The points were not fitted on any session of it; of simulations, see `isHeldOutRun`. */
  readonly heldOut: boolean;
}

export interface AttackSize {
  readonly encodingSeeds: number;
  readonly spreadSeeds: number;
  readonly renamings: number;
  readonly keys: number;
}

const GROUP_OF_RECORDINGS = 'recordings';

export async function measureAttacks(folder: string, surroundings: AttackSurroundings, size: AttackSize): Promise<AttackRun[]> {
  const isTaken = (domain: string): boolean => surroundings.popular.has(domain);
  const recorded = recordedAttacks(folder).flatMap((recording) =>
    Array.from(
      { length: size.renamings },
      (_unused, renaming): Attack => ({ group: GROUP_OF_RECORDINGS, stream: renamedAttack(recording, renaming, isTaken) }),
    ),
  );
  const encoded = encodedAttacks(surroundings, size.encodingSeeds);
  const spread = spreadAttacks(surroundings, size.spreadSeeds);
  const channels = [...channelAttacks(surroundings), ...searchSuffixAttacks(surroundings, size.spreadSeeds)];
  const keys = [...oneKeyAttacks(surroundings, size.keys), ...slicedKeyAttacks(surroundings, size.keys)];
  const all = [...recorded, ...encoded, ...spread, ...channels, ...keys];
  const large = [...recorded, ...encoded, ...spread];

  const captured = new Set(captureNames(folder));
  const runs: AttackRun[] = [];
  const add = async (
    attacks: readonly Attack[],
    condition: AttackCondition,
    preset: PresetName,
    age: Condition['age'],
    policy: readonly string[] = [],
  ): Promise<void> => {
    for (const attack of attacks) {
      runs.push(await run(attack, condition, { preset, age, policy }, isHeldOutRun(attack, captured)));
    }
  };
  for (const { name, age } of AGE_CONDITIONS) await add(all, name, 'agent', age);
  await add(all, 'first contact off', 'agent', 'unknown', ['firstContact: off']);
  await add(large, 'interactive', 'interactive', AGED);
  await add(large, 'homelab', 'homelab', AGED);
  await add(
    [...recorded, ...spread, ...channels, ...keys, ...encoded.filter((_attack, at) => at % 3 === 0)],
    'default deny',
    'agent',
    AGED,
    DEFAULT_DENY,
  );
  return runs;
}

const DEFAULT_DENY = [
  'default: deny',
  'allow:',
  '  - section: build',
  '    owner: platform',
  '    reason: what builds need',
  '    names: [registry.npmjs.org, github.com, raw.githubusercontent.com, "*.docker.com", pypi.org, files.pythonhosted.org, deb.debian.org]',
];

async function run(
  { group, stream, payload, sections, registered }: Attack,
  condition: AttackCondition,
  how: Condition,
  heldOut: boolean,
): Promise<AttackRun> {
  const change = registered === undefined ? undefined : (pipeline: Pipeline): void => pipeline.secrets.watch([watched(registered)]);
  const result = await runStream(stream, sections === undefined ? how : { ...how, sections }, change);
  const { queries, forwarded, payloadOctets, highestScore } = result;
  const quarantinedAt = result.quarantines[0]?.at ?? null;
  return {
    group,
    condition,
    stream: stream.name,
    tool: stream.tool,
    randomPayload: payload === 'keys',
    queries,
    forwarded,
    payloadOctets,
    quarantinedAt,
    highestScore,
    heldOut,
  };
}

/**
 * A recording is held out when no session of it was fitted on, under whatever parents it is replayed. A simulation is drawn from another
 * seed than those fitted on; it is split by the same hash of what its first session would be called there.
 */
function isHeldOutRun({ group, stream }: Attack, captured: ReadonlySet<string>): boolean {
  const clients = [...new Set(stream.queries.map(({ client }) => client))];
  if (group !== GROUP_OF_RECORDINGS) return isHeldOut(sessionOfClient(stream, clients[0] ?? ''));
  const name = stream.name.replace(/\/\d+$/, '');
  if (captured.has(name)) return isHeldOut(sessionOfCapture(name));
  return clients.every((client) => isHeldOut(sessionOfClient({ name: `${name}/0`, tool: stream.tool }, client)));
}

/** As `kennel secret add` registers it. */
function watched(value: string): WatchedSecret {
  const watching = watchSecret('evaluated', 'secret', value, { low: 0, high: 0 });
  if (watching.kind === 'refused') throw new Error(watching.problem);
  return watching.secret;
}
