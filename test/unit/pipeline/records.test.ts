/** What the records say about how a query ended. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { fromPresentation } from '../../../src/wire/name.ts';
import { addressRecord } from '../../../src/wire/rdata.ts';
import { BottledKennel } from '../../scenario/bottled-kennel.ts';

function observing(address: string): BottledKennel {
  const kennel = new BottledKennel(`
mode: observe
retention: { decisions: all }
upstreams: ["udp://192.0.2.53"]
policies: [{ name: p, match: {}, preset: agent, default: allow }]
`);
  kennel.script = ({ name }) => {
    const qname = fromPresentation(name);
    if (qname === null) throw new Error(`the upstream was sent ${name}`);
    return { rcode: 0, answers: [addressRecord(qname, address, 300)], authority: [], authenticData: false };
  };
  return kennel;
}

test('an answer that is withheld does not hide what the question would have led to', async () => {
  const kennel = observing('127.0.0.1');
  for (let i = 0; i < 300; i++) await kennel.ask(`${createHash('sha256').update(String(i)).digest('hex').slice(0, 48)}.x.drop.example`);
  expect(kennel.decisions.some(({ wouldVerdict }) => wouldVerdict === 'quarantine')).toBe(true);
  expect(kennel.decisions.some(({ reason }) => reason === 'rebinding')).toBe(true);
});

test('what came from the cache was not forwarded, withheld or not', async () => {
  const kennel = observing('127.0.0.1');
  for (let i = 0; i < 2; i++) await kennel.ask('www.example.com');
  expect(kennel.decisions.map(({ reason, forwarded }) => ({ reason, forwarded }))).toEqual([
    { reason: 'rebinding', forwarded: true },
    { reason: 'allowed', forwarded: true },
    { reason: 'rebinding', forwarded: false },
    { reason: 'allowed', forwarded: false },
  ]);
});

test('what waited for the query of another was not forwarded, nor what had no upstream to go to', async () => {
  const kennel = observing('198.51.100.9');
  await Promise.all([kennel.ask('www.example.com'), kennel.ask('www.example.com')]);
  expect(kennel.sent).toHaveLength(1);
  const none = { id: 'default', available: () => false, exchange: () => Promise.reject(new Error('nothing may be sent')) };
  Object.assign(kennel, { pipeline: { ...kennel.pipeline, upstreams: new Map([['default', none]]) } });
  expect((await kennel.ask('www.example.net'))?.rcode).toBe('SERVFAIL');
  expect(kennel.decisions.map(({ qname, forwarded }) => [qname, forwarded])).toEqual([
    ['www.example.com', true],
    ['www.example.com', false],
    ['www.example.net', false],
  ]);
});
