import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostsTable, parseHosts } from '../../../src/policy/hosts-file.ts';
import { LocalRecords } from '../../../src/policy/local-records.ts';
import { RCODE, RRTYPE, typeName } from '../../../src/wire/codes.ts';
import { toPresentation } from '../../../src/wire/name.ts';
import { addressesOf, targetName } from '../../../src/wire/rdata.ts';
import { accepted } from '../config/read-config.ts';
import { name } from './compiled-config.ts';

function records(yaml: string, zones: readonly string[] = [], hosts = ''): LocalRecords {
  const { records: read } = accepted(`mode: observe\nrecords:\n${yaml}`);
  return new LocalRecords(read, zones.map(name), { table: hostsTable([parseHosts(hosts)]) });
}

/** The answer in a line: the code, then owners with their data. */
function said(local: LocalRecords, asked: string, qtype: number = RRTYPE.A): string | null {
  const answer = local.answer(name(asked), qtype);
  if (answer === null || answer.kind === 'endless') return answer === null ? null : 'endless';
  const lines = (answer.kind === 'leads-on' ? answer.aliases : [...answer.aliases, ...answer.answers]).map((record) => {
    const target = record.type === RRTYPE.PTR ? targetName({ ...record, type: RRTYPE.CNAME }) : targetName(record);
    const data = target === null ? addressesOf(record).join() : toPresentation(target);
    return `${toPresentation(record.owner)} ${typeName(record.type)} ${data}`;
  });
  const end =
    answer.kind === 'leads-on' ? `then ${toPresentation(answer.target)}` : answer.rcode === RCODE.NXDOMAIN ? 'no such name' : 'ok';
  return [...lines, end].join(', ');
}

// RFC 4592 §2.2.1, with the names of a home.
const HOME = `
  - { name: "*.home.example", type: A, value: 192.168.1.1 }
  - { name: "*.home.example", type: MX, value: "10 mail.home.example" }
  - { name: nas.home.example, type: A, value: 192.168.1.10 }
  - { name: _ssh._tcp.pc.home.example, type: SRV, value: "0 0 22 pc.home.example" }
  - { name: "*.lab.home.example", type: A, value: 192.168.2.1 }
`;

describe('a wildcard', () => {
  const local = records(HOME);
  test.each([
    ['answers a name below with its own owner', 'x.home.example', 'x.home.example A 192.168.1.1, ok'],
    ['answers at any depth', 'x.y.home.example', 'x.y.home.example A 192.168.1.1, ok'],
    ['leaves a name with records alone', 'nas.home.example', 'nas.home.example A 192.168.1.10, ok'],
    ['stops at a name with records', 'x.nas.home.example', 'no such name'],
    ['stops at a name that only has names below', 'x._tcp.pc.home.example', 'no such name'],
    ['leaves names alone that only have names below', 'pc.home.example', 'ok'],
    ['is no name itself, but may be asked for as one', '*.home.example', '*.home.example A 192.168.1.1, ok'],
    ['below another one is closer', 'x.lab.home.example', 'x.lab.home.example A 192.168.2.1, ok'],
    ['makes the name exist that it stands below', 'lab.home.example', 'ok'],
    ['does not answer for the name that it stands below', 'home.example', null],
    ['ends at label dots', 'xhome.example', null],
  ])('%s: %s', (_what, asked, expected) => {
    expect(said(local, asked)).toBe(expected);
  });
  test('has the types it has', () => {
    expect(said(local, 'x.home.example', RRTYPE.AAAA)).toBe('ok');
  });
  test('does not reach into a forward zone', () => {
    const cut = records(HOME, ['office.home.example']);
    expect(said(cut, 'office.home.example')).toBeNull();
    expect(said(cut, 'x.office.home.example')).toBeNull();
    expect(said(cut, 'x.home.example')).toBe('x.home.example A 192.168.1.1, ok');
  });
  test('does not cover a name of a hosts file', () => {
    expect(said(records(HOME, [], '192.168.1.20 tv.home.example'), 'tv.home.example')).toBe('tv.home.example A 192.168.1.20, ok');
  });
});

describe('without a wildcard', () => {
  const local = records('  - { name: nas.home.example, type: A, value: 192.168.1.10 }');
  test.each(['home.example', 'x.nas.home.example', 'example', '.'])('%s is nothing of ours', (asked) => {
    expect(said(local, asked)).toBeNull();
  });
});

describe('aliases', () => {
  const local = records(`
  - { name: www.lan, type: CNAME, value: web.lan }
  - { name: web.lan, type: CNAME, value: nas.lan }
  - { name: nas.lan, type: A, value: [192.168.1.10, 192.168.1.11] }
  - { name: out.lan, type: CNAME, value: mid.lan }
  - { name: mid.lan, type: CNAME, value: www.example.net }
  - { name: "*.app.lan", type: CNAME, value: app.example.net }
`);
  test('are followed among our own names', () => {
    expect(said(local, 'www.lan')).toBe('www.lan CNAME web.lan, web.lan CNAME nas.lan, nas.lan A 192.168.1.10, nas.lan A 192.168.1.11, ok');
    expect(said(local, 'www.lan', RRTYPE.AAAA)).toBe('www.lan CNAME web.lan, web.lan CNAME nas.lan, ok');
  });
  test('may lead to names elsewhere', () => {
    expect(said(local, 'out.lan')).toBe('out.lan CNAME mid.lan, mid.lan CNAME www.example.net, then www.example.net');
    expect(said(local, 'a.b.app.lan')).toBe('a.b.app.lan CNAME app.example.net, then app.example.net');
  });
  test('are the answer where they are asked for', () => {
    expect(said(local, 'out.lan', RRTYPE.CNAME)).toBe('out.lan CNAME mid.lan, ok');
  });
  test('that never end are told', () => {
    const circle = [
      { name: 'a.lan', type: 'CNAME', value: 'b.lan', ttlSeconds: 1 },
      { name: 'b.lan', type: 'CNAME', value: 'a.lan', ttlSeconds: 1 },
    ] as const;
    expect(said(new LocalRecords(circle), 'a.lan')).toBe('endless');
  });
});

describe('the pointer of a private address', () => {
  const local = records(`
  - { name: nas.lan, type: A, value: 192.168.1.10 }
  - { name: alias.lan, type: A, value: 192.168.1.10 }
  - { name: nas.lan, type: AAAA, value: "fd00::10" }
  - { name: tv.lan, type: A, value: 192.168.1.11 }
  - { name: 11.1.168.192.in-addr.arpa, type: PTR, value: television.lan }
  - { name: this.lan, type: A, value: 127.0.0.1 }
  - { name: public.lan, type: A, value: 198.51.100.1 }
  - { name: "*.lan", type: A, value: 192.168.1.12 }
`);
  test.each([
    ['is the first name with it', '10.1.168.192.in-addr.arpa', '10.1.168.192.in-addr.arpa PTR nas.lan, ok'],
    ['is the one that was written', '11.1.168.192.in-addr.arpa', '11.1.168.192.in-addr.arpa PTR television.lan, ok'],
    ['is none for this machine', '1.0.0.127.in-addr.arpa', null],
    ['is none for a public address', '1.100.51.198.in-addr.arpa', null],
    ['is none for a wildcard', '12.1.168.192.in-addr.arpa', null],
  ])('%s', (_what, asked, expected) => {
    expect(said(local, asked, RRTYPE.PTR)).toBe(expected);
  });
  test('is there for IPv6', () => {
    expect(said(local, `0.1.${'0.'.repeat(26)}0.0.d.f.ip6.arpa`, RRTYPE.PTR)).toContain('PTR nas.lan');
  });
});

test('a text of more than 255 octets continues in further strings', () => {
  const text = 'k'.repeat(600);
  const answer = records(`  - { name: key.lan, type: TXT, value: "${text}" }`).answer(name('key.lan'), RRTYPE.TXT);
  const rdata = answer?.kind === 'answered' ? answer.answers[0]?.rdata : undefined;
  expect(rdata?.length).toBe(603);
  expect([rdata?.[0], rdata?.[256], rdata?.[512]]).toEqual([255, 255, 90]);
});

/** RFC 4592 by the letter, slowly: walk up to the closest name that exists, then look for an asterisk there. */
function naive(owners: readonly string[], asked: readonly string[]): string | null {
  const exists = (labels: readonly string[]) => owners.some((owner) => `.${owner}`.endsWith(`.${labels.join('.')}`));
  const bases = owners.filter((owner) => owner.startsWith('*.')).map((owner) => owner.slice(2));
  const inside = bases.some((base) => asked.join('.') !== base && asked.join('.').endsWith(`.${base}`));
  if (owners.includes(asked.join('.'))) return asked.join('.');
  if (!inside) return null;
  if (exists(asked)) return 'empty';
  for (let at = 1; at <= asked.length; at++) {
    const encloser = asked.slice(at);
    if (owners.includes(['*', ...encloser].join('.'))) return ['*', ...encloser].join('.');
    if (encloser.length > 0 && exists(encloser)) return 'none';
  }
  return 'none';
}

function expectedOf(owners: readonly string[], source: string | null): [rcode: number, addresses: string] | null {
  if (source === null) return null;
  if (source === 'none') return [RCODE.NXDOMAIN, ''];
  return [RCODE.NOERROR, source === 'empty' ? '' : `198.51.100.${owners.indexOf(source)}`];
}

test('wildcards answer as the slow reading of RFC 4592 does', () => {
  const labels = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 });
  const owner = fc.tuple(fc.boolean(), labels).map(([wild, parts]) => (wild ? ['*', ...parts] : parts).join('.'));
  fc.assert(
    fc.property(fc.uniqueArray(owner, { minLength: 1, maxLength: 6 }), labels, (owners, asked) => {
      const local = new LocalRecords(owners.map((one, i) => ({ name: one, type: 'A', value: `198.51.100.${i}`, ttlSeconds: 1 })));
      const answer = local.answer(name(asked.join('.')), RRTYPE.A);
      expect(answer?.kind === 'answered' ? [answer.rcode, answer.answers.flatMap(addressesOf).join()] : null).toEqual(
        expectedOf(owners, naive(owners, asked)),
      );
    }),
    { numRuns: 2000 },
  );
});
