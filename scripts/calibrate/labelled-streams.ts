/**
 * The labelled data that the points are fitted on: what one session asks below one parent, query by query, as the signals measure it.
 * Owns what is drawn and how it weighs. Everything runs through the replay of the real pipeline; budgets act there,
 * scores do not, because they must not shape what they are fitted on.
 */
import { SIGNAL_RULES, type SignalName } from '../../scoring/assess.ts';
import type { Observation } from '../../scoring/observation.ts';
import { triedVolumeDoublings } from '../../scoring/signals/information-volume.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { Replay, type ReplayQuery } from '../../src/replay/replay.ts';
import type { SessionOfTool } from './split.ts';

/** Queries of one client, or of several that belong together. */
export interface LabelledTrace extends SessionOfTool {
  readonly attack: boolean;
  readonly queries: readonly ReplayQuery[];
}

/** One query at its place in its stream. */
export interface Row {
  readonly tool: string;
  readonly attack: boolean;
  /** Points count in part below a parent somebody vouches for. */
  readonly standing: Observation['standing'];
  /** What each signal measures, in the order of `SIGNAL_RULES`; NaN where it is absent. */
  readonly measured: Float64Array;
  /** Of one stream, before the two sides are balanced. */
  readonly weight: number;
}

export const SIGNAL_NAMES: readonly SignalName[] = SIGNAL_RULES.map(({ name }) => name);

/** An attack's query counts in full once this much was tried; before, one name is not yet evidence. */
const FULL_EVIDENCE_BITS = 3000;

/** Streams below popular parents show what benign fan-out looks like, but are scored at a tenth in use. */
const VOUCHED_STREAM_WEIGHT = 0.25;

/** Enough to show a stream's course. */
const MAX_ROWS_PER_STREAM = 600;

/** The rows of a trace. Names of this site's own zones are left out: nothing is decided by their score. */
export async function rowsOf(trace: LabelledTrace): Promise<Row[]> {
  const streams = new Map<string, Row[]>();
  const replay = new Replay({
    config: unscored(),
    responses: 'captured',
    onJudged: ({ observation, domain }) => {
      if (observation.standing === 'trusted') return;
      const stream = streams.get(domain.parent) ?? [];
      streams.set(domain.parent, stream);
      if (stream.length >= MAX_ROWS_PER_STREAM) return;
      stream.push({
        tool: trace.tool,
        attack: trace.attack,
        standing: observation.standing,
        measured: Float64Array.from(SIGNAL_RULES, ({ measure }) => measure(observation) ?? Number.NaN),
        weight: weightOf(trace.attack, observation),
      });
    },
  });
  for (const query of trace.queries) await replay.ask(query);
  await replay.finish();
  // A long stream must not drown the short ones; nor is it worth only as much as one query.
  return [...streams.values()].flatMap((stream) => stream.map((row) => ({ ...row, weight: row.weight / Math.sqrt(stream.length) })));
}

function weightOf(attack: boolean, observation: Observation): number {
  if (attack) return Math.min(2 ** triedVolumeDoublings(observation) / FULL_EVIDENCE_BITS, 1);
  return observation.standing === 'unlisted' ? 1 : VOUCHED_STREAM_WEIGHT;
}

const CONFIG = `
mode: enforce
limits: off
upstreams: ["udp://198.51.100.53"]
policies: [{ name: all, preset: agent, firstContact: off }]
`;

const UNREACHABLE = 101;

/** The `agent` preset without verdicts by score or first contact. */
function unscored(): Config {
  const parsed = parseConfig(CONFIG, 'calibration', { resolvConf: null, stateFolder: '/nowhere' });
  if (!parsed.ok) throw new Error(parsed.errors.map(({ message }) => message).join('; '));
  const thresholds = { flag: UNREACHABLE, refuse: UNREACHABLE, quarantine: UNREACHABLE };
  return { ...parsed.config, policies: parsed.config.policies.map((policy) => ({ ...policy, thresholds })) };
}
