/**
 * `kill -9` in the middle of a flood: every quarantine that was announced to a client before is there after the restart, in the
 * list and in force, and nobody else is quarantined by it.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import { labelsOfText, queryMessage, summariseAnswer } from '../lab/messages.ts';
import { eventually } from '../lab/processes.ts';
import { a, type StubAuthority, startStubAuthority } from '../lab/stub-authority.ts';
import { openUdpAsker } from '../lab/udp-asker.ts';

const EDE_PROHIBITED = 18;
const THIEVES_PER_ROUND = 24;
const ROUNDS = 3;
/** Thieves start one after the other, so that the kill finds some done, some at it and some not yet there. */
const BETWEEN_STARTS_MS = 50;
/** The kill comes once this many thieves of a round have been told, while the others are still at it. */
const ANNOUNCED_BEFORE_KILL = 8;

let authority: StubAuthority;
let kennel: Kennel;
beforeAll(async () => {
  authority = await startStubAuthority({ reply: ({ qname }) => ({ answers: [a(qname, '203.0.113.10')], delayMs: 2 }) });
  kennel = await startKennelOnLoopback({
    mode: 'enforce',
    upstreams: [authority.url('udp')],
    reputation: 'off',
    policies: [{ name: 'agents', match: {}, preset: 'agent', default: 'allow' }],
  });
});
afterAll(async () => {
  await kennel?.remove();
  await authority?.close();
});

const query = (name: string) =>
  queryMessage({
    id: randomBytes(2).readUInt16BE(0),
    labels: labelsOfText(name),
    qtype: 1,
    edns: { udpPayloadSize: 1232, dnssecOk: false, options: [] },
  });

/** Smuggles random octets until it is told of its quarantine (true) or nothing answers any more (false). */
async function steal(address: string, domain: string, shouldStop: () => boolean): Promise<boolean> {
  const asker = await openUdpAsker(kennel, address);
  try {
    while (!shouldStop()) {
      const answer = await asker.ask(query(`${randomBytes(24).toString('hex')}.${domain}`), 2_000);
      if (answer && summariseAnswer(answer).extendedErrors.includes(EDE_PROHIBITED)) return true;
    }
    return false;
  } finally {
    await asker.close();
  }
}

/** One ordinary query; the INFO-CODEs of the answer. */
async function errorsTold(address: string): Promise<readonly number[]> {
  const asker = await openUdpAsker(kennel, address);
  const answer = await asker.ask(query('www.shop.example'));
  await asker.close();
  if (!answer) throw new Error(`${address} got no answer`);
  return summariseAnswer(answer).extendedErrors;
}

test('every quarantine announced before a kill -9 is in force after the restart', { timeout: 180_000 }, async () => {
  const announced: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const told = new Set<string>();
    let killed = false;
    const thieves = Array.from({ length: THIEVES_PER_ROUND }, async (_, thief) => {
      await sleep(thief * BETWEEN_STARTS_MS);
      const address = `127.0.${10 + round}.${thief + 1}`;
      if (await steal(address, `crew-${round}-${thief}.example`, () => killed)) told.add(address);
    });
    expect(await eventually(() => told.size >= ANNOUNCED_BEFORE_KILL, 60_000), `only ${told.size} were told`).toBe(true);
    await kennel.kill('SIGKILL');
    killed = true;
    await Promise.all(thieves);
    expect(told.size, 'the kill came after the flood').toBeLessThan(THIEVES_PER_ROUND);
    announced.push(...told);
    console.log(`round ${round}: killed with ${told.size} of ${THIEVES_PER_ROUND} told`);

    await kennel.restart();
    const listed = JSON.stringify(await kennel.verbJson('quarantine', 'list'));
    expect(announced.filter((address) => !listed.includes(`"${address}"`))).toEqual([]);
    for (const address of announced) expect(await errorsTold(address), address).toContain(EDE_PROHIBITED);
    expect(await errorsTold('127.0.99.1'), 'a client that did nothing').toEqual([]);
  }
});
