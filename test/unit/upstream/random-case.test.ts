/** Random letter case in questions: drawn by us, wanted back, and given up only on what nobody can forge blind. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createForgeryGuards } from '../../../src/upstream/forgery-guards.ts';
import { withRandomCase } from '../../../src/upstream/random-case.ts';
import { createRandom16 } from '../../../src/upstream/random16.ts';
import { createUdpUpstream } from '../../../src/upstream/udp-upstream.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { parseUpstreamUrl, pinned } from '../../../src/upstream/upstream-url.ts';
import { FakeClock } from '../../lab/clocks.ts';
import { name, permitFor } from '../../lab/permits.ts';
import { a, type StubAuthority, type StubReplyFunction, startStubAuthority } from '../../lab/stub-authority.ts';

const open: (StubAuthority | Upstream)[] = [];

afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

const answering: StubReplyFunction = ({ qname }) => ({ answers: [a(qname, '192.0.2.80')] });

/** Octets of the question's name, in lower case. */
const folded = (response: Buffer) => {
  const copy = Buffer.from(response);
  for (let at = 12; copy[at] !== 0; at++) if ((copy[at] ?? 0) >= 0x41 && (copy[at] ?? 0) <= 0x5a) copy[at] = (copy[at] ?? 0) + 0x20;
  return copy;
};

async function lab(reply: StubReplyFunction = answering) {
  const stub = await startStubAuthority({ reply });
  const url = parseUpstreamUrl(stub.url('udp'));
  if (url.kind === 'error') throw new Error(url.message);
  const random16 = createRandom16();
  const clock = new FakeClock();
  const guards = createForgeryGuards({ randomCase: true, cookies: false }, random16, clock);
  const upstream = createUdpUpstream(pinned(url.url), random16, guards);
  open.push(stub, upstream);
  return { stub, upstream, clock, ask: (text: string, timeoutMs = 2000) => upstream.ask(permitFor(text), timeoutMs) };
}

const hasUpperCase = (text: string) => /[A-Z]/.test(text);
const LONG = 'the-longer-the-name-the-more-letters.example.com';

test('a spelling is the name in another case and nothing else', () => {
  const label = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 }).filter((text) => !/[.\\]/.test(text));
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 8 }), (labels) => {
      const qname = name(
        labels.map((text) => text.replace(/[^\x21-\x7e]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`)).join('.'),
      );
      const spelled = withRandomCase(qname, createRandom16());
      expect(spelled).toHaveLength(qname.length);
      for (let index = 0; index < qname.length; index++) {
        const [was, is] = [qname.charCodeAt(index), spelled.charCodeAt(index)];
        if (was >= 0x61 && was <= 0x7a) expect([was, was - 0x20]).toContain(is);
        else expect(is).toBe(was);
      }
    }),
  );
});

test('each letter is in upper case half of the time, each for itself', () => {
  const random16 = createRandom16();
  const qname = name(`${'a'.repeat(40)}.example`);
  const counts = Array.from({ length: 40 }, () => 0);
  for (let draw = 0; draw < 2000; draw++) {
    const spelled = withRandomCase(qname, random16);
    for (const index of counts.keys()) if (spelled[1 + index] === 'A') counts[index] = (counts[index] ?? 0) + 1;
  }
  // 1,000 +- 22: six deviations on either side.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(134);
});

test('questions go out in another case each time, and how the client wrote it does not matter', async () => {
  const { stub, ask } = await lab();
  for (const text of [LONG, LONG.toUpperCase(), LONG]) expect((await ask(text)).kind).toBe('response');
  const asked = stub.received.map(({ qname }) => qname);
  expect(new Set(asked).size).toBe(3);
  expect(new Set(asked.map((text) => text.toLowerCase()))).toEqual(new Set([LONG]));
  expect(asked.every(hasUpperCase)).toBe(true);
});

describe('an answer in another case', () => {
  test('is counted and not believed: the question is asked over TCP', async () => {
    let forging = true;
    const { stub, upstream, ask } = await lab((question) => {
      if (!forging || question.transport === 'tcp') return answering(question);
      return { answers: [a(question.qname, '203.0.113.66')], rewrite: folded };
    });
    const attempt = await ask(LONG);
    expect(attempt.kind === 'response' ? attempt.response.answers.map(({ rdata }) => [...rdata].join('.')) : attempt).toEqual([
      '192.0.2.80',
    ]);
    expect(stub.received.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
    expect(upstream.strayMessages).toBe(1);
    // A forger could do this at any time: it must not switch the case off.
    forging = false;
    await ask(LONG);
    expect(hasUpperCase(stub.received.at(-1)?.qname ?? '')).toBe(true);
  });

  test('over TCP too shows that the upstream changes it: it is asked in lower case for ten minutes', async () => {
    const { stub, clock, ask } = await lab((question) => ({ ...answering(question), rewrite: folded }));
    for (let query = 0; query < 3; query++) expect((await ask(LONG)).kind).toBe('response');
    expect(stub.received.map(({ transport, qname }) => [transport, hasUpperCase(qname)])).toEqual([
      ['udp', true],
      ['tcp', true],
      ['udp', false],
      ['udp', false],
    ]);
    clock.advance(600_000);
    await ask(LONG);
    expect(stub.received.slice(4).map(({ qname }) => hasUpperCase(qname))).toEqual([true, true]);
  });

  test('without TCP at the upstream is a failure', async () => {
    const stub = await startStubAuthority({ reply: (question) => ({ ...answering(question), rewrite: folded }), transports: ['udp'] });
    const url = parseUpstreamUrl(stub.url('udp'));
    if (url.kind === 'error') throw new Error(url.message);
    const random16 = createRandom16();
    const guards = createForgeryGuards({ randomCase: true, cookies: false }, random16, new FakeClock());
    const upstream = createUdpUpstream(pinned(url.url), random16, guards);
    open.push(stub, upstream);
    expect(await upstream.ask(permitFor(LONG), 1000)).toMatchObject({ kind: 'failure', reason: 'unreachable' });
  });
});
