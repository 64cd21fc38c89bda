import { describe, expect, it } from 'vitest';
import { ListCompiler } from '../../../src/lists/compile-list.ts';
import { MAX_LINE_OCTETS } from '../../../src/lists/list-lines.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { compiled, decides, fixture, hasher, lists, notApplied } from './compiled-texts.ts';

describe('hosts files', () => {
  const list = compiled(fixture('hosts.txt'), 'hosts');

  it('list the names of lines with a sinkhole address, and no name below them', () => {
    for (const name of [
      'ads.example.com',
      'tracker.example.net',
      'metrics.example.net',
      'six.example.com',
      'six-too.example.com',
      'trailing.example.org',
      'plain.example.org',
    ])
      expect(lists(list, name), name).toBe(true);
    expect(list.report.entries).toBe(7);
    expect(lists(list, 'www.ads.example.com')).toBe(false);
    expect(lists(list, 'example.com')).toBe(false);
  });

  it('say nothing about the machine itself', () => {
    expect(lists(list, 'localhost')).toBe(false);
    expect(lists(list, 'broadcasthost')).toBe(false);
  });

  it('count duplicates and what has no effect, with the lines', () => {
    expect(list.report.duplicates).toBe(1);
    expect(notApplied(list.report)).toEqual({
      'other-address': [14],
      address: [15],
      'no-names': [16],
      'not-a-name': [17],
      syntax: [19],
    });
  });

  it('name the line that decided', () => {
    expect(decides(list, 'metrics.example.net')).toMatchObject({ line: 9, pattern: 'metrics.example.net', reach: 'exact' });
  });
});

describe('lists of names', () => {
  const list = compiled(fixture('domains.txt'), 'domains');

  it('block a name and all below it', () => {
    for (const name of ['ads.example.com', 'a.b.ads.example.com', 'tracker.example.net', 'x.trailing.example.org', 'wild.example.com'])
      expect(lists(list, name), name).toBe(true);
    expect(lists(list, 'xads.example.com')).toBe(false);
    expect(lists(list, 'example.com')).toBe(false);
  });

  it('take Unicode for the punycode that is asked', () => {
    expect(decides(list, 'xn--mnchen-3ya.example.org')?.line).toBe(5);
  });

  it('read lines of hosts files as such', () => {
    expect(lists(list, 'hosts-line.example.com')).toBe(true);
    expect(lists(list, 'www.hosts-line.example.com')).toBe(false);
  });

  it('tell what is no name and why', () => {
    expect(notApplied(list.report)).toEqual({
      'too-wide': [8],
      address: [9, 10],
      url: [11, 12],
      'part-of-a-name': [13],
      'not-a-name': [14],
      syntax: [16],
    });
  });

  it('allow a name alone, and more only where an asterisk says so', () => {
    const allow = compiled('ads.example.com\n*.wild.example.com\n', 'domains', 'allow');
    expect(lists(allow, 'ads.example.com')).toBe(true);
    expect(lists(allow, 'www.ads.example.com')).toBe(false);
    expect(lists(allow, 'a.b.wild.example.com')).toBe(true);
  });
});

describe('lists of wildcards', () => {
  const list = compiled(fixture('wildcard.txt'), 'wildcard');

  it('block the name and all below it', () => {
    expect(lists(list, 'ads.example.com')).toBe(true);
    expect(lists(list, 'a.b.ads.example.com')).toBe(true);
    expect(lists(list, 'www.plain.example.net')).toBe(true);
    expect(notApplied(list.report)).toEqual({ 'part-of-a-name': [5] });
  });

  it('may block a top-level domain, which is told', () => {
    expect(lists(list, 'anything.zip')).toBe(true);
    expect(list.report.topLevels).toEqual({ count: 1, firstLines: [3] });
  });
});

describe('rules of ad blockers', () => {
  const list = compiled(fixture('adblock.txt'), 'adblock');

  it('cover a name and all below, or the name alone, as their marks say', () => {
    for (const name of ['ads.example.com', 'end.example.com', 'open.example.com', 'zip'])
      expect([lists(list, name), lists(list, `www.${name}`)], name).toEqual([true, true]);
    for (const name of ['start.example.com', 'whole.example.com', 'plain.example.com', 'hosts.example.com'])
      expect([lists(list, name), lists(list, `www.${name}`)], name).toEqual([true, false]);
    for (const name of ['below.example.com', 'star.example.com'])
      expect([lists(list, name), lists(list, `www.${name}`)], name).toEqual([false, true]);
    expect(lists(list, 'xn--mll-hoa.example.com')).toBe(true);
  });

  it('except what @@ names', () => {
    expect(decides(list, 'x.good.ads.example.com')).toMatchObject({ effect: 'excepted', line: 14 });
    expect(decides(list, 'exact.ads.example.com')).toMatchObject({ effect: 'excepted', line: 15 });
    expect(lists(list, 'below.exact.ads.example.com')).toBe(true);
  });

  it('let $important beat an exception', () => {
    expect(decides(list, 'loud.example.com')).toMatchObject({ effect: 'listed', important: true, line: 16 });
  });

  it('keep to the types of $dnstype, and apply none of these where the type is not known', () => {
    expect(lists(list, 'typed.example.com', RRTYPE.A)).toBe(false);
    expect(lists(list, 'typed.example.com', RRTYPE.AAAA)).toBe(true);
    expect(lists(list, 'typed.example.com', RRTYPE.HTTPS)).toBe(true);
    expect(lists(list, 'nottyped.example.com', RRTYPE.A)).toBe(true);
    expect(lists(list, 'nottyped.example.com', RRTYPE.AAAA)).toBe(false);
    expect(lists(list, 'typed.example.com', null)).toBe(false);
    expect(lists(list, 'nottyped.example.com', null)).toBe(false);
    expect(list.dependsOnType).toBe(true);
  });

  it('leave out what $denyallow names', () => {
    expect(lists(list, 'bad.wide.example.org')).toBe(true);
    expect(lists(list, 'ok.wide.example.org')).toBe(false);
    expect(lists(list, 'www.fine.wide.example.org')).toBe(false);
  });

  it('void what $badfilter repeats, before and after it', () => {
    expect(lists(list, 'taken-back.example.com')).toBe(false);
    expect(lists(list, 'later.example.com')).toBe(false);
    expect(list.report.voided).toBe(2);
  });

  it('count what a resolver cannot apply, by kind', () => {
    expect(notApplied(list.report)).toEqual({
      cosmetic: [28, 29, 30],
      'regular-expression': [31],
      url: [32],
      modifier: [33, 34, 35],
      rewrite: [36],
      'part-of-a-name': [37, 38, 39],
      address: [40],
      'too-wide': [41],
    });
    expect(list.report.duplicates).toBe(1);
  });

  it('allow by either sign in an allow list', () => {
    const allow = compiled('@@||one.example.com^\n||two.example.com^\n', 'adblock', 'allow');
    expect(lists(allow, 'www.one.example.com')).toBe(true);
    expect(lists(allow, 'www.two.example.com')).toBe(true);
  });
});

describe('response policy zones', () => {
  const list = compiled(fixture('policy.rpz'), 'rpz');

  it('block by NXDOMAIN, NODATA, DROP and sinkhole addresses', () => {
    for (const name of [
      'nxdomain.example.com',
      'a.nxdomain.example.com',
      'nodata.example.com',
      'drop.example.com',
      'sink.example.com',
      'absolute.example.com',
      'relative.sub',
    ])
      expect(lists(list, name), name).toBe(true);
    expect(lists(list, 'www.nodata.example.com')).toBe(false);
  });

  it('mean by an asterisk what is below, at any depth, and not the name itself', () => {
    expect(lists(list, 'zone.example.com')).toBe(false);
    expect(decides(list, 'a.b.zone.example.com')).toMatchObject({ reach: 'below', pattern: '*.zone.example.com' });
  });

  it('let the most specific trigger decide, whatever it says', () => {
    expect(decides(list, 'good.zone.example.com')?.effect).toBe('excepted');
    expect(decides(list, 'x.good.zone.example.com')?.effect).toBe('excepted');
    expect(decides(list, 'bad.good.zone.example.com')?.effect).toBe('listed');
    expect(decides(list, 'itself.zone.example.com')?.effect).toBe('excepted');
  });

  it('keep an escaped dot within its label', () => {
    expect(lists(list, 'esc\\.aped.example.com')).toBe(true);
    expect(lists(list, 'esc.aped.example.com')).toBe(false);
  });

  it('count other triggers, other actions, data and what lies outside', () => {
    expect(notApplied(list.report)).toEqual({
      'other-action': [12],
      'local-data': [20, 21],
      'out-of-zone': [23],
      'other-trigger': [24, 25, 26, 27],
      syntax: [31],
      'too-wide': [34],
    });
  });

  it('know their own name from the SOA where no $ORIGIN is written', () => {
    const zone = compiled('rpz.example. SOA ns. host. 1 2 3 4 5\nads.example.com.rpz.example. CNAME .\nother.example.com CNAME .\n', 'rpz');
    expect(lists(zone, 'ads.example.com')).toBe(true);
    expect(lists(zone, 'other.example.com')).toBe(true);
  });

  it('allow by rpz-passthru alone in an allow list', () => {
    const allow = compiled('@ SOA ns. host. 1 2 3 4 5\ngood.example.com CNAME rpz-passthru.\nbad.example.com CNAME .\n', 'rpz', 'allow');
    expect(lists(allow, 'good.example.com')).toBe(true);
    expect(lists(allow, 'bad.example.com')).toBe(false);
    expect(notApplied(allow.report)).toEqual({ 'opposite-effect': [3] });
  });

  it('keep what is closer from the wildcards above it, applied or not', () => {
    const lines = [
      '*.example.com CNAME .',
      'ok.example.com CNAME walled.garden.',
      '*.safe.example.com A 192.0.2.1',
      'bad.example.com CNAME .',
    ];
    const zone = compiled(`@ SOA ns. host. 1 2 3 4 5\n${lines.join('\n')}\n`, 'rpz');
    const listed = ['x.example.com', 'ok.example.com', 'x.ok.example.com', 'safe.example.com', 'x.safe.example.com', 'x.bad.example.com'];
    expect(listed.map((name) => lists(zone, name))).toEqual([true, false, false, true, false, false]);
    const allow = compiled('@ SOA ns. host. 1 2 3 4 5\n*.example.com CNAME rpz-passthru.\nbad.example.com CNAME .\n', 'rpz', 'allow');
    expect([lists(allow, 'x.example.com'), lists(allow, 'bad.example.com')]).toEqual([true, false]);
  });

  it('mean nothing by a wildcard at the root, and say so the same way each time', () => {
    const again = () => compiled('@ SOA ns. host. 1 2 3 4 5\nads.example.com CNAME .\n* CNAME walled.garden.\n', 'rpz').parts;
    expect(again()).toEqual(again());
    expect(again().report.entries).toBe(1);
  });

  it('survive a parenthesis that is never closed', () => {
    const zone = compiled(`open.example.com CNAME (\n${'x\n'.repeat(70)}next.example.com CNAME .\n`, 'rpz');
    expect(lists(zone, 'next.example.com')).toBe(true);
  });
});

describe('allow lists', () => {
  it.each([
    ['wildcard', '*.com', 'a.com'],
    ['wildcard', '*.github.io', 'a.github.io'],
    ['adblock', '||co.uk^', 'a.co.uk'],
    ['adblock', '@@||s3.amazonaws.com^', 'bucket.s3.amazonaws.com'],
    ['rpz', '*.com CNAME rpz-passthru.', 'a.com'],
  ] as const)('refuse to open what anybody can register names in (%s %s)', (format, line, name) => {
    const list = compiled(`${line}\n`, format, 'allow');
    expect(lists(list, name)).toBe(false);
    expect(notApplied(list.report)).toEqual({ 'too-wide': [1] });
  });
});

describe('the format of a list', () => {
  it.each([
    ['hosts.txt', 'hosts'],
    ['domains.txt', 'domains'],
    ['wildcard.txt', 'wildcard'],
    ['adblock.txt', 'adblock'],
    ['policy.rpz', 'rpz'],
  ] as const)('is told from the content of %s', (file, format) => {
    const { report } = compiled(fixture(file));
    expect(report.format).toBe(format);
    expect(report.chosenBy).toMatch(/line/);
  });

  it('is what the config says, if it says', () => {
    expect(compiled(fixture('hosts.txt'), 'domains').report).toMatchObject({ format: 'domains', chosenBy: 'the config' });
  });

  it('is none for a list of comments, which has no entries', () => {
    expect(compiled('# nothing\n').report).toMatchObject({ format: 'domains', entries: 0 });
  });

  it.each([
    ['a web page', '<!DOCTYPE html><html><body>Please log in</body></html>'],
    ['a web page behind a byte order mark', '\ufeff\n<html>'],
    ['JSON', '{"error":"not found"}'],
    ['a compressed file', Buffer.from([0x1f, 0x8b, 8, 0])],
    ['an archive', Buffer.from('PK\x03\x04')],
    ['UTF-16', Buffer.from('ads.example.com\n', 'utf16le')],
  ])('is not found in %s, whatever the config says', (_, source) => {
    expect(() => compiled(source, 'auto')).toThrow(/^it is/);
    expect(() => compiled(source, 'domains')).toThrow(/^it is/);
  });
});

describe('lines', () => {
  it('may end in CRLF, begin with a byte order mark, and lack an end', () => {
    const list = compiled('\ufeffone.example.com\r\ntwo.example.com\r\n\r\nthree.example.com', 'domains');
    for (const name of ['one.example.com', 'two.example.com', 'three.example.com']) expect(lists(list, name), name).toBe(true);
    expect(list.report.notApplied).toEqual([]);
  });

  it('are the same when the buffer they came in is used again', () => {
    const compiler = new ListCompiler({ kind: 'block', format: 'domains', hasher });
    const buffer = Buffer.from('one.example.com\n');
    compiler.push(buffer);
    buffer.write('two');
    compiler.push(buffer);
    const result = compiler.finish();
    expect(result.kind === 'compiled' && result.list.report).toMatchObject({ entries: 2, duplicates: 0 });
  });

  it('are skipped when they are too long, and the next is read', () => {
    const list = compiled(`${'a'.repeat(5 * MAX_LINE_OCTETS)}\nnext.example.com\n`, 'domains');
    expect(notApplied(list.report)).toEqual({ 'line-too-long': [1] });
    expect(decides(list, 'next.example.com')?.line).toBe(2);
  });

  it.each([
    ['NUL', Buffer.from('# text\nads\0.example.com\n')],
    ['octets that are no UTF-8', Buffer.from('ads\xff.example.com\n', 'latin1')],
    ['an escape', Buffer.from('ads\\046x.example.com\n')],
    ['an escape sequence of a terminal', Buffer.from('\x1b[2Jads.example.com\n')],
    ['a label of 64 octets', Buffer.from(`${'a'.repeat(64)}.example.com\n`)],
    ['a name of 300 octets', Buffer.from(`${'abcdefghi.'.repeat(30)}example.com\n`)],
    ['a soft hyphen', Buffer.from('ads\u00ad.example.com\n')],
    ['a space that is none', Buffer.from('ads\u200b.example.com\n')],
  ])('with %s name nothing', (what, source) => {
    for (const format of ['hosts', 'domains', 'wildcard', 'adblock'] as const) {
      if (what === 'NUL') expect(() => compiled(source, format)).toThrow('NUL');
      else expect(compiled(source, format).report, format).toMatchObject({ entries: 0 });
    }
  });
});
