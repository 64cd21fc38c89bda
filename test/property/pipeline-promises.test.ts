/** The promises of the pipeline as properties over random sessions: hostile and ordinary names, lists, modes, pauses. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explain } from '../../src/pipeline/explain.ts';
import { typeFromName } from '../../src/wire/codes.ts';
import { fromPresentation, toPresentation } from '../../src/wire/name.ts';
import { soaRecord } from '../../src/wire/rdata.ts';
import { BottledKennel, type SentQuestion } from '../scenario/bottled-kennel.ts';

const label = fc.oneof(
  fc.constantFrom('www', 'api', 'WWW', 'cdn-7', '_dmarc', 'mail', 'x'),
  fc.stringMatching(/^[a-f0-9]{16,60}$/),
  fc.stringMatching(/^[A-Z2-7]{1,40}$/),
  fc.stringMatching(/^[a-z]{3,12}-[a-z]{3,12}$/),
);
const parent = fc.constantFrom(
  'evil.example',
  'blocked.example',
  'allowed.example',
  'shop.co.uk',
  'github.com',
  'corp.example.net',
  'example.com',
);
const name = fc
  .tuple(
    fc.array(label, { maxLength: 3 }),
    parent,
    fc.array(fc.constantFrom('.corp.example.net', '.default.svc.cluster.local', '.lan'), { maxLength: 2 }),
  )
  .map(([labels, domain, suffixes]) => `${[...labels, domain].join('.')}${suffixes.join('')}`)
  .filter((text) => text.length < 250);
const query = fc.record({
  name,
  type: fc.constantFrom('A', 'A', 'A', 'AAAA', 'TXT', 'MX', 'NULL', 'HTTPS', 'CNAME', 'ANY'),
  client: fc.constantFrom('10.0.0.5', '10.0.0.5', '10.0.0.6', '203.0.113.9'),
  protocol: fc.constantFrom('udp' as const, 'tcp' as const),
  pauseMs: fc.constantFrom(0, 0, 0, 1_000, 70_000),
});
const session = fc.array(query, { minLength: 1, maxLength: 60 });

function config(mode: string, rule: string): string {
  return `
mode: ${mode}
clients: { allow: ["0.0.0.0/0"] }
upstreams: ["udp://192.0.2.53"]
searchSuffixes: ["corp.example.net", "lan"]
zones: { lan: ["udp://10.0.0.53"], cluster.local: ["udp://10.96.0.10"] }
sessions: { shared: ["10.0.0.6/32"] }
retention: { decisions: all }
policies:
  - name: p
    match: {}
    preset: agent
    default: ${rule}
    allow: [{ section: a, owner: o, reason: r, names: ["**.allowed.example"] }]
    block: [{ section: b, owner: o, reason: r, names: ["**.blocked.example"] }]
`;
}

const modes = fc.constantFrom(config('enforce', 'allow'), config('enforce', 'deny'), config('observe', 'allow'), config('observe', 'deny'));

/** 10.0.0.6 stands for several clients behind one address. */
function verified(client: string): string {
  return client === '10.0.0.6' ? client : '10.0.0.5';
}

/** What was sent since then, without what Kennel itself asks again because a budget is spent. */
function sentForClients({ pipeline, sent }: BottledKennel, sentBefore: number): SentQuestion[] {
  const since = sent.slice(sentBefore);
  if (pipeline.kept.size === 0) return since;
  const earlier = new Set(sent.slice(0, sentBefore).map((question) => `${question.name} ${question.type}`));
  return since.filter((question) => !earlier.has(`${question.name} ${question.type}`));
}

function startBottle(text: string): BottledKennel {
  const kennel = new BottledKennel(text);
  kennel.script = (question) => {
    const qname = fromPresentation(question.name);
    if (qname === null) throw new Error(`the upstream was sent ${question.name}`);
    return { rcode: 0, answers: [], authority: [soaRecord(qname, 60, 60)], authenticData: false };
  };
  return kennel;
}

describe('over random sessions', () => {
  test('a refused query sends nothing, and what is sent is one lower-cased name that was asked and allowed', async () => {
    await fc.assert(
      fc.asyncProperty(modes, session, async (text, queries) => {
        const kennel = startBottle(text);
        for (const { name: asked, type, client, protocol, pauseMs } of queries) {
          kennel.pass(pauseMs);
          const sentBefore = kennel.sent.length;
          const decisionsBefore = kennel.decisions.length;
          await kennel.ask(asked, { type, client, protocol });
          const sent = sentForClients(kennel, sentBefore);
          const decision = kennel.decisions.slice(decisionsBefore).at(-1);
          expect(kennel.errors).toEqual([]);
          if (decision === undefined || ['refuse', 'quarantine'].includes(decision.verdict)) expect(sent).toEqual([]);
          expect(sent.length).toBeLessThanOrEqual(1);
          // A registry hears of a domain only with a query that is sent, or one that waits for its word.
          const waits = decision?.reason === 'first-contact';
          for (const domain of kennel.agesAsked.splice(0))
            expect(sent.length === 1 || waits, `a registry was asked about ${domain}`).toBe(true);
          for (const question of sent) {
            expect(question.name).toBe(asked.toLowerCase());
            expect(question.type).toBe(type);
            expect(question.name).not.toMatch(/blocked\.example(\.corp\.example\.net|\.default\.svc\.cluster\.local|\.lan)*$/);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('explain says what then happens, and its contributions add up to the score', async () => {
    await fc.assert(
      fc.asyncProperty(modes, session, async (text, queries) => {
        const kennel = startBottle(text);
        for (const { name: asked, type, pauseMs, client: asker } of queries) {
          const client = verified(asker);
          kennel.pass(pauseMs);
          const qname = fromPresentation(asked);
          const qtype = typeFromName(type);
          if (qname === null || qtype === null) throw new Error('the generator made no name');
          const countBefore = kennel.decisions.length;
          const said = explain(kennel.pipeline, qname, qtype, client, client);
          expect(kennel.decisions.length).toBe(countBefore);
          expect(said.signals.reduce((sum, { contribution }) => sum + contribution, 0)).toBe(said.score);

          const reply = await kennel.ask(asked, { type, client });
          const decision = kennel.decisions.length > countBefore ? kennel.decisions.at(-1) : undefined;
          // A refusal that is held writes no second record; its answer tells.
          const refused = (reply?.ede ?? []).some(({ code }) => code === 15);
          expect(refused).toBe(['refuse', 'quarantine'].includes(said.acting));
          if (decision === undefined || decision.qname !== toPresentation(qname)) continue;
          expect({ score: decision.score, wouldVerdict: decision.wouldVerdict, reason: decision.reason }).toEqual({
            score: said.score,
            wouldVerdict: said.verdict,
            reason: said.reason,
          });
        }
      }),
      { numRuns: 60 },
    );
  });

  test('what is spent never falls within an epoch, and enforcing never spends more than the budget', async () => {
    await fc.assert(
      fc.asyncProperty(session, async (queries) => {
        const kennel = startBottle(config('enforce', 'allow'));
        let spentBefore = 0;
        for (const { name: asked, type, pauseMs } of queries) {
          kennel.pass(pauseMs);
          await kennel.ask(asked, { type, client: '10.0.0.5' });
          const asker = kennel.pipeline.sessions.peek('10.0.0.5');
          if (asker === null) throw new Error('who asked is not known');
          const spent = asker.meters.total?.spentBits ?? 0;
          expect(spent).toBeGreaterThanOrEqual(spentBefore);
          expect(spent).toBeLessThanOrEqual(2_048);
          for (const { parent: below } of asker.profile.parents()) {
            expect(kennel.pipeline.meters.spentInMemory(asker.meters, below) ?? 0).toBeLessThanOrEqual(768);
          }
          spentBefore = spent;
        }
      }),
      { numRuns: 40 },
    );
  });
});
