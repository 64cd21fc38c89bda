/** Which upstream answers are believed, and what of them is kept. */
import { describe, expect, test } from 'vitest';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { requireName, toPresentation } from '../../../src/wire/name.ts';
import type { SpelledName } from '../../../src/wire/query-encode.ts';
import type { ResourceRecord } from '../../../src/wire/record.ts';
import { type ParsedResponse, parseResponse, repeatsSpelling } from '../../../src/wire/response-parse.ts';
import {
  type HeaderFields,
  header,
  labels,
  message,
  name,
  octets,
  opt,
  option,
  pointer,
  QUESTION_NAME,
  question,
  ROOT_LABEL,
  record,
  uint16,
  uint32,
} from '../../packet-parts.ts';

const ASKED_NAME = name('www', 'example', 'com');
const QNAME = pointer(QUESTION_NAME);
const ADDRESS = Uint8Array.of(192, 0, 2, 1);
const SOA_RDATA = message(name('ns', 'example', 'com'), name('hostmaster', 'example', 'com'), uint32(1, 2, 3, 4, 60));

const { A, NS, CNAME, SOA, MX, TXT, AAAA, SRV, DNAME, RRSIG, NSEC, NSEC3, HTTPS } = RRTYPE;

interface Sections {
  answers?: readonly Uint8Array[];
  authority?: readonly Uint8Array[];
  additional?: readonly Uint8Array[];
  flags?: number;
  qtype?: number;
}

function text(presentation: string): Uint8Array {
  return name(...presentation.split('.'));
}

function response({ answers = [], authority = [], additional = [], flags = 0x8180, qtype = A }: Sections): Uint8Array {
  const counts: HeaderFields = { answers: answers.length, authority: authority.length, additional: additional.length };
  return message(header({ flags, ...counts }), question(ASKED_NAME, qtype), ...answers, ...authority, ...additional);
}

function parsed(sections: Sections): ParsedResponse {
  const reading = parseResponse(response(sections), { qname: requireName('www.example.com'), qtype: sections.qtype ?? A });
  if (reading.kind !== 'response') throw new Error(`${reading.kind}: ${reading.detail}`);
  return reading.response;
}

function reading(packet: Uint8Array, qtype: number = A): string {
  const result = parseResponse(packet, { qname: requireName('www.example.com'), qtype });
  return result.kind === 'response' ? 'response' : `${result.kind}: ${result.detail}`;
}

/** "owner TYPE" of each record, for comparisons that read well. */
function shown(records: readonly ResourceRecord[]): string[] {
  return records.map(
    ({ owner, type }) => `${toPresentation(owner)} ${Object.entries(RRTYPE).find(([, code]) => code === type)?.[0] ?? type}`,
  );
}

function signature(owner: Uint8Array, covered: number, signer = name('example', 'com')): Uint8Array {
  return record(owner, RRSIG, message(uint16(covered), octets('\0'.repeat(16)), signer, octets('signature')));
}

function cname(owner: string, target: string): Uint8Array {
  return record(text(owner), CNAME, text(target));
}

describe('an answer to the question', () => {
  test('gives its records, ID, code and AD', () => {
    const answer = { owner: requireName('www.example.com'), type: A, class: 1, ttlSeconds: 300, rdata: ADDRESS };
    expect(parsed({ flags: 0x81a0, answers: [record(QNAME, A, ADDRESS)] })).toEqual({
      id: 0x1234,
      truncated: false,
      authenticData: true,
      rcode: 0,
      cookie: null,
      answers: [answer],
      authority: [],
    });
  });

  test('may repeat the question in another letter case and have its records in one', () => {
    const packet = message(
      header({ flags: 0x8180, answers: 1 }),
      question(name('WwW', 'Example', 'COM')),
      record(text('WWW.EXAMPLE.COM'), A, ADDRESS),
    );
    expect(reading(packet)).toBe('response');
  });

  test('has the upper bits of its code in the OPT', () => {
    expect(parsed({ flags: 0x8187, additional: [opt({ extendedRcode: 1 })] }).rcode).toBe(23);
    expect(parsed({ flags: 0x8183 }).rcode).toBe(3);
  });

  test('that is truncated gives no records, whatever is in it', () => {
    const packet = response({ flags: 0x8380, answers: [record(QNAME, A, ADDRESS), octets('\xc0')] });
    expect(parseResponse(packet, { qname: requireName('www.example.com'), qtype: A })).toMatchObject({
      response: { truncated: true, answers: [], authority: [] },
    });
  });

  test('counts a TTL with the top bit set as a large one (RFC 8767 §4)', () => {
    const answers = [record(QNAME, A, ADDRESS, { ttl: 0x8000_0000 }), record(QNAME, A, ADDRESS, { ttl: 0x7fff_ffff })];
    expect(parsed({ answers }).answers.map(({ ttlSeconds }) => ttlSeconds)).toEqual([0x7fff_ffff, 0x7fff_ffff]);
  });

  test('keeps nothing of the packet', () => {
    const packet = Buffer.from(response({ answers: [record(QNAME, A, ADDRESS), record(QNAME, TXT, octets('\x01x'))] }));
    const result = parseResponse(packet, { qname: requireName('www.example.com'), qtype: A });
    packet.fill(0xff);
    expect(result).toMatchObject({ response: { answers: [{ owner: requireName('www.example.com'), rdata: ADDRESS }] } });
  });
});

describe('no answer to the question', () => {
  test.each([
    ['too short', new Uint8Array(11), 'shorter than a header'],
    ['a query', response({ flags: 0x0100 }), 'not a response'],
    ['another opcode', response({ flags: 0xa180 }), 'opcode is not QUERY'],
    ['without a question, and no refusal', header({ flags: 0x8180, questions: 0 }), 'not exactly one question'],
    ['without a question that denies a name', header({ flags: 0x8183, questions: 0 }), 'not exactly one question'],
    ['without a question that is truncated', header({ flags: 0x8381, questions: 0 }), 'not exactly one question'],
    ['without a question, refused, with records', header({ flags: 0x8185, questions: 0, answers: 1 }), 'not exactly one question'],
    ['without a question, of another opcode', header({ flags: 0xa181, questions: 0 }), 'opcode is not QUERY'],
    ['without a question that is a query', header({ flags: 0x0101, questions: 0 }), 'not a response'],
    [
      'with two questions',
      message(header({ flags: 0x8180, questions: 2 }), question(ASKED_NAME), question(ASKED_NAME)),
      'not exactly one question',
    ],
    ['with a compressed question', message(header({ flags: 0x8180 }), question(pointer(12))), 'question is malformed'],
    ['with a question cut short', message(header({ flags: 0x8180 }), ASKED_NAME, uint16(1)), 'question is malformed'],
    ['for another name', message(header({ flags: 0x8180 }), question(name('www', 'example', 'net'))), 'another question'],
    ['for a name with a dot inside a label', message(header({ flags: 0x8180 }), question(name('www.example', 'com'))), 'another question'],
    ['for another type', message(header({ flags: 0x8180 }), question(ASKED_NAME, AAAA)), 'another question'],
    ['for another class', message(header({ flags: 0x8180 }), question(ASKED_NAME, A, 3)), 'another question'],
  ])('is a message %s', (_, packet, detail) => {
    expect(reading(packet)).toBe(`mismatch: ${detail}`);
  });
});

describe('a refusal that is a header alone', () => {
  test.each([
    ['FORMERR', 1],
    ['SERVFAIL', 2],
    ['NOTIMP', 4],
    ['REFUSED', 5],
  ])('%s is an answer without data', (_, rcode) => {
    const packet = header({ flags: 0x8180 | rcode, questions: 0 });
    expect(parseResponse(packet, { qname: requireName('www.example.com'), qtype: A })).toMatchObject({
      kind: 'response',
      response: { id: 0x1234, rcode, truncated: false, authenticData: false, cookie: null, answers: [], authority: [] },
    });
  });

  test('may have an OPT, and octets behind it that nobody reads', () => {
    const packet = message(header({ flags: 0x81a1, questions: 0, additional: 1 }), opt(), octets('rest'));
    const reading = parseResponse(packet, { qname: requireName('www.example.com'), qtype: A });
    expect(reading).toMatchObject({ kind: 'response', response: { rcode: 1, authenticData: false, answers: [] } });
  });
});

describe('a malformed answer', () => {
  test.each<[string, Sections, string]>([
    ['counts a record it does not have', { answers: [new Uint8Array(0)] }, 'answer section'],
    ['ends within a record', { answers: [record(QNAME, A, ADDRESS).slice(0, -1)] }, 'answer section'],
    ['ends within a record header', { answers: [record(QNAME, A, ADDRESS).slice(0, 8)] }, 'answer section'],
    ['has an A of 2 octets', { answers: [record(QNAME, A, uint16(1))] }, 'answer section'],
    ['has an A of 5 octets', { answers: [record(QNAME, A, octets('12345'))] }, 'answer section'],
    ['has an AAAA of 4 octets', { answers: [record(QNAME, AAAA, ADDRESS)] }, 'answer section'],
    [
      'has a CNAME whose target runs past its RDATA',
      { answers: [record(QNAME, CNAME, text('a.b'), { rdlength: 3 }), octets('rest')] },
      'answer section',
    ],
    ['has a CNAME with octets after its target', { answers: [record(QNAME, CNAME, message(text('a.b'), ROOT_LABEL))] }, 'answer section'],
    ['has a CNAME without a target', { answers: [record(QNAME, CNAME, new Uint8Array(0))] }, 'answer section'],
    ['has a CNAME pointing forward', { answers: [record(QNAME, CNAME, pointer(0x3000))] }, 'answer section'],
    ['has a MX without a name', { answers: [record(QNAME, MX, uint16(10))] }, 'answer section'],
    ['has a TXT without a string', { answers: [record(QNAME, TXT, new Uint8Array(0))] }, 'answer section'],
    ['has a TXT whose string runs past it', { answers: [record(QNAME, TXT, octets('\x05abc'))] }, 'answer section'],
    ['has a SOA one octet short', { authority: [record(text('com'), SOA, SOA_RDATA.slice(0, -1))] }, 'authority section'],
    ['has a signature with a compressed signer', { answers: [signature(QNAME, A, QNAME)] }, 'answer section'],
    [
      'has a signature whose signer runs past it',
      { answers: [record(QNAME, RRSIG, message(new Uint8Array(18), text('a.b')), { rdlength: 20 })] },
      'answer section',
    ],
    [
      'has a SIG whose signer runs past it',
      { answers: [record(QNAME, 24, message(new Uint8Array(18), text('a.b')), { rdlength: 20 })] },
      'answer section',
    ],
    ['has a NSEC with a compressed name', { authority: [record(QNAME, NSEC, QNAME)] }, 'authority section'],
    ['has an owner that is a loop', { answers: [record(pointer(33), A, ADDRESS)] }, 'answer section'],
    ['has two OPTs', { additional: [opt(), opt()] }, 'additional section'],
    ['has an OPT that is not at the root', { additional: [record(QNAME, RRTYPE.OPT, new Uint8Array(0))] }, 'additional section'],
    ['has an additional record cut short', { additional: [record(QNAME, A, ADDRESS, { rdlength: 5 })] }, 'additional section'],
    ['has more than 1,000 records', { answers: new Array<Uint8Array>(1001).fill(record(QNAME, A, ADDRESS)) }, 'too many records'],
  ])('%s', (_, sections, detail) => {
    expect(reading(response(sections))).toBe(`malformed: ${detail}`);
  });

  test.each([
    ['a compressed target', message(uint16(1), QNAME)],
    ['keys out of order', message(uint16(1), ROOT_LABEL, option(3, uint16(443)), option(1, octets('\x02h2')))],
    ['a key twice', message(uint16(1), ROOT_LABEL, option(3, uint16(443)), option(3, uint16(443)))],
    ['a parameter longer than the record', message(uint16(1), ROOT_LABEL, option(3, uint16(443), 3))],
    ['octets after its parameters', message(uint16(1), ROOT_LABEL, option(3, uint16(443)), uint16(1))],
    ['an IPv4 hint of 5 octets', message(uint16(1), ROOT_LABEL, option(4, octets('12345')))],
    ['an empty IPv6 hint', message(uint16(1), ROOT_LABEL, option(6, new Uint8Array(0)))],
    ['no target', uint16(1)],
  ])('has an HTTPS record with %s', (_, rdata) => {
    expect(reading(response({ qtype: HTTPS, answers: [record(QNAME, HTTPS, rdata)] }), HTTPS)).toBe('malformed: answer section');
  });

  test('is not made of octets behind the last record', () => {
    expect(reading(message(response({ answers: [record(QNAME, A, ADDRESS)] }), octets('padding')))).toBe('response');
  });
});

describe('compressed names in RDATA', () => {
  const EXAMPLE = pointer(QUESTION_NAME + 4);
  const expanded = (...texts: string[]) => name(...texts, 'example', 'com');

  test.each([
    ['NS', NS, message(labels('Ns1'), EXAMPLE), expanded('Ns1')],
    ['PTR', RRTYPE.PTR, message(labels('My Printer'), EXAMPLE), expanded('My Printer')],
    ['MX', MX, message(uint16(10), labels('mail'), EXAMPLE), message(uint16(10), expanded('mail'))],
    ['SRV', SRV, message(uint16(1, 2, 443), labels('srv'), EXAMPLE), message(uint16(1, 2, 443), expanded('srv'))],
    [
      'SOA',
      SOA,
      message(labels('ns'), EXAMPLE, EXAMPLE, uint32(1, 2, 3, 4, 5)),
      message(expanded('ns'), expanded(), uint32(1, 2, 3, 4, 5)),
    ],
    [
      'NAPTR',
      RRTYPE.NAPTR,
      message(uint16(1, 2), octets('\x01s\x07SIP+D2U\0'), EXAMPLE),
      message(uint16(1, 2), octets('\x01s\x07SIP+D2U\0'), expanded()),
    ],
    ['KX', RRTYPE.KX, message(uint16(1), EXAMPLE), message(uint16(1), expanded())],
    ['RP', RRTYPE.RP, message(labels('a'), EXAMPLE, labels('b'), EXAMPLE), message(expanded('a'), expanded('b'))],
  ])('of %s are written out, letter case kept', (_, qtype, rdata, expected) => {
    expect(parsed({ qtype, answers: [record(QNAME, qtype, rdata)] }).answers.map((answer) => answer.rdata)).toEqual([expected]);
  });

  test('of unknown types are octets like any other', () => {
    const rdata = octets('\xc0\x0c anything');
    expect(parsed({ qtype: 65_280, answers: [record(QNAME, 65_280, rdata)] }).answers[0]?.rdata).toEqual(rdata);
  });

  test('cannot make RDATA longer than RDLENGTH can tell', () => {
    const nxt = message(EXAMPLE, new Uint8Array(65_000));
    expect(parsed({ qtype: 30, answers: [record(QNAME, 30, nxt)] }).answers[0]?.rdata.length).toBe(65_013);
    const longest = name('a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61));
    const packet = message(
      header({ flags: 0x8180, answers: 1 }),
      question(longest, 30),
      record(QNAME, 30, message(QNAME, new Uint8Array(65_533 - 240))),
    );
    expect(
      parseResponse(packet, { qname: requireName([63, 63, 63, 61].map((n, i) => 'abcd'.charAt(i).repeat(n)).join('.')), qtype: 30 }).kind,
    ).toBe('malformed');
  });
});

describe('aliases', () => {
  test('are followed to the records asked for and put in order', () => {
    const answers = [record(text('b.test'), A, ADDRESS), cname('a.test', 'B.test'), cname('www.example.com', 'a.test')];
    expect(shown(parsed({ answers }).answers)).toEqual(['www.example.com CNAME', 'a.test CNAME', 'b.test A']);
  });

  test('may end without the records asked for', () => {
    const { answers, authority } = parsed({
      answers: [cname('www.example.com', 'gone.test'), record(text('gone.test'), AAAA, new Uint8Array(16))],
      authority: [record(text('example.com'), SOA, SOA_RDATA), record(text('test'), SOA, SOA_RDATA)],
    });
    expect(shown(answers)).toEqual(['www.example.com CNAME']);
    expect(shown(authority)).toEqual(['test SOA']);
  });

  test('are not followed when the alias itself is asked for', () => {
    const answers = [cname('www.example.com', 'a.test'), cname('a.test', 'b.test')];
    expect(shown(parsed({ qtype: CNAME, answers }).answers)).toEqual(['www.example.com CNAME']);
  });

  test('go no further than 16 links', () => {
    const chainOf = (links: number) => ({
      answers: [
        cname('www.example.com', 'n1.test'),
        ...Array.from({ length: links - 1 }, (_, index) => cname(`n${index + 1}.test`, `n${index + 2}.test`)),
        record(text(`n${links}.test`), A, ADDRESS),
      ],
    });
    expect(parsed(chainOf(16)).answers).toHaveLength(17);
    expect(reading(response(chainOf(17)))).toBe('malformed: alias chain');
  });

  test.each([
    ['to itself', [cname('www.example.com', 'www.example.com')]],
    ['to itself in another letter case', [cname('www.example.com', 'WWW.example.com')]],
    ['in a circle', [cname('www.example.com', 'a.test'), cname('a.test', 'b.test'), cname('b.test', 'a.test')]],
  ])('that lead %s are malformed', (_, answers) => {
    expect(reading(response({ answers }))).toBe('malformed: alias chain');
  });

  test('beyond the first one of a name are dropped, so that no client follows what nobody checked', () => {
    const answers = [
      cname('www.example.com', 'a.test'),
      cname('www.example.com', 'evil.test'),
      record(text('a.test'), A, ADDRESS),
      record(text('evil.test'), A, ADDRESS),
    ];
    expect(shown(parsed({ answers }).answers)).toEqual(['www.example.com CNAME', 'a.test A']);
  });

  test('next to the records asked for are dropped', () => {
    const answers = [cname('www.example.com', 'evil.test'), record(QNAME, A, ADDRESS)];
    expect(shown(parsed({ answers }).answers)).toEqual(['www.example.com A']);
  });
});

describe('a DNAME above the name', () => {
  const dname = record(text('example.com'), DNAME, text('example.net'));

  test('is kept with the CNAME made from it', () => {
    const answers = [dname, cname('www.example.com', 'www.example.net'), record(text('www.example.net'), A, ADDRESS)];
    expect(shown(parsed({ answers }).answers)).toEqual(['example.com DNAME', 'www.example.com CNAME', 'www.example.net A']);
  });

  test('gets its CNAME made here when the upstream left it out', () => {
    const { answers } = parsed({ answers: [dname, record(text('www.example.net'), A, ADDRESS)] });
    expect(shown(answers)).toEqual(['example.com DNAME', 'www.example.com CNAME', 'www.example.net A']);
    expect(answers[1]).toMatchObject({ ttlSeconds: 300, rdata: text('www.example.net') });
  });

  test('is kept where its CNAME is asked for: nothing else of that answer is signed', () => {
    const answers = [dname, signature(text('example.com'), DNAME), cname('www.example.com', 'www.example.net')];
    expect(shown(parsed({ qtype: CNAME, answers }).answers)).toEqual(['example.com DNAME', 'example.com RRSIG', 'www.example.com CNAME']);
  });

  test('gives its TTL to the CNAME, whatever the upstream says', () => {
    const target = record(QNAME, CNAME, text('www.example.net'), { ttl: 0 });
    expect(parsed({ answers: [dname, target] }).answers.map(({ ttlSeconds }) => ttlSeconds)).toEqual([300, 300]);
  });

  test('is malformed when the CNAME leads elsewhere', () => {
    expect(reading(response({ answers: [dname, cname('www.example.com', 'www.evil.test')] }))).toBe('malformed: alias chain');
  });

  test('at the name itself changes nothing for that name', () => {
    expect(shown(parsed({ answers: [record(QNAME, DNAME, text('example.net')), record(QNAME, A, ADDRESS)] }).answers)).toEqual([
      'www.example.com A',
    ]);
  });

  test('that makes the name too long leads nowhere, and is kept as the reason', () => {
    const long = name('a'.repeat(63), 'a'.repeat(63), 'a'.repeat(63), 'a'.repeat(61));
    const { rcode, answers } = parsed({ flags: 0x8186, answers: [record(text('example.com'), DNAME, long)] });
    expect({ rcode, answers: shown(answers) }).toEqual({ rcode: 6, answers: ['example.com DNAME'] });
  });

  test('into its own subtree is followed 16 times at most', () => {
    expect(reading(response({ answers: [record(text('example.com'), DNAME, text('x.example.com'))] }))).toBe('malformed: alias chain');
  });

  test('is kept once when it serves two links', () => {
    const answers = [
      record(text('example.com'), DNAME, text('x.example.com')),
      signature(text('example.com'), DNAME),
      record(text('www.x.x.example.com'), A, ADDRESS),
    ];
    expect(shown(parsed({ answers }).answers)).toEqual([
      'example.com DNAME',
      'example.com RRSIG',
      'www.example.com CNAME',
      'www.x.example.com CNAME',
      'www.x.x.example.com A',
    ]);
  });
});

describe('signatures', () => {
  test('of an alias do not answer a question for signatures, but those at its end do', () => {
    const answers = [
      cname('www.example.com', 'a.test'),
      signature(QNAME, CNAME),
      signature(text('a.test'), A),
      signature(text('a.test'), TXT),
    ];
    expect(shown(parsed({ qtype: RRSIG, answers }).answers)).toEqual([
      'www.example.com CNAME',
      'www.example.com RRSIG',
      'a.test RRSIG',
      'a.test RRSIG',
    ]);
  });

  test('asked for themselves keep the proof that a wildcard made them', () => {
    const denial = record(text('b.example.com'), NSEC, message(text('z.example.com'), octets('\0\x01\x40')));
    const sections = { qtype: RRSIG, answers: [signature(QNAME, A)], authority: [denial, signature(text('b.example.com'), NSEC)] };
    expect(shown(parsed(sections).authority)).toEqual(['b.example.com NSEC', 'b.example.com RRSIG']);
  });

  test('stay with the records they cover, and only those', () => {
    const answers = [signature(QNAME, A), signature(QNAME, TXT), signature(text('other.test'), A), record(QNAME, A, ADDRESS)];
    expect(shown(parsed({ answers }).answers)).toEqual(['www.example.com A', 'www.example.com RRSIG']);
  });

  test('of aliases follow them', () => {
    const answers = [
      cname('www.example.com', 'a.test'),
      record(text('a.test'), A, ADDRESS),
      signature(text('www.example.com'), CNAME),
      signature(text('a.test'), A),
    ];
    expect(shown(parsed({ answers }).answers)).toEqual(['www.example.com CNAME', 'www.example.com RRSIG', 'a.test A', 'a.test RRSIG']);
  });

  test('that were asked for come once each', () => {
    expect(shown(parsed({ qtype: RRSIG, answers: [signature(QNAME, A), signature(QNAME, RRSIG)] }).answers)).toEqual([
      'www.example.com RRSIG',
      'www.example.com RRSIG',
    ]);
  });
});

describe('what was not asked for', () => {
  test('is dropped from the answer section: other names, types and classes', () => {
    const answers = [
      record(text('bank.test'), A, ADDRESS),
      record(QNAME, TXT, octets('\x01x')),
      record(QNAME, A, ADDRESS, { class: 3 }),
      record(QNAME, A, ADDRESS),
    ];
    expect(shown(parsed({ answers }).answers)).toEqual(['www.example.com A']);
  });

  test('is dropped from the other sections: delegations, glue and foreign zones', () => {
    const { answers, authority } = parsed({
      answers: [record(QNAME, A, ADDRESS)],
      authority: [
        record(text('com'), NS, text('ns.evil.test')),
        record(text('example.com'), SOA, SOA_RDATA),
        record(text('bank.test'), NSEC, text('a')),
      ],
      additional: [record(text('ns.evil.test'), A, ADDRESS), opt()],
    });
    expect(shown(answers)).toEqual(['www.example.com A']);
    expect(authority).toEqual([]);
  });
});

describe('a negative answer', () => {
  const soa = record(text('example.com'), SOA, SOA_RDATA);

  test('keeps one SOA at or above the name', () => {
    const authority = [
      record(text('com.www'), SOA, SOA_RDATA),
      record(text('evil.test'), SOA, SOA_RDATA),
      soa,
      record(text('com'), SOA, SOA_RDATA),
    ];
    expect(shown(parsed({ flags: 0x8183, authority }).authority)).toEqual(['example.com SOA']);
    expect(shown(parsed({ authority: [record(text('x.www.example.com'), SOA, SOA_RDATA)] }).authority)).toEqual([]);
  });

  test('keeps the proofs and signatures inside its zone', () => {
    const authority = [
      soa,
      signature(text('example.com'), SOA),
      record(text('a.example.com'), NSEC, name('z', 'example', 'com')),
      signature(text('a.example.com'), NSEC),
      record(text('hash.example.com'), NSEC3, octets('\x01\0\0\0\0\x01h\0')),
      record(text('a.example.net'), NSEC, name('z')),
      signature(text('example.com'), NS),
      signature(text('com'), SOA),
    ];
    expect(shown(parsed({ flags: 0x8183, authority }).authority)).toEqual([
      'example.com SOA',
      'example.com RRSIG',
      'a.example.com NSEC',
      'a.example.com RRSIG',
      'hash.example.com NSEC3',
    ]);
  });
});

test('a positive answer from a wildcard keeps the proof of its signer, and no SOA', () => {
  const answers = [record(QNAME, A, ADDRESS), signature(QNAME, A)];
  const authority = [
    record(text('v.example.com'), NSEC, name('x', 'example', 'com')),
    signature(text('v.example.com'), NSEC),
    record(text('v.evil.test'), NSEC, name('x')),
    record(text('example.com'), SOA, SOA_RDATA),
  ];
  expect(shown(parsed({ answers, authority }).authority)).toEqual(['v.example.com NSEC', 'v.example.com RRSIG']);
});

test('a signature by a zone that the name is not in vouches for no proofs', () => {
  const answers = [record(QNAME, A, ADDRESS), signature(QNAME, A, name('evil', 'test'))];
  expect(parsed({ answers, authority: [record(text('v.evil.test'), NSEC, name('x'))] }).authority).toEqual([]);
});

test('the signer of an alias that is not kept, because it stands beside the records asked for, vouches for no proofs', () => {
  const answers = [record(QNAME, A, ADDRESS), cname('www.example.com', 'other.test'), signature(QNAME, CNAME)];
  const read = parsed({ answers, authority: [record(text('v.example.com'), NSEC, name('x', 'example', 'com'))] });
  expect(shown(read.answers)).toEqual(['www.example.com A']);
  expect(read.authority).toEqual([]);
});

describe('a cookie in an answer', () => {
  const cookie = octets('clientccserverrs');
  const withOptions = (options: Uint8Array) =>
    parsed({ answers: [record(QNAME, A, ADDRESS)], additional: [opt({ options, extendedRcode: 1 })] });

  test('is read as it is, wherever it stands among the options, and the first one counts', () => {
    const options = message(option(3, octets('nsid')), option(10, cookie), option(10, octets('another one')));
    expect(withOptions(options)).toMatchObject({ rcode: 16, cookie });
    expect(withOptions(option(10, new Uint8Array(0))).cookie).toHaveLength(0);
  });

  test.each([
    ['no option', new Uint8Array(0)],
    ['another option', option(3, cookie)],
    ['a length that lies', option(10, cookie, 200)],
    ['an option before it whose length lies', message(option(3, octets('a'), 200), option(10, cookie))],
  ])('is not there with %s', (_what, options) => {
    expect(withOptions(options).cookie).toBeNull();
  });

  test('is a copy: the packet may be reused', () => {
    const packet = response({ additional: [opt({ options: option(10, cookie) })] });
    const reading = parseResponse(packet, { qname: requireName('www.example.com'), qtype: A });
    packet.fill(0);
    expect(reading).toMatchObject({ response: { cookie } });
  });
});

test('whether the letter case of the question came back is told octet by octet', () => {
  const spelled = (text: string) =>
    octets(`\x03${text}\x07example\x03com\x00`).reduce((all, octet) => all + String.fromCharCode(octet), '') as SpelledName;
  const packet = message(header({ flags: 0x8180 }), question(name('wWw', 'example', 'com')));
  expect(repeatsSpelling(packet, spelled('wWw'))).toBe(true);
  expect(repeatsSpelling(packet, spelled('www'))).toBe(false);
  expect(repeatsSpelling(packet, spelled('WWw'))).toBe(false);
});
