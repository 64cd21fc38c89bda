/** A flush forgets what is cached, and what is on its way comes too late to be kept. */
import { expect, test } from 'vitest';
import { flush } from '../../src/pipeline/flush.ts';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const SECOND = 1_000;
const NAME = 'www.example.net';

function start(budgets = 'off'): BottledKennel {
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
policies:
  - { name: p, match: {}, preset: agent, default: allow, budgets: ${budgets}, thresholds: { flag: 98, refuse: 99, quarantine: 100 } }
`);
  kennel.ages.set('example.net', 3_000);
  kennel.script = ({ name }) => {
    const answers = [addressRecord(requireName(name), '198.51.100.7', 3_600)];
    return { rcode: RCODE.NOERROR, answers, authority: [], authenticData: false };
  };
  return kennel;
}

test('what is flushed is asked again, and not served stale either', async () => {
  const kennel = start();
  for (const name of [NAME, 'a.www.example.net', 'example.net', 'www.example.org']) await kennel.ask(name);
  expect(flush(kennel.pipeline, { qname: requireName(NAME), below: false })).toBe(1);
  expect(flush(kennel.pipeline, { qname: requireName('example.net'), below: true })).toBe(2);
  expect(kennel.pipeline.cache.size).toBe(1);
  kennel.script = () => null;
  expect((await kennel.ask(NAME))?.rcode).toBe('SERVFAIL');
  expect((await kennel.ask('www.example.org'))?.rcode).toBe('NOERROR');
  expect(flush(kennel.pipeline, 'all')).toBe(2);
  expect([kennel.pipeline.cache.size, kennel.pipeline.cache.octets]).toEqual([0, 0]);
});

test('an answer under way at a flush is given to who waits for it, but neither kept nor joined', async () => {
  const kennel = start();
  const silence = Promise.withResolvers<void>();
  kennel.silence = silence.promise;
  const before = kennel.ask(NAME);
  flush(kennel.pipeline, 'all');
  const after = kennel.ask(NAME, { client: '10.0.0.6' });
  expect(kennel.sent.length).toBe(2);
  expect(kennel.pipeline.inFlight.size).toBe(2);
  silence.resolve();
  expect((await before)?.rcode).toBe('NOERROR');
  expect((await after)?.rcode).toBe('NOERROR');
  expect([kennel.pipeline.cache.size, kennel.pipeline.inFlight.size]).toEqual([1, 0]);
});

test('names that Kennel keeps by itself are asked again at once', async () => {
  const kennel = start('{ parentBits: 250, sessionBits: 2048 }');
  const known: string[] = [];
  for (const word of ['www', 'alpha', 'bravo', 'charlie', 'delta', 'foxtrot', 'hotel']) {
    if ((await kennel.ask(`${word}.example.net`))?.rcode === 'NOERROR') known.push(`${word}.example.net`);
  }
  for (let round = 0; round < 300 && kennel.pipeline.kept.size === 0; round++) {
    await kennel.live(3_601 * SECOND);
    for (const name of known.toReversed()) await kennel.ask(name);
  }
  await kennel.live(10 * SECOND);
  const sent = kennel.sent.length;
  flush(kennel.pipeline, 'all');
  // Not by who asks, but by the schedule.
  expect((await kennel.ask(known[0] ?? ''))?.rcode).toBe('SERVFAIL');
  expect(kennel.sent.length).toBe(sent);
  await kennel.live(2 * SECOND);
  expect(kennel.sent.length).toBe(sent + known.length);
  for (const name of known) expect((await kennel.ask(name))?.rcode).toBe('NOERROR');
});
