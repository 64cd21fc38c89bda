/**
 * One run of the ablation, in a process of its own: something is taken away before the detection code is loaded or started, then the same
 * attacks and the same benign sessions run as in every other ablation. Prints one line of JSON.
 * Usage: `node scripts/eval/ablation-run.ts WHAT FOLDER SEED`, WHAT: `nothing`, a signal, or a word of `PARTS`.
 */
import './signal-off.ts';
import { argv, stdout } from 'node:process';
import { compileNaming } from '../../src/policy/classify-name.ts';
import { NameTrie } from '../../src/policy/name-trie.ts';
import { loadPopularDomains, popularDomains } from '../../src/policy/popular-domains.ts';
import { loadShippedNames, type ShippedEntry } from '../../src/policy/shipped-names.ts';
import { encodedAttacks } from './attacks.ts';
import { benignStreams } from './benign.ts';
import { readList, recordedAttacks, renamedAttack } from './captures.ts';
import { AGED, type Condition, configOf } from './conditions.ts';
import { type Change, runStream } from './run-stream.ts';
import { median, sum } from './statistics.ts';

/** What is taken away, and what is counted then. */
export interface AblationResult {
  readonly what: string;
  readonly attacks: number;
  readonly medianOctets: number;
  readonly mostOctets: number;
  readonly attacksQuarantined: number;
  readonly benignQueries: number;
  readonly falseQuarantines: number;
  readonly refusedByScore: number;
  readonly refusedByBudget: number;
  readonly flags: number;
}

const SMALL = { people: 2, browsingDays: 1, householdDays: 2, listNames: 1_000, intranetMachines: 2 };

async function main(what: string, folder: string, seed: string): Promise<void> {
  const popular = loadPopularDomains();
  const isTaken = (domain: string): boolean => popular.has(domain);
  const policy = what === 'budgets' ? ['budgets: off'] : what === 'first contact' ? ['firstContact: off'] : [];
  const change: Change | undefined =
    what === 'lists'
      ? (pipeline): void => {
          Object.assign(pipeline, {
            naming: compileNaming(configOf({ preset: 'agent', age: AGED }), popularDomains(''), { shipped: new NameTrie<ShippedEntry>() }),
          });
        }
      : undefined;
  const surroundings = { seed, popular, shipped: loadShippedNames(), popularNames: readList(folder, 'benign/tranco10k.txt.gz') };
  const attacks = [
    ...encodedAttacks(surroundings, 1)
      .filter((_attack, at) => at % 2 === 0)
      .map((attack) => attack.stream),
    ...recordedAttacks(folder)
      .filter((recorded) => recorded.name.startsWith('agent-') && recorded.name !== 'agent-many-domains')
      .map((recorded) => renamedAttack(recorded, 0, isTaken)),
  ];
  // First contact acts on what is not known to be old; everything else is measured without it.
  const age = what === 'first contact' || what === 'nothing, age unknown' ? 'unknown' : AGED;
  const octets: number[] = [];
  let attacksQuarantined = 0;
  for (const stream of attacks) {
    const condition: Condition = { preset: 'agent', age, policy };
    const result = await runStream(stream, condition, change);
    octets.push(result.payloadOctets);
    if (result.quarantines.length > 0) attacksQuarantined += 1;
  }
  let benignQueries = 0;
  let falseQuarantines = 0;
  let refusedByScore = 0;
  let refusedByBudget = 0;
  let flags = 0;
  for (const { stream, own, kind, sections } of benignStreams(folder, seed, SMALL, isTaken)) {
    if (kind === 'lists' || kind === 'site') continue;
    const condition = { preset: own[0] ?? 'interactive', age, policy, ...(sections === undefined ? {} : { sections }) };
    const result = await runStream(stream, condition, sections === undefined ? change : undefined);
    benignQueries += result.queries;
    falseQuarantines += result.quarantines.length;
    refusedByScore += result.refusedBy.get('score') ?? 0;
    refusedByBudget += sum([...result.refusedBy].filter(([reason]) => reason.endsWith('-budget')).map(([, count]) => count));
    flags += result.flagged;
  }
  const counted = { benignQueries, falseQuarantines, refusedByScore, refusedByBudget, flags };
  const result: AblationResult = {
    what,
    attacks: attacks.length,
    medianOctets: median(octets),
    mostOctets: Math.max(...octets),
    attacksQuarantined,
    ...counted,
  };
  stdout.write(`${JSON.stringify(result)}\n`);
}

const [what = 'nothing', folder = '', seed = ''] = argv.slice(2);
await main(what, folder, seed);
