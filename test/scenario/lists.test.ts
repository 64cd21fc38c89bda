/** What lists from elsewhere do to queries, and what they cannot do. */
import { describe, expect, test } from 'vitest';
import { compileList } from '../../src/lists/compile-list.ts';
import { NameHasher } from '../../src/lists/list-hash.ts';
import { type SubscribedList, subscribedNames } from '../../src/lists/subscribed-names.ts';
import { explain } from '../../src/pipeline/explain.ts';
import { RCODE, RRCLASS, RRTYPE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import type { ResourceRecord } from '../../src/wire/record.ts';
import { BottledKennel } from './bottled-kennel.ts';

const HASHER = new NameHasher(new Uint8Array(32));
const CLIENT = '10.0.0.5';

function list(name: string, kind: 'allow' | 'block', ...lines: string[]): SubscribedList {
  const result = compileList(Buffer.from(lines.join('\n')), { kind, format: 'adblock', hasher: HASHER });
  return result.kind === 'compiled' ? { name, kind, compiled: result.list } : expect.fail(result.problem);
}

interface Start {
  readonly mode?: 'observe' | 'enforce';
  readonly policies?: string;
  readonly lists: readonly SubscribedList[];
}

/** The config's own lists are files nobody reads here; `lists` is what they hold. */
function start({ mode = 'enforce', policies = '[{ name: p, match: {} }]', lists }: Start): BottledKennel {
  const declared = lists.map(({ name, kind }) => `{ name: ${name}, kind: ${kind}, file: ${name}.txt }`).join(', ');
  const text = `
mode: ${mode}
upstreams: ["udp://192.0.2.53"]
lists: [${declared}]
policies: ${policies}
`;
  const kennel = new BottledKennel(text, undefined, subscribedNames(lists, HASHER));
  kennel.script = ({ name }) => ({
    rcode: RCODE.NOERROR,
    answers: [addressRecord(requireName(name), '198.51.100.9', 300)],
    authority: [],
    authenticData: false,
  });
  return kennel;
}

const ADS = list('ads', 'block', '! ads', '||tracker.example^', '@@||good.tracker.example^', '||six.example^$dnstype=AAAA');

describe.each(['observe', 'enforce'] as const)('a block list under mode: %s', (mode) => {
  test('refuses what it has, before anything is sent, and names list and line', async () => {
    const kennel = start({ mode, lists: [ADS] });
    expect(await kennel.ask('a.b.tracker.example')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(kennel.sent).toEqual([]);
    expect(kennel.decisions).toMatchObject([{ verdict: 'refuse', reason: 'blocked', rule: 'ads:2 **.tracker.example' }]);
    expect(await kennel.ask('good.tracker.example')).toMatchObject({ rcode: 'NOERROR' });
    expect(await kennel.ask('other.example')).toMatchObject({ rcode: 'NOERROR' });
  });

  test('refuses a type as a type, whichever is asked first', async () => {
    for (const types of [
      ['AAAA', 'A', 'AAAA'],
      ['A', 'AAAA', 'A'],
    ]) {
      const kennel = start({ mode, lists: [ADS] });
      for (const type of types) {
        const reply = await kennel.ask('www.six.example', { type });
        expect(reply?.rcode).toBe('NOERROR');
        expect(reply?.answers.length, type).toBe(type === 'A' ? 1 : 0);
      }
      expect(kennel.sent.map(({ type }) => type)).toEqual(['A']);
      expect(new Set(kennel.decisions.map(({ rule }) => rule))).toEqual(new Set(['ads:4 **.six.example']));
    }
  });
});

function alias(name: string, target: string): ResourceRecord {
  const rdata = Uint8Array.from(Buffer.from(requireName(target), 'latin1'));
  return { owner: requireName(name), type: RRTYPE.CNAME, class: RRCLASS.IN, ttlSeconds: 300, rdata };
}

test.each([
  ['x.tracker.example', 'A', 'NXDOMAIN', 'ads:2 **.tracker.example'],
  ['www.six.example', 'AAAA', 'NOERROR', 'ads:4 **.six.example'],
])('an answer that leads to %s is withheld for %s with %s', async (target, type, rcode, rule) => {
  const kennel = start({ lists: [ADS] });
  kennel.script = ({ name }) => ({ rcode: RCODE.NOERROR, answers: [alias(name, target)], authority: [], authenticData: false });
  const reply = await kennel.ask('www.shop.example', { type });
  expect(reply).toMatchObject({ rcode, answers: [] });
  expect(kennel.decisions.at(-1)).toMatchObject({ reason: 'blocked-alias', rule, rcode });
});

test('explain names the list and the line', () => {
  const kennel = start({ lists: [ADS] });
  const said = explain(kennel.pipeline, requireName('a.tracker.example'), RRTYPE.A, CLIENT, CLIENT);
  expect(said).toMatchObject({ verdict: 'refuse', reason: 'blocked', rule: 'ads:2 **.tracker.example' });
});

test.each(['observe', 'enforce'] as const)('explain says that a cached answer is withheld, mode: %s', async (mode) => {
  const kennel = start({ mode, lists: [ADS] });
  const answers = [alias('www.shop.example', 'x.tracker.example')];
  kennel.script = () => ({ rcode: RCODE.NOERROR, answers, authority: [], authenticData: false });
  const said = () => explain(kennel.pipeline, requireName('www.shop.example'), RRTYPE.A, CLIENT, CLIENT);
  // Nobody knows where it leads before it was asked.
  expect(said()).toMatchObject({ verdict: 'allow', acting: 'allow' });
  await kennel.ask('www.shop.example');
  const told = { reason: 'blocked-alias', rule: 'ads:2 **.tracker.example' };
  expect(said()).toMatchObject({ verdict: 'refuse', acting: 'refuse', ...told });
  await kennel.ask('www.shop.example');
  expect(kennel.decisions.at(-1)).toMatchObject({ verdict: 'refuse', forwarded: false, ...told });
});

test('a policy asks the lists it names, all where it names none', async () => {
  const policies = `[
    { name: kids, match: { cidr: ["10.0.1.0/24"] } },
    { name: servers, match: { cidr: ["10.0.2.0/24"] }, lists: [malware] },
    { name: bare, match: {}, lists: [] }
  ]`;
  const kennel = start({ policies, lists: [ADS, list('malware', 'block', '||evil.example^')] });
  const refusedFor = async (client: string): Promise<string[]> => {
    const names = ['a.tracker.example', 'a.evil.example'];
    const replies = await Promise.all(names.map((name) => kennel.ask(name, { client })));
    return names.filter((_, index) => replies[index]?.rcode === 'NXDOMAIN');
  };
  expect(await refusedFor('10.0.1.5')).toEqual(['a.tracker.example', 'a.evil.example']);
  expect(await refusedFor('10.0.2.5')).toEqual(['a.evil.example']);
  expect(await refusedFor('10.0.3.5')).toEqual([]);
});

describe('who wins', () => {
  const own = (kind: 'allow' | 'block', pattern: string): string =>
    `[{ name: p, match: {}, ${kind}: [{ section: ours, owner: ops, reason: ours, names: ["${pattern}"] }] }]`;

  test('the operator’s allow entry over a block list', async () => {
    const kennel = start({ policies: own('allow', '**.tracker.example'), lists: [ADS] });
    expect(await kennel.ask('a.tracker.example')).toMatchObject({ rcode: 'NOERROR' });
  });

  test('the operator’s block entry over an allow list', async () => {
    const kennel = start({ policies: own('block', 'a.shop.example'), lists: [list('shops', 'allow', '||shop.example^')] });
    expect(await kennel.ask('a.shop.example')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(kennel.decisions.at(-1)).toMatchObject({ rule: 'ours: a.shop.example' });
    expect(await kennel.ask('b.shop.example')).toMatchObject({ rcode: 'NOERROR' });
  });

  test('an allow list over a block list; an exception of one block list says nothing about another', async () => {
    const allowed = start({ lists: [ADS, list('shops', 'allow', '||tracker.example^')] });
    expect(await allowed.ask('a.tracker.example')).toMatchObject({ rcode: 'NOERROR' });
    const blocked = start({ lists: [ADS, list('more', 'block', '||good.tracker.example^')] });
    expect(await blocked.ask('good.tracker.example')).toMatchObject({ rcode: 'NXDOMAIN' });
  });
});

describe('an allow list', () => {
  const DENY = '[{ name: p, match: {}, default: deny }]';

  test('opens its names where everything else is refused, and nothing when it is absent', async () => {
    const kennel = start({ policies: DENY, lists: [list('shops', 'allow', '||shop.example^')] });
    expect(await kennel.ask('www.shop.example')).toMatchObject({ rcode: 'NOERROR' });
    expect(await kennel.ask('www.other.example')).toMatchObject({ rcode: 'NXDOMAIN' });
    const absent = start({ policies: DENY, lists: [] });
    expect(await absent.ask('www.shop.example')).toMatchObject({ rcode: 'NXDOMAIN' });
  });

  test('for some types opens those and leaves the name', async () => {
    const kennel = start({ policies: DENY, lists: [list('shops', 'allow', '||shop.example^$dnstype=A')] });
    expect(await kennel.ask('www.shop.example', { type: 'AAAA' })).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect((await kennel.ask('www.shop.example'))?.answers).toHaveLength(1);
    expect(kennel.sent.map(({ type }) => type)).toEqual(['A']);
  });

  test('opens no public suffix and no top-level domain', async () => {
    const kennel = start({ policies: DENY, lists: [list('wide', 'allow', '||com^', '||co.uk^', '||github.io^', '||shop.example^')] });
    for (const name of ['evil.com', 'evil.co.uk', 'evil.github.io']) expect(await kennel.ask(name)).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(await kennel.ask('www.shop.example')).toMatchObject({ rcode: 'NOERROR' });
  });

  test('opens no way around the resolver where the policy refuses those: only the operator does', async () => {
    const hosts = ['dns.google', 'mask.icloud.com'];
    const lists = [list('hijacked', 'allow', ...hosts.map((host) => `||${host}^`))];
    const policy = (own: string) => `[{ name: p, match: {}, default: deny, dohEndpoints: refuse${own} }]`;
    for (const host of hosts) {
      const kennel = start({ policies: policy(''), lists });
      expect(await kennel.ask(host)).toMatchObject({ rcode: 'NXDOMAIN' });
      expect(kennel.sent).toEqual([]);
      const opened = start({ policies: policy(`, allow: [{ section: s, owner: o, reason: r, names: ["${host}"] }]`), lists });
      expect(await opened.ask(host)).toMatchObject({ rcode: 'NOERROR' });
    }
  });

  test('makes no name free: who writes it may have put one there for every secret', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `n${index}.drop.example`);
    const kennel = start({ lists: [list('shops', 'allow', ...names.map((name) => `|${name}^`))] });
    for (const name of names) await kennel.ask(name);
    const session = kennel.pipeline.sessions.peek(CLIENT);
    if (session === null) expect.fail('nobody asked');
    expect(kennel.pipeline.meters.spentInMemory(session.meters, 'drop.example')).toBeGreaterThan(5);
  });
});
