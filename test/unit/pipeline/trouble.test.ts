/** What still works, and for whom, when a part that Kennel depends on does not. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromPresentation } from '../../../src/wire/name.ts';
import { addressRecord } from '../../../src/wire/rdata.ts';
import { BottledKennel } from '../../scenario/bottled-kennel.ts';

const ENFORCING = `
mode: enforce
upstreams: ["udp://192.0.2.53"]
policies: [{ name: p, match: {}, preset: agent, default: allow }]
`;

function answering(kennel: BottledKennel): BottledKennel {
  kennel.script = ({ name }) => {
    const qname = fromPresentation(name);
    if (qname === null) throw new Error(`the upstream was sent ${name}`);
    return { rcode: 0, answers: [addressRecord(qname, '198.51.100.9', 300)], authority: [], authenticData: false };
  };
  return kennel;
}

describe('a full disk', () => {
  test('leaves local and cached answers to sessions that were never seen before', async () => {
    const kennel = answering(new BottledKennel(ENFORCING));
    await kennel.ask('www.example.com', { client: '10.0.0.6' });
    kennel.meterStore.full = true;
    expect((await kennel.ask('localhost'))?.rcode).toBe('NOERROR');
    expect((await kennel.ask('www.example.com'))?.rcode).toBe('NOERROR');
    expect(kennel.errors).toEqual([]);
    expect(kennel.pipeline.sessions.alarms()).toHaveLength(1);
  });

  test('refuses what would need a new lease, and says so until a write succeeds', async () => {
    const kennel = answering(new BottledKennel(ENFORCING));
    kennel.meterStore.full = true;
    const refused = await kennel.ask('secret.evil.com');
    expect(refused?.rcode).toBe('SERVFAIL');
    expect(refused?.ede).toMatchObject([{ text: expect.stringMatching(/cannot write its state/) }]);
    // No bug, and not logged as one.
    expect(kennel.errors).toEqual([]);
    expect(kennel.sent).toEqual([]);
    expect(kennel.pipeline.meters.alarms()).toHaveLength(1);
    kennel.meterStore.full = false;
    expect((await kennel.ask('www.example.com'))?.rcode).toBe('NOERROR');
    expect(kennel.pipeline.meters.alarms()).toEqual([]);
  });

  test('does not keep a session out of quarantine', async () => {
    const kennel = answering(new BottledKennel(ENFORCING));
    await kennel.ask('www.example.com');
    kennel.meterStore.full = true;
    for (let i = 0; i < 300; i++) {
      await kennel.ask(`${createHash('sha256').update(String(i)).digest('hex').slice(0, 48)}.x.drop.example`);
    }
    expect(kennel.pipeline.quarantines.stateOf('10.0.0.5')).toBe('quarantined');
  });
});

test('a session whose names are answered slowly does not shut out the others', async () => {
  const kennel = new BottledKennel(`
mode: observe
limits: { queriesPerSecond: 10000, pendingQueries: 40 }
upstreams: ["udp://192.0.2.53"]
`);
  const pending: Promise<unknown>[] = [];
  const silent = new Map([['default', { id: 'default', available: () => true, exchange: () => new Promise<never>(() => undefined) }]]);
  const slow = { ...kennel.pipeline, upstreams: silent };
  Object.assign(kennel, { pipeline: slow });
  for (let i = 0; i < 60; i++) pending.push(kennel.ask(`slow${i}.evil.com`));
  expect(kennel.pipeline.inFlight.size).toBe(10);
  Object.assign(kennel, { pipeline: { ...slow, upstreams: answering(new BottledKennel(ENFORCING)).pipeline.upstreams } });
  expect((await kennel.ask('www.example.com', { client: '10.0.0.6' }))?.rcode).toBe('NOERROR');
  expect((await kennel.ask('www.example.com'))?.rcode).toBe('NOERROR');
  expect((await kennel.ask('www.example.net'))?.rcode).toBe('SERVFAIL');
  expect(pending).toHaveLength(60);
});
