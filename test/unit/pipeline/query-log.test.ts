/** What the query log keeps of plain allows: how many, and how much of the name; evidence is not touched by either. */
import { expect, test } from 'vitest';
import { createQueryLog, type QueryLogRules } from '../../../src/pipeline/query-log.ts';
import { requireName } from '../../../src/wire/name.ts';
import { BottledKennel } from '../../scenario/bottled-kennel.ts';
import { sampleDecision } from '../storage/sample-records.ts';

const RULES: QueryLogRules = { privacy: 'full', sampleAllows: 1, hashKey: { low: 1, high: 2 }, random: () => 0.5 };

function logging(retention: string): BottledKennel {
  return new BottledKennel(`
mode: observe
retention: ${retention}
upstreams: ["udp://192.0.2.53"]
records: [{ name: nas.home.example, type: A, value: 192.168.1.5 }]
policies:
  - name: p
    match: {}
    default: allow
    block: [{ section: ads, owner: me, reason: no ads, names: ["**.ads.example"] }]
`);
}

test.each([
  [0, false],
  [0.4, false],
  [0.6, true],
  [1, true],
])('a part of %d of the plain allows keeps one that drew 0.5: %s', (sampleAllows, kept) => {
  expect(createQueryLog({ ...RULES, sampleAllows }).keeps()).toBe(kept);
});

test('a name is told whole, as its registrable domain, or as a hash that is the same for the same name alone', () => {
  const decision = sampleDecision('d-1', { qname: 'mail.example.com' });
  const told = (privacy: QueryLogRules['privacy'], name = 'mail.example.com') =>
    createQueryLog({ ...RULES, privacy }).redact(decision, requireName(name));
  expect(told('full')).toBe(decision);
  expect(told('domain')).toEqual({ ...decision, qname: 'example.com', rule: null });
  const hashed = told('hash');
  expect(hashed.qname).toMatch(/^\(hash [0-9a-f]{16}\)$/);
  expect(JSON.stringify(hashed)).not.toContain('example');
  expect(hashed.signals).toEqual([]);
  expect(told('hash').qname).toBe(hashed.qname);
  expect(told('hash', 'www.example.com').qname).not.toBe(hashed.qname);
  expect(told('hash', 'www.example.com').parent).toBe(hashed.parent);
  const otherKey = createQueryLog({ ...RULES, privacy: 'hash', hashKey: { low: 1, high: 3 } });
  expect(otherKey.redact(decision, requireName('mail.example.com')).qname).not.toBe(hashed.qname);
});

test.each(['domain', 'hash'] as const)(
  'privacy %s: the entry that allows a name does not tell it, nor does what it measured',
  (privacy) => {
    const decision = sampleDecision('d-1', {
      qname: 'patient-7.clinic.example',
      rule: 'people: patient-7.clinic.example',
      leakBits: 12.77,
    });
    const told = createQueryLog({ ...RULES, privacy }).redact(decision, requireName('patient-7.clinic.example'));
    expect(JSON.stringify(told)).not.toContain('patient-7');
    if (privacy === 'hash') expect(told.leakBits).toBe(13);
  },
);

test('everything that is answered is in the log: forwarded, cached, local, feedback, ANY', async () => {
  const kennel = logging('{ decisions: all }');
  for (const name of ['www.example.com', 'www.example.com', 'nas.home.example', 'session.kennel.internal']) await kennel.ask(name);
  await kennel.ask('www.example.com', { type: 'ANY' });
  expect(kennel.decisions.map(({ qname, reason, forwarded }) => [qname, reason, forwarded])).toEqual([
    ['www.example.com', 'allowed', true],
    ['www.example.com', 'allowed', false],
    ['nas.home.example', 'local', false],
    ['session.kennel.internal', 'local', false],
    ['www.example.com', 'local', false],
  ]);
});

test('privacy and sampling leave evidence alone', async () => {
  const kennel = logging('{ decisions: all, privacy: hash, sampleAllows: 0 }');
  await kennel.ask('www.example.com');
  await kennel.ask('pixel.ads.example');
  expect(kennel.decisions.map(({ qname, verdict }) => [qname, verdict])).toEqual([['pixel.ads.example', 'refuse']]);
});

test('without a query log only evidence is kept', async () => {
  const kennel = logging('{ decisions: evidence }');
  for (const name of ['www.example.com', 'nas.home.example', 'pixel.ads.example']) await kennel.ask(name);
  expect(kennel.decisions.map(({ qname }) => qname)).toEqual(['pixel.ads.example']);
});
