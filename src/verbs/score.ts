/**
 * `kennel score`: what Kennel thinks of names, without asking them, a running server or a state folder. The names are judged by the
 * pipeline's own code as if a fresh session asked them in this order, so a list of names shows a score climbing.
 */
import { type Judging, judge } from '../pipeline/judge.ts';
import type { Clock, Explanation } from '../pipeline/ports.ts';
import { describe } from '../pipeline/record.ts';
import { canonicalAddress } from '../policy/address-set.ts';
import { classifyName } from '../policy/classify-name.ts';
import type { Policy } from '../policy/policy.ts';
import { requireModel } from '../policy/shipped-file.ts';
import { pipelineWithoutIo } from '../replay/pipeline-without-io.ts';
import { Session } from '../session/session.ts';
import { typeFromName, typeName } from '../wire/codes.ts';
import { fromPresentation, type QName, toPresentation } from '../wire/name.ts';
import { loadConfig } from './load-config.ts';
import { offlineLists } from './offline-lists.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `kennel score NAME… [--type TYPE] [--session ADDRESS] [--config FILE] [--json]

Assesses names without asking them: score, what it is made of, the bits that would leave, the verdict.
Several names are judged as if one fresh session asked them in this order. Exit code 1 when one would be refused.

  --type TYPE        RR type, default A
  --session ADDRESS  the policy that applies to this address, default 127.0.0.1
  --config FILE      policies and lists from this file; without it the defaults. A list with a url is taken from the state folder, never
                     fetched
  --json             one JSON object a line`;

/** A score knows no mode and no state: what enforcing would do is all there is. */
type Scored = Omit<Explanation, 'acting' | 'rule' | 'session' | 'sessionState'>;

/** Prints one assessment a name. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  requireModel();
  const options = readOptions(args);
  if (typeof options === 'string') return wrongUsage(io, usage, options);
  // Upstreams are never asked here; a machine without a resolv.conf can still score.
  const loaded = loadConfig({ config: options.config, upstreams: options.config === null ? ['udp://192.0.2.1'] : [] }, io.env);
  if (loaded.kind === 'failed') {
    for (const message of loaded.messages) io.stderr.write(`${message}\n`);
    return 2;
  }
  const judging = pipelineWithoutIo(loaded.config, { clock: STILL, exchange: nothingIsSent, lists: await offlineLists(loaded.config, io) });
  const policy = judging.policies.choose(options.address);
  const session = new Session(options.address, { low: 0, high: 0 }, { epoch: 0, score: 0, firstSeenMs: 0 }, 0);
  const scored = options.names.map((name) => scoreOne(judging, session, policy, name, options.qtype));
  io.stdout.write(options.json ? scored.map((one) => `${JSON.stringify(one)}\n`).join('') : scored.map(readable).join('\n'));
  return scored.some((one) => one.verdict === 'refuse' || one.verdict === 'quarantine') ? 1 : 0;
}

function scoreOne(k: Judging, session: Session, policy: Policy, qname: QName, qtype: number): Scored {
  const classified = classifyName(policy, k.naming, qname, qtype);
  if (classified.kind !== 'routed') {
    const said = { qname: toPresentation(qname), qtype: typeName(qtype), registrableDomain: null, score: 0, signals: [], leakBits: 0 };
    return { ...said, verdict: 'allow', reason: 'local', policy: policy.name };
  }
  const judgement = judge(k, session, policy, classified, classified.name, qtype);
  session.profile.record(judgement.asked, judgement.assessment.score);
  session.trail.record(judgement.domain.parent, judgement.domain.labels, judgement.searched);
  const { kind } = judgement.verdict;
  if (kind === 'allow' || kind === 'flag') k.meters.charge(session.meters, session.epoch, judgement.metered, 0);
  const { parent, rule: _rule, ...said } = describe(judgement);
  return { ...said, registrableDomain: parent, verdict: kind, policy: policy.name };
}

interface ScoreOptions {
  readonly names: readonly QName[];
  readonly qtype: number;
  readonly address: string;
  readonly config: string | null;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): ScoreOptions | string {
  const parsed = parseVerb(args, {
    type: { type: 'string', default: 'A' },
    session: { type: 'string', default: '127.0.0.1' },
    config: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  if (parsed.kind === 'wrong') return parsed.message;
  const { type, session, config = null, json } = parsed.values;
  const qtype = typeFromName(type);
  if (qtype === null) return `${JSON.stringify(type)} is not an RR type`;
  const address = canonicalAddress(session);
  if (address === null) return `${JSON.stringify(session)} is not an address`;
  if (parsed.positionals.length === 0) return 'score needs at least one name';
  const names: QName[] = [];
  for (const text of parsed.positionals) {
    const name = fromPresentation(text);
    if (name === null) return `${JSON.stringify(text)} is not a domain name`;
    names.push(name);
  }
  return { names, qtype, address, config, json };
}

/** A score knows no time. */
const STILL: Clock = { wallMs: () => 0, monotonicMs: () => 0 };

function nothingIsSent(): never {
  throw new Error('a score sent a query');
}

function readable(one: Scored): string {
  const head = `${one.qname} ${one.qtype}: ${one.verdict} (${one.reason}), score ${one.score}, ${one.leakBits.toFixed(1)} bits below ${one.registrableDomain ?? '-'}`;
  const rows = one.signals
    .filter(({ contribution }) => contribution !== 0)
    .map(({ name, value, contribution }) => `  ${contribution.toFixed(2).padStart(7)}  ${name} = ${Number(value.toFixed(2))}`);
  return `${[head, ...rows].join('\n')}\n`;
}
