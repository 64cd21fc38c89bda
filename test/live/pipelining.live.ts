/** Many queries on one TCP connection (RFC 7766 §6.2.1.1): each is answered, whatever order the upstream answers in. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { labelsOfText, queryMessage, summariseAnswer } from '../lab/messages.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { a, type StubAuthority, startStubAuthority } from '../lab/stub-authority.ts';
import { askPipelined } from '../lab/tcp-pipeline.ts';

const QUERIES = 1_000;

let authority: StubAuthority;
let kennel: Kennel;
beforeAll(async () => {
  const random = seededRandom(7);
  authority = await startStubAuthority({
    reply: ({ qname }) => ({ answers: [a(qname, '203.0.113.10')], delayMs: random.below(40) }),
  });
  kennel = await startKennelOnLoopback({
    mode: 'enforce',
    upstreams: [authority.url('udp')],
    reputation: 'off',
    limits: 'off',
    policies: [
      {
        name: 'everyone',
        match: {},
        default: 'allow',
        allow: [{ section: 'lab', owner: 'lab', reason: 'many names', names: ['**.fleet.example'] }],
        budgets: 'off',
      },
    ],
  });
});
afterAll(async () => {
  await kennel?.remove();
  await authority?.close();
});

test('1,000 pipelined queries come back complete, each with the answer to its own question', async () => {
  const names = Array.from({ length: QUERIES }, (_, index) => labelsOfText(`node-${index}.fleet.example`));
  const messages = names.map((labels, id) => queryMessage({ id, labels, qtype: 1 }));
  const startedMs = performance.now();
  const answers = await askPipelined(kennel, messages, 60_000);
  console.log(`${answers.size} of ${QUERIES} answers in ${(performance.now() - startedMs).toFixed(0)} ms`);

  for (const [id, message] of messages.entries()) {
    const answer = answers.get(id);
    expect(answer && summariseAnswer(answer)).toMatchObject({ rcode: 0, truncated: false, answerCount: 1 });
    expect(answer?.subarray(12, message.length)).toEqual(message.subarray(12));
  }
});
