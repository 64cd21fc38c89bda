/** A replay is the pipeline: what it decides about recorded queries is what the same queries meet in a bottled Kennel. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import { Replay, type ReplayDecision, type ReplayQuery } from '../../src/replay/replay.ts';
import { RCODE, typeFromName } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord, txtRecord } from '../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../src/wire/record.ts';
import { BottledKennel } from './bottled-kennel.ts';

const CONFIG = `
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
cache: { prefetch: off, serveStale: off }
policies:
  - { name: agents, match: {}, preset: agent, thresholds: { flag: 20, refuse: 50, quarantine: 55 }, default: allow, block: [{ section: b, owner: o, reason: r, names: ["**.blocked.example.org"] }] }
`;

const START_MS = Date.UTC(2026, 0, 6, 12);
const TTL_SECONDS = 300;

interface Step {
  readonly afterMs: number;
  readonly client: string;
  readonly name: string;
  readonly type: string;
}

function hex(seed: string, digits: number): string {
  return createHash('sha256').update(seed).digest('hex').slice(0, digits);
}

/** Plain browsing, a theft, a spent budget, a block, refused types, local names, held refusals and quiet hours. */
function steps(): Step[] {
  const all: Step[] = [];
  const add = (afterMs: number, client: string, name: string, type = 'A'): void => void all.push({ afterMs, client, name, type });
  for (let round = 0; round < 6; round++) {
    for (const name of ['www.plain-site.net', 'api.github.com', 'cdn.plain-site.net', 'printer.local', 'x.blocked.example.org']) {
      add(40, '10.0.0.5', name);
      add(1, '10.0.0.5', name, 'AAAA');
    }
    add(90_000, '10.0.0.5', 'www.plain-site.net', 'TXT');
    add(5, '10.0.0.8', `${hex(`v${round}`, 6)}.tunnel-of-types.net`, 'NULL');
  }
  for (let piece = 0; piece < 60; piece++)
    add(2_000, '10.0.0.6', `${hex(`p${piece}`, 32)}.stolen-notes.net`, piece % 3 === 0 ? 'AAAA' : 'A');
  for (let word = 0; word < 80; word++) add(700, '10.0.0.7', `${hex(`w${word}`, 4)}.slow-words.net`);
  for (let hour = 0; hour < 5; hour++) {
    add(3_600_000, '10.0.0.7', 'www.slow-words.net');
    add(10, '10.0.0.6', 'www.plain-site.net');
    add(10, '10.0.0.7', `${hex('w0', 4)}.slow-words.net`);
  }
  return all;
}

function replayOf(text: string): Replay {
  const parsed = parseConfig(text, 'replay.yaml', { resolvConf: null, stateFolder: '/nowhere' });
  if (!parsed.ok) throw new Error('the config is wrong');
  return new Replay({ config: parsed.config });
}

function answer(name: string, type: string): ResourceRecord {
  const owner = requireName(name);
  if (type === 'TXT') return txtRecord(owner, ['text'], TTL_SECONDS);
  return addressRecord(owner, type === 'AAAA' ? '2001:db8::8' : '198.51.100.8', TTL_SECONDS);
}

describe('replay', () => {
  test('decides as the bottled Kennel does, query by query', async () => {
    const bottle = new BottledKennel(CONFIG);
    bottle.script = ({ name, type }) => ({ rcode: RCODE.NOERROR, answers: [answer(name, type)], authority: [], authenticData: false });
    const replay = replayOf(CONFIG);

    let atMs = START_MS;
    for (const [index, { afterMs, client, name, type }] of steps().entries()) {
      atMs += afterMs;
      bottle.pass(afterMs);
      const sentBefore = bottle.sent.length;
      await bottle.ask(name, { client, type });
      const sent = bottle.sent.slice(sentBefore).some((one) => one.name === name && one.type === type);

      const qtype = typeFromName(type) ?? 0;
      const response = { rcode: RCODE.NOERROR, nodata: false, ttlSeconds: TTL_SECONDS, delayMs: 0 };
      const query: ReplayQuery = { atMs, client, qname: requireName(name), qtype, response };
      const decision = await replay.ask(query);
      const what = `${index}: ${client} ${name} ${type}`;
      expect([what, decision.forwarded]).toEqual([what, sent]);
      expect([what, replay.pipeline.quarantines.stateOf(client)]).toEqual([what, bottle.pipeline.quarantines.stateOf(client)]);
    }
    const summary = await replay.finish();
    expect(summary.verdicts.quarantine).toBe(bottle.decisions.filter(({ verdict }) => verdict === 'quarantine').length);
    expect(summary.quarantines.length).toBeGreaterThan(0);
    expect(bottle.errors).toEqual([]);
  });

  test('a query without an answer is joined for five seconds, then its failure is remembered for a while', async () => {
    const replay = replayOf(CONFIG);
    const ask = (atMs: number): Promise<ReplayDecision> | ReplayDecision =>
      replay.ask({ atMs: START_MS + atMs, client: '10.0.0.5', qname: requireName('www.plain-site.net'), qtype: 1, response: null });
    expect((await ask(0)).forwarded).toBe(true);
    expect((await ask(4_999)).forwarded).toBe(false);
    expect((await ask(5_000)).forwarded).toBe(false);
    expect((await ask(9_999)).forwarded).toBe(false);
    expect((await ask(10_000)).forwarded).toBe(true);
  });

  test.each([
    ['a TTL that was not recorded', { rcode: 0, nodata: false, ttlSeconds: null }, 300],
    ['NXDOMAIN without a TTL', { rcode: 3, nodata: false, ttlSeconds: null }, 60],
    ['NODATA without a TTL', { rcode: 0, nodata: true, ttlSeconds: null }, 60],
    ['a recorded TTL', { rcode: 0, nodata: false, ttlSeconds: 77 }, 77],
    ['a TTL below the floor', { rcode: 0, nodata: false, ttlSeconds: 1 }, 60],
    ['a negative TTL', { rcode: 3, nodata: false, ttlSeconds: 90 }, 90],
  ])('%s keeps the answer for its time', async (_what, recorded, seconds) => {
    const replay = replayOf(CONFIG);
    const ask = async (atMs: number): Promise<boolean> => {
      const query = { client: '10.0.0.5', qname: requireName('www.plain-site.net'), qtype: 1, response: { ...recorded, delayMs: 20 } };
      return (await replay.ask({ atMs: START_MS + atMs, ...query })).forwarded;
    };
    expect(await ask(0)).toBe(true);
    expect(await ask(10)).toBe(false);
    expect(await ask(20 + seconds * 1000 - 1)).toBe(false);
    expect(await ask(20 + seconds * 1000)).toBe(true);
  });
});
