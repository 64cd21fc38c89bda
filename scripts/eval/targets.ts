/**
 * What the evaluation is held to: each target with what was measured for it. The worst condition counts.
 */

import { figure, percent } from './markdown.ts';
import type { AttackCondition, AttackRun } from './measure-attacks.ts';
import type { BenignRun } from './measure-benign.ts';
import { median, rateOf, sum } from './statistics.ts';

export interface Target {
  /** Under which a miss is explained in `docs/evaluation/misses.md`. */
  readonly id: string;
  readonly subject: string;
  readonly target: string;
  readonly measured: string;
  /** Null: nothing was there to measure. */
  readonly met: boolean | null;
}

/** Conditions of the unattended presets, which the octet targets are for. */
const UNATTENDED: readonly AttackCondition[] = ['aged', 'unknown', 'young', 'first contact off'];

export function targetsOf(attacks: readonly AttackRun[], benign: readonly BenignRun[], seed: string): Target[] {
  const unattended = attacks.filter((run) => UNATTENDED.includes(run.condition));
  const recordings = unattended.filter((run) => run.group === 'recordings');
  const most = (id: string, subject: string, limit: number, runs: readonly AttackRun[]): Target => {
    const octets = runs.map((run) => run.payloadOctets);
    const worst = Math.max(...octets);
    return {
      id,
      subject,
      target: limit === 0 ? '0' : `≤ ${limit}`,
      measured: runs.length === 0 ? 'not measured' : `${figure(worst)} (${runs.length} runs)`,
      met: runs.length === 0 ? null : worst <= limit,
    };
  };
  const oneParent = unattended.filter(
    (run) =>
      run.group === 'encodings' || (run.group === 'recordings' && run.tool.startsWith('agent-') && run.tool !== 'agent-many-domains'),
  );
  const groups = (...names: string[]): AttackRun[] => unattended.filter((run) => names.includes(run.group));
  const channels = groups('letter case', 'types that are not permitted');
  const metered = unattended.filter((run) => /^(?:types that are permitted|order of|repeats of)/.test(run.group));
  return [
    most(
      'iodine',
      'iodine, every type and codec',
      0,
      recordings.filter((run) => run.tool === 'iodine'),
    ),
    most(
      'dns2tcp',
      'dns2tcp, any speed',
      0,
      recordings.filter((run) => run.tool === 'dns2tcp'),
    ),
    most(
      'dnscat2',
      'dnscat2, encrypted and plain',
      48,
      recordings.filter((run) => run.tool === 'dnscat2'),
    ),
    most(
      'dnsexfiltrator',
      'DNSExfiltrator, each session',
      96,
      recordings.filter((run) => run.tool === 'dnsexfiltrator'),
    ),
    ...UNATTENDED.map((condition) =>
      medianTarget(
        condition,
        oneParent.filter((run) => run.condition === condition),
      ),
    ),
    most('encodings-most', 'the same, the worst run', 96, oneParent),
    most(
      'encodings-random',
      'the same, the worst run that stole random octets',
      96,
      oneParent.filter((run) => run.randomPayload),
    ),
    most('search-suffix', 'names repeated under a search suffix', 96, groups('under a search suffix')),
    most('spread', 'spread over 40-100 parents', 256, [...groups('40 parents', '100 parents')]),
    most('spread-256', 'spread over 256 parents', 256, [
      ...groups('256 parents'),
      ...recordings.filter((run) => run.tool === 'agent-many-domains'),
    ]),
    most('popular', 'popular parent', 96, groups('popular parent')),
    most(
      'shared',
      'dynamic-DNS, OAST, tunnel or request-bin parent',
      96,
      groups('dynamic-dns parent', 'oast parent', 'tunnel parent', 'request-bin parent'),
    ),
    most(
      'sessions',
      '2, 10 or 50 sessions, one parent, all together',
      128,
      groups('2 sessions, one parent', '10 sessions, one parent', '50 sessions, one parent'),
    ),
    most('closed-channels', 'letter case; types that are not permitted', 0, channels),
    most('metered-channels', 'order, repeats and permitted types of ordinary names', 96, metered),
    keyTarget(
      'registered',
      'one registered key in one query, arrived',
      0,
      unattended.filter((run) => run.group.startsWith('one query: registered')),
    ),
    most(
      'registered-slices',
      'a registered key of 36 octets in slices of 6: half of it at most',
      18,
      groups('registered key in slices of 6 octets'),
    ),
    keyTarget(
      'key-shaped',
      'one key of a well-known form in one query, arrived',
      0,
      unattended.filter((run) => run.group.startsWith('one query: key-shaped')),
    ),
    keyTarget(
      'one-key',
      'one key without a form, parent of unknown age, arrived',
      0.1,
      attacks.filter((run) => run.condition === 'unknown' && run.group.startsWith('one query: key without')),
    ),
    most(
      'default-deny',
      'default deny, every attack',
      0,
      attacks.filter((run) => run.condition === 'default deny'),
    ),
    quarantineTarget(
      'everyday',
      'everyday traffic: false quarantines per million queries',
      1,
      benign.filter((run) => run.own && run.kind === 'everyday'),
      seed,
    ),
    quarantineTarget(
      'hard',
      'hard benign traffic: false quarantines per million queries',
      10,
      benign.filter((run) => run.own && run.kind === 'hard'),
      seed,
    ),
    quarantineTarget(
      'site',
      'intranet whose zone no config names: false quarantines per million queries',
      1,
      benign.filter((run) => run.own && run.kind === 'site'),
      seed,
    ),
    scoreTarget(
      'hard-refused',
      'hard benign traffic: refusals by score per million queries',
      10,
      benign.filter((run) => run.own && run.kind === 'hard'),
    ),
    householdTarget(benign.filter((run) => run.stream === 'household' && run.preset === 'homelab')),
  ];
}

function medianTarget(condition: AttackCondition, runs: readonly AttackRun[]): Target {
  const middle = median(runs.map((run) => run.payloadOctets));
  return {
    id: 'encodings-median',
    subject: `agent encodings, one parent (${conditionText(condition)}): median`,
    target: '≤ 40',
    measured: `${figure(middle)} (${runs.length} runs)`,
    met: runs.length === 0 ? null : middle <= 40,
  };
}

function conditionText(condition: AttackCondition): string {
  switch (condition) {
    case 'aged':
      return 'parent known to be old';
    case 'unknown':
      return 'age unknown';
    case 'young':
      return 'parent 3 days old';
    case 'first contact off':
      return 'age unknown, first contact off';
    default:
      return condition;
  }
}

function keyTarget(id: string, subject: string, limit: number, runs: readonly AttackRun[]): Target {
  const share = runs.filter((run) => run.forwarded > 0).length / runs.length;
  return {
    id,
    subject,
    target: limit === 0 ? '0' : `≤ ${percent(limit)}`,
    measured: `${percent(share)} of ${runs.length}`,
    met: runs.length === 0 ? null : share <= limit,
  };
}

function quarantineTarget(id: string, subject: string, limit: number, runs: readonly BenignRun[], seed: string): Target {
  const sessions = runs.flatMap((run) => run.result.sessions.map(({ quarantines, queries }) => ({ events: quarantines, trials: queries })));
  const { events, trials, high } = rateOf(sessions, `${seed} ${id}`);
  return {
    id,
    subject,
    target: id === 'everyday' ? '0 in replay' : `≤ ${limit}`,
    measured: `${figure((events / trials) * 1e6)} (${events} in ${figure(trials)} queries; 95 %: up to ${figure(high * 1e6)})`,
    met: trials === 0 ? null : id === 'everyday' ? events === 0 : (events / trials) * 1e6 <= limit,
  };
}

function scoreTarget(id: string, subject: string, limit: number, runs: readonly BenignRun[]): Target {
  const queries = sum(runs.map((run) => run.result.queries));
  const refused = sum(runs.map((run) => run.result.refusedBy.get('score') ?? 0));
  const perMillion = (refused / queries) * 1e6;
  return {
    id,
    subject,
    target: `≤ ${limit}`,
    measured: `${figure(perMillion)} (${refused} in ${figure(queries)} queries)`,
    met: queries === 0 ? null : perMillion <= limit,
  };
}

function householdTarget(runs: readonly BenignRun[]): Target {
  const refused = sum(runs.flatMap((run) => [...run.result.refusedBy.values()]));
  const days = new Set(runs.flatMap((run) => run.result.sessions.flatMap((session) => [...session.days]))).size;
  const perWeek = (refused / days) * 7;
  return {
    id: 'household',
    subject: 'household, homelab preset: refusals a week',
    target: '≤ 1',
    measured: days === 0 ? 'not measured' : `${figure(perWeek)} (${refused} in ${days} days)`,
    met: days === 0 ? null : perWeek <= 1,
  };
}
