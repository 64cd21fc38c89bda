/**
 * Names answered from records: what of them leaves, and that an alias of ours is no way past the decision about its target.
 */
import { describe, expect, test } from 'vitest';
import { RCODE, RRTYPE } from '../../src/wire/codes.ts';
import { requireName, toOctets } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const RECORDS = `
records:
  - { name: nas.home.example, type: A, value: 192.168.1.10 }
  - { name: files.home.example, type: CNAME, value: nas.home.example }
  - { name: search.home.example, type: CNAME, value: safe.search.example }
  - { name: "*.app.home.example", type: CNAME, value: app.allowed.example }
  - { name: ads.home.example, type: CNAME, value: www.ads.example }
  - { name: tunnel.home.example, type: CNAME, value: mfzwizltoq2dkmjqgeydaobuha4tknbvgm3danrshezdqnrx.a3f91c.evil.example }
  - { name: printer.home.example, type: CNAME, value: printer }
  - { name: nowhere.home.example, type: CNAME, value: gone.test }
`;

function start(policy = '', extra = ''): BottledKennel {
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
lanUpstreams: ["udp://192.168.1.1"]
${extra}
${RECORDS}
policies:
  - name: all
    match: {}
    block: [{ section: ads, owner: o, reason: r, names: ["**.ads.example"] }]
    ${policy}
`);
  kennel.script = ({ name }) => ({
    rcode: RCODE.NOERROR,
    answers: [addressRecord(requireName(name), '198.51.100.9', 300)],
    authority: [],
    authenticData: true,
  });
  return kennel;
}

const shown = (answers: readonly object[] = []) =>
  answers.map((answer) => {
    const { name, type, data } = answer as { name: string; type: string; data?: unknown };
    return `${name} ${type} ${String(data)}`;
  });

describe('a record', () => {
  test('is answered, and nothing leaves', async () => {
    const kennel = start();
    expect(shown((await kennel.ask('files.home.example'))?.answers)).toEqual([
      'files.home.example CNAME nas.home.example',
      'nas.home.example A 192.168.1.10',
    ]);
    expect(await kennel.ask('nas.home.example', { type: 'MX' })).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(await kennel.ask('10.1.168.192.in-addr.arpa', { type: 'PTR' })).toMatchObject({ rcode: 'NOERROR' });
    expect(kennel.sent).toEqual([]);
  });
  test('of ours says so to ANY', async () => {
    const kennel = start();
    expect(shown((await kennel.ask('nas.home.example', { type: 'ANY' }))?.answers)[0]).toContain('nas.home.example HINFO');
    expect(shown((await kennel.ask('search.home.example', { type: 'ANY' }))?.answers)[0]).toContain('search.home.example HINFO');
    expect(kennel.sent).toEqual([]);
  });
});

describe('an alias of a name elsewhere', () => {
  test('is the answer, followed by what its target has', async () => {
    const kennel = start();
    const reply = await kennel.ask('search.home.example');
    expect(shown(reply?.answers)).toEqual(['search.home.example CNAME safe.search.example', 'safe.search.example A 198.51.100.9']);
    expect(kennel.sent).toEqual([{ group: 'default', name: 'safe.search.example', type: 'A' }]);
  });
  test('keeps its own TTL while the cached answer behind it grows old', async () => {
    const kennel = start();
    await kennel.ask('search.home.example');
    kennel.pass(100_000);
    const reply = await kennel.ask('search.home.example');
    expect(reply?.answers.map((answer) => ('ttl' in answer ? answer.ttl : null))).toEqual([300, 200]);
    expect(kennel.sent).toHaveLength(1);
  });
  test('is never signed, whatever its target is', async () => {
    const kennel = start();
    kennel.groupsTrustedForAd.add('default');
    expect((await kennel.ask('safe.search.example', { wantsAd: true }))?.flags.ad).toBe(true);
    expect((await kennel.ask('search.home.example', { wantsAd: true }))?.flags.ad).toBe(false);
  });
  test('asked for itself sends nothing', async () => {
    const kennel = start();
    expect(shown((await kennel.ask('search.home.example', { type: 'CNAME' }))?.answers)).toEqual([
      'search.home.example CNAME safe.search.example',
    ]);
    expect(kennel.sent).toEqual([]);
  });
  test('costs what its target costs, and what is left of the name asked never leaves', async () => {
    const kennel = start();
    await kennel.ask('secret-one.app.home.example');
    await kennel.ask('secret-two.app.home.example');
    expect(kennel.sent).toEqual([{ group: 'default', name: 'app.allowed.example', type: 'A' }]);
    const direct = start();
    await direct.ask('app.allowed.example');
    const spent = (one: BottledKennel) => {
      const session = one.pipeline.sessions.peek('10.0.0.5');
      return session === null ? null : one.pipeline.meters.spentInMemory(session.meters, 'allowed.example');
    };
    expect(spent(kennel)).toBeGreaterThan(0);
    expect(spent(kennel)).toBe(spent(direct));
  });
  test('is written down by the name that was judged, however little of it', async () => {
    const kennel = start('', 'retention: { decisions: all, privacy: hash }');
    await kennel.ask('search.home.example');
    await kennel.ask('safe.search.example');
    const [first, second] = kennel.decisions.map(({ qname, parent }) => [qname, parent]);
    expect(first?.join()).toContain('(hash ');
    expect(first).toEqual(second);
  });
  test('of a blocked name is refused, and nothing leaves', async () => {
    const kennel = start();
    const reply = await kennel.ask('ads.home.example');
    expect(reply).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(reply?.ede.map(({ code }) => code)).toEqual([15]);
    expect(kennel.sent).toEqual([]);
    expect(kennel.decisions.at(-1)).toMatchObject({ verdict: 'refuse', reason: 'blocked', qname: 'www.ads.example' });
  });
  test('of a name that default deny does not list is refused', async () => {
    const kennel = start('default: deny\n    allow: [{ section: s, owner: o, reason: r, names: ["**.allowed.example"] }]');
    expect((await kennel.ask('search.home.example'))?.rcode).toBe('NXDOMAIN');
    expect((await kennel.ask('x.app.home.example'))?.rcode).toBe('NOERROR');
    expect(kennel.sent.map(({ name }) => name)).toEqual(['app.allowed.example']);
  });
  test('of a name whose budget is spent is refused', async () => {
    const kennel = start('budgets: { parentBits: 0, sessionBits: 0 }');
    expect((await kennel.ask('tunnel.home.example'))?.rcode).toBe('NXDOMAIN');
    expect((await kennel.ask('nas.home.example'))?.rcode).toBe('NOERROR');
    expect(kennel.sent).toEqual([]);
  });
  test('is not answered from elsewhere when its answer leads inside', async () => {
    const kennel = start();
    kennel.script = ({ name }) => ({
      rcode: RCODE.NOERROR,
      answers: [addressRecord(requireName(name), '192.168.1.1', 300)],
      authority: [],
      authenticData: false,
    });
    expect((await kennel.ask('search.home.example'))?.rcode).toBe('NXDOMAIN');
    expect(kennel.decisions.at(-1)).toMatchObject({ reason: 'rebinding', qname: 'safe.search.example' });
  });
  test('whose target points back is not followed round', async () => {
    const kennel = start();
    kennel.script = ({ name }) => ({
      rcode: RCODE.NOERROR,
      answers: [
        { owner: requireName(name), type: RRTYPE.CNAME, class: 1, ttlSeconds: 300, rdata: toOctets(requireName('search.home.example')) },
      ],
      authority: [],
      authenticData: false,
    });
    expect(shown((await kennel.ask('search.home.example'))?.answers)).toEqual([
      'search.home.example CNAME safe.search.example',
      'safe.search.example CNAME search.home.example',
    ]);
    expect(kennel.sent).toHaveLength(1);
  });
  test('of a name of the site goes to the LAN, where its answer may be private', async () => {
    const kennel = start();
    kennel.script = ({ name }) => ({
      rcode: RCODE.NOERROR,
      answers: [addressRecord(requireName(name), '192.168.1.30', 300)],
      authority: [],
      authenticData: false,
    });
    expect(shown((await kennel.ask('printer.home.example'))?.answers)).toEqual([
      'printer.home.example CNAME printer',
      'printer A 192.168.1.30',
    ]);
    expect(kennel.sent).toEqual([{ group: 'lan', name: 'printer', type: 'A' }]);
  });
  test('of a name that is answered here ends here', async () => {
    const kennel = start();
    const reply = await kennel.ask('nowhere.home.example');
    expect([reply?.rcode, shown(reply?.answers), reply?.authorities.length]).toEqual([
      'NXDOMAIN',
      ['nowhere.home.example CNAME gone.test'],
      1,
    ]);
    expect(kennel.sent).toEqual([]);
  });
  test('is told to sources that may be forged only as far as it is here', async () => {
    const kennel = start('', 'clients: { allow: ["203.0.113.0/24", "10.0.0.0/8"] }');
    const stranger = { client: '203.0.113.5' };
    expect(await kennel.ask('search.home.example', stranger)).toMatchObject({ answers: [], flags: { tc: true } });
    await kennel.ask('search.home.example');
    expect(shown((await kennel.ask('search.home.example', stranger))?.answers)).toEqual([
      'search.home.example CNAME safe.search.example',
      'safe.search.example A 198.51.100.9',
    ]);
    expect(kennel.sent).toHaveLength(1);
  });
});
