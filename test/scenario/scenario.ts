/**
 * Scenario scripts: what a reader sees in `fixtures/scenarios/*.yaml`, and how it is run. A script is a config, what the upstream says,
 * and steps: ask, let time pass, release, restart, each with what must be seen. Every step says how many queries left.
 */
import { z } from 'zod';
import { parseDuration } from '../../src/config/values.ts';
import type { UpstreamResponse } from '../../src/pipeline/ports.ts';
import { RCODE, RRCLASS, RRTYPE } from '../../src/wire/codes.ts';
import { requireName, toOctets } from '../../src/wire/name.ts';
import { addressRecord, soaRecord, txtRecord } from '../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../src/wire/record.ts';
import { BottledKennel, type Reply, type SentQuestion } from './bottled-kennel.ts';

const expectation = z.strictObject({
  rcode: z.string().optional(),
  /** Addresses, texts and targets of the answer records, in order. */
  answers: z.array(z.string()).optional(),
  tc: z.boolean().optional(),
  /** An SOA in the authority section: the answer says how long its no may be kept. */
  soa: z.boolean().optional(),
  ede: z.array(z.number()).optional(),
  /** Part of the first EXTRA-TEXT. */
  edeText: z.string().optional(),
  /** Names that reached the upstream in this step, in order; `[]`: nothing left. */
  sent: z.array(z.string()).optional(),
  /** Domains whose age was asked for in this step. */
  agesAsked: z.array(z.string()).optional(),
  /** The client's state afterwards. */
  state: z.enum(['normal', 'watch', 'quarantined']).optional(),
  verdict: z.enum(['allow', 'flag', 'refuse', 'quarantine']).optional(),
  wouldVerdict: z.enum(['allow', 'flag', 'refuse', 'quarantine']).optional(),
  reason: z.string().optional(),
  afterWouldQuarantine: z.boolean().optional(),
  /** The name as the latest decision records it. */
  recorded: z.string().optional(),
  rule: z.string().optional(),
  /** Text that must stand in no answer record, no EXTRA-TEXT and no decision. */
  answersHide: z.string().optional(),
});

const ask = z.strictObject({
  client: z.string().optional(),
  name: z.string(),
  type: z.string().optional(),
  protocol: z.enum(['udp', 'tcp']).optional(),
  plain: z.boolean().optional(),
});

const stepSchema = z.union([
  z.strictObject({ ask, expect: expectation }),
  /** `{hex}` in the name becomes 16 hexadecimal digits that differ from query to query. Only the last answer is looked at. */
  z.strictObject({ flood: ask.extend({ count: z.number() }), expect: expectation }),
  z.strictObject({ pass: z.string() }),
  /** A registry's answer about a domain arrives: its age in days, or that it has no date. */
  z.strictObject({ learnAge: z.strictObject({ domain: z.string(), age: z.union([z.number(), z.literal('no-date')]) }) }),
  z.strictObject({ release: z.string(), reason: z.string() }),
  z.strictObject({ restart: z.literal(true), config: z.string().optional() }),
]);

export const scenarioSchema = z.strictObject({
  title: z.string(),
  config: z.string(),
  secrets: z.array(z.strictObject({ name: z.string(), kind: z.enum(['secret', 'canary']), value: z.string() })).default([]),
  /** The first whose name ends the question's name and whose type (if any) is the question's says the answer; else NXDOMAIN. */
  upstream: z.array(
    z.strictObject({
      below: z.string(),
      type: z.string().optional(),
      a: z.array(z.string()).optional(),
      txt: z.array(z.string()).optional(),
      cname: z.string().optional(),
      ttl: z.number().default(300),
      silent: z.boolean().optional(),
    }),
  ),
  steps: z.array(stepSchema),
});

export type Scenario = z.infer<typeof scenarioSchema>;
type Step = z.infer<typeof stepSchema>;

/** Runs a scenario; returns what did not come out as written, one line each. */
export async function runScenario(scenario: Scenario): Promise<string[]> {
  const problems: string[] = [];
  let config = scenario.config;
  let kennel = new BottledKennel(config);
  kennel.script = scriptOf(scenario);
  kennel.watch(scenario.secrets);
  for (const [index, step] of scenario.steps.entries()) {
    if ('restart' in step) {
      config = step.config ?? config;
      kennel = new BottledKennel(config, kennel);
      kennel.script = scriptOf(scenario);
      kennel.watch(scenario.secrets);
    }
    const found = await runStep(kennel, step);
    problems.push(...found.map((problem) => `step ${index + 1}: ${problem}`));
    problems.push(...kennel.errors.splice(0).map((error) => `step ${index + 1}: a bug: ${String(error)}`));
  }
  return problems;
}

async function runStep(kennel: BottledKennel, step: Step): Promise<string[]> {
  if ('pass' in step) {
    const duration = parseDuration(step.pass);
    if ('problem' in duration) return [duration.problem];
    await kennel.live(duration.value * 1000);
    return [];
  }
  if ('learnAge' in step) {
    kennel.ages.set(step.learnAge.domain, step.learnAge.age);
    return [];
  }
  if ('release' in step) {
    const record = kennel.pipeline.quarantines.list().find((quarantine) => quarantine.session === step.release);
    if (record === undefined) return [`${step.release} is not quarantined`];
    const result = await kennel.pipeline.quarantines.release(record.id, { actor: 'scenario', reason: step.reason });
    return result.kind === 'ok' ? [] : [result.message];
  }
  if ('ask' in step) return askAndCompare(kennel, step.ask, 1, step.expect);
  if ('flood' in step) return askAndCompare(kennel, step.flood, step.flood.count, step.expect);
  return [];
}

async function askAndCompare(
  kennel: BottledKennel,
  question: z.infer<typeof ask>,
  count: number,
  expected: z.infer<typeof expectation>,
): Promise<string[]> {
  const sentBefore = kennel.sent.length;
  const { name, client, type, protocol, plain } = question;
  const options = {
    ...(client === undefined ? {} : { client }),
    ...(type === undefined ? {} : { type }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(plain === undefined ? {} : { plain }),
  };
  let reply: Reply | null = null;
  for (let i = 0; i < count; i++) reply = await kennel.ask(name.replace('{hex}', pseudoHex(i)), options);
  if (reply === null) return ['no answer'];
  const decision = kennel.decisions.at(-1);
  const seen = {
    rcode: reply.rcode,
    answers: reply.answers.map(textOf),
    tc: reply.flags.tc,
    soa: reply.authorities.some((record) => record.type === 'SOA'),
    ede: reply.ede.map(({ code }) => code),
    sent: kennel.sent.slice(sentBefore).map((sent) => sent.name),
    agesAsked: kennel.agesAsked.splice(0),
    state: kennel.pipeline.quarantines.stateOf(client ?? '10.0.0.5'),
    verdict: decision?.verdict,
    wouldVerdict: decision?.wouldVerdict,
    reason: decision?.reason,
    afterWouldQuarantine: decision?.afterWouldQuarantine,
    recorded: decision?.qname,
    rule: decision?.rule,
  };
  const problems = tells(kennel, reply, expected.answersHide);
  for (const [key, value] of Object.entries(expected)) {
    if (key === 'answersHide') continue;
    if (key === 'edeText') {
      if (!(reply.ede[0]?.text ?? '').includes(String(value)))
        problems.push(`EDE text is ${JSON.stringify(reply.ede[0]?.text)}, not … ${String(value)} …`);
      continue;
    }
    const actual = seen[key as keyof typeof seen];
    if (JSON.stringify(actual) !== JSON.stringify(value))
      problems.push(`${key} is ${JSON.stringify(actual)}, not ${JSON.stringify(value)}`);
  }
  return problems;
}

/** Whether a text that must be hidden stands in the answer, in a decision or in evidence. */
function tells(kennel: BottledKennel, reply: Reply, hidden: string | undefined): string[] {
  if (hidden === undefined) return [];
  const told = JSON.stringify([reply.answers.map(textOf), reply.ede, kennel.decisions, [...kennel.evidence.values()]]).toLowerCase();
  return told.includes(hidden) ? [`${hidden} is told`] : [];
}

function scriptOf(scenario: Scenario): BottledKennel['script'] {
  return ({ name, type }: SentQuestion): UpstreamResponse | null => {
    const rule = scenario.upstream.find(
      ({ below, type: only }) => (name === below || name.endsWith(`.${below}`)) && (only === undefined || only === type),
    );
    const qname = requireName(name);
    if (rule === undefined) return { rcode: RCODE.NXDOMAIN, answers: [], authority: [soaRecord(qname, 300, 300)], authenticData: false };
    if (rule.silent === true) return null;
    const answers: ResourceRecord[] = [];
    let owner = qname;
    if (rule.cname !== undefined) {
      owner = requireName(rule.cname);
      answers.push({ owner: qname, type: RRTYPE.CNAME, class: RRCLASS.IN, ttlSeconds: rule.ttl, rdata: toOctets(owner) });
    }
    if (type === 'A') for (const address of rule.a ?? []) answers.push(addressRecord(owner, address, rule.ttl));
    if (type === 'TXT') for (const text of rule.txt ?? []) answers.push(txtRecord(owner, [text], rule.ttl));
    return { rcode: RCODE.NOERROR, answers, authority: answers.length > 0 ? [] : [soaRecord(qname, 300, 300)], authenticData: false };
  };
}

function textOf(record: Reply['answers'][number]): string {
  if (record.type === 'TXT') return Array.isArray(record.data) ? record.data.map(String).join('') : String(record.data);
  return 'data' in record ? String(record.data) : '';
}

/** 16 digits without visible order: the multiplier is Knuth's. */
function pseudoHex(i: number): string {
  const half = (n: number): string => (Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  return half(i + 1) + half(i + 7_919);
}
