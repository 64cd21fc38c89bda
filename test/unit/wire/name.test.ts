/** Names on octets, in labels and in presentation form. Round trips over arbitrary octets are in test/property/wire.test.ts. */
import { describe, expect, test } from 'vitest';
import {
  fromLabels,
  fromPresentation,
  isAtOrBelow,
  labelCount,
  labelsOf,
  parentName,
  ROOT,
  readCompressedName,
  readQuestionName,
  replaceSuffix,
  requireName,
  suffixOf,
  toOctets,
  toPresentation,
} from '../../../src/wire/name.ts';
import { labels, message, name, octets, pointer, ROOT_LABEL } from '../../packet-parts.ts';

const LABEL_63 = 'a'.repeat(63);
const LONGEST = [LABEL_63, LABEL_63, LABEL_63, 'a'.repeat(61)];

describe('an uncompressed name', () => {
  test('is read in lower case with the offset behind it', () => {
    const packet = message(octets('junk'), name('WWW', 'eXample', 'COM'), octets('tail'));
    expect(readQuestionName(packet, 4)).toEqual({ name: requireName('www.example.com'), end: 21 });
  });

  test('folds ASCII letters only', () => {
    const read = readQuestionName(name('@AZ[`az{\xc4\xd6\xdc'), 0);
    expect(labelsOf(read?.name ?? ROOT)).toEqual(['@az[`az{\xc4\xd6\xdc']);
  });

  test('keeps dots, NUL, spaces and high octets inside a label apart from label boundaries', () => {
    const dotted = readQuestionName(name('a.b', 'com'), 0)?.name;
    expect(dotted).not.toBe(requireName('a.b.com'));
    expect(labelsOf(dotted ?? ROOT)).toEqual(['a.b', 'com']);
    expect(labelsOf(readQuestionName(name('\0 \xff', 'com'), 0)?.name ?? ROOT)).toEqual(['\0 \xff', 'com']);
  });

  test('may be the root alone', () => {
    expect(readQuestionName(ROOT_LABEL, 0)).toEqual({ name: ROOT, end: 1 });
  });

  test('has at most 63 octets a label and 255 in all', () => {
    expect(readQuestionName(name(LABEL_63), 0)?.end).toBe(65);
    expect(readQuestionName(name(`${LABEL_63}a`), 0)).toBeNull();
    expect(readQuestionName(name(...LONGEST), 0)?.end).toBe(255);
    expect(readQuestionName(name(...LONGEST.slice(0, 3), 'a'.repeat(62)), 0)).toBeNull();
    expect(readQuestionName(name(...new Array<string>(127).fill('a')), 0)?.end).toBe(255);
    expect(readQuestionName(name(...new Array<string>(128).fill('a')), 0)).toBeNull();
  });

  test.each([
    ['a pointer', pointer(0)],
    ['a label type 01', message(Uint8Array.of(0x40), ROOT_LABEL)],
    ['a label type 10', message(Uint8Array.of(0x80), ROOT_LABEL)],
    ['no root', labels('www')],
    ['a label that outlasts the packet', octets('\x05www')],
    ['nothing', new Uint8Array(0)],
  ])('is malformed when it holds %s', (_, packet) => {
    expect(readQuestionName(packet, 0)).toBeNull();
  });
});

describe('a compressed name', () => {
  const HEADER = new Uint8Array(12);

  test('follows pointers backwards and ends behind the first one', () => {
    const packet = message(HEADER, name('Example', 'com'), labels('www'), pointer(12), octets('tail'));
    expect(readCompressedName(packet, 25)).toEqual({ name: requireName('www.example.com'), end: 31 });
  });

  test('follows a pointer to a pointer', () => {
    const packet = message(HEADER, name('com'), labels('example'), pointer(12), pointer(17));
    expect(readCompressedName(packet, 27)).toEqual({ name: requireName('example.com'), end: 29 });
  });

  test.each([
    ['to itself', message(HEADER, pointer(12)), 12],
    ['forward', message(HEADER, pointer(14), name('com')), 12],
    ['into the header', message(new Uint8Array(12), pointer(0)), 12],
    ['into the labels before it', message(HEADER, labels('www'), pointer(12)), 12],
    ['into the middle of its own run', message(HEADER, labels('www', 'x'), pointer(16)), 12],
    ['in a circle of two', message(HEADER, pointer(14), pointer(12)), 14],
    ['beyond the packet', message(HEADER, pointer(0x3fff)), 12],
    ['with half its octets', message(HEADER, new Uint8Array(244), name('com'), Uint8Array.of(0xc1)), 261],
  ])('is malformed when its pointer leads %s', (_, packet, offset) => {
    expect(readCompressedName(packet, offset)).toBeNull();
  });

  test('is malformed when it expands beyond 255 octets', () => {
    const packet = message(HEADER, name(...LONGEST), labels('a'), pointer(12));
    expect(readCompressedName(packet, 12)?.end).toBe(267);
    expect(readCompressedName(packet, 267)).toBeNull();
  });

  test('may be as long as 255 octets through a pointer, and no longer', () => {
    const packet = message(HEADER, name(...LONGEST.slice(1)), labels(LABEL_63), pointer(12));
    expect(readCompressedName(packet, 12 + 191)?.name.length).toBe(255);
    const tooLong = message(HEADER, name(LABEL_63, LABEL_63, 'a'.repeat(62)), labels(LABEL_63), pointer(12));
    expect(readCompressedName(tooLong, 12 + 192)).toBeNull();
  });

  test('may follow as many pointers as a name has labels and no more', () => {
    const chainOf = (pointers: number) =>
      message(HEADER, ROOT_LABEL, ...Array.from({ length: pointers }, (_, index) => pointer(index === 0 ? 12 : 11 + 2 * index)));
    expect(readCompressedName(chainOf(127), 13 + 2 * 126)?.name).toBe(ROOT);
    expect(readCompressedName(chainOf(128), 13 + 2 * 127)).toBeNull();
  });
});

describe('presentation form', () => {
  test.each([
    ['.', []],
    ['com', ['com']],
    ['WWW.Example.com.', ['www', 'example', 'com']],
    ['a\\.b.com', ['a.b', 'com']],
    ['a\\\\b.com', ['a\\b', 'com']],
    ['my\\ printer', ['my printer']],
    ['\\000\\255\\065.com', ['\0\xffa', 'com']],
    ['*.example', ['*', 'example']],
    ['_dns.resolver.arpa', ['_dns', 'resolver', 'arpa']],
    ['a\\..', ['a.']],
  ])('reads %s', (text, expected) => {
    expect(labelsOf(requireName(text))).toEqual(expected);
  });

  test.each([
    ['an empty text', ''],
    ['an empty label', 'a..b'],
    ['a leading dot', '.com'],
    ['two dots alone', '..'],
    ['a label of 64 octets', `${LABEL_63}a.com`],
    ['a name of 256 octets', [...LONGEST.slice(0, 3), 'a'.repeat(62)].join('.')],
    ['a backslash at the end', 'com\\'],
    ['an escape of two digits', '\\12.com'],
    ['an escape over 255', '\\256.com'],
    ['a space', 'a b.com'],
    ['a line break', 'a\n.com'],
    ['a letter beyond ASCII', 'b\u00fccher.example'],
    ['an escaped letter beyond ASCII', 'b\\\u00fccher.example'],
    ['a text that no escaping explains', 'a'.repeat(100_000)],
  ])('refuses %s', (_, text) => {
    expect(fromPresentation(text)).toBeNull();
  });

  test('shows what could mislead a reader, a zone file or a terminal as escapes', () => {
    const shown = (...texts: string[]) => toPresentation(fromLabels(texts) ?? ROOT);
    expect(shown('a.b', 'c\\d', '"e"', '(f)', ';g', '@', '$h')).toBe('a\\.b.c\\\\d.\\"e\\".\\(f\\).\\;g.\\@.\\$h');
    expect(shown('\0\x1b[31m\x7f\xff b')).toBe('\\000\\027[31m\\127\\255\\032b');
    expect(shown('www', 'example', 'com')).toBe('www.example.com');
    expect(toPresentation(ROOT)).toBe('.');
  });
});

describe('labels', () => {
  test('make a name in lower case', () => {
    expect(fromLabels(['WWW', 'example', 'com'])).toBe(requireName('www.example.com'));
    expect(fromLabels([])).toBe(ROOT);
  });

  test.each([
    ['an empty label', ['a', '']],
    ['a label of 64 octets', [`${LABEL_63}a`]],
    ['a name of 256 octets', [...LONGEST.slice(0, 3), 'a'.repeat(62)]],
    ['a char that is no octet', ['\u0100']],
  ])('make no name with %s', (_, texts) => {
    expect(fromLabels(texts)).toBeNull();
  });

  test('are counted without the root', () => {
    expect(labelCount(ROOT)).toBe(0);
    expect(labelCount(requireName('www.example.com'))).toBe(3);
    expect(labelCount(fromLabels(new Array<string>(127).fill('a')) ?? ROOT)).toBe(127);
  });
});

describe('ancestors', () => {
  test.each([
    ['www.example.com', 'example.com', true],
    ['example.com', 'example.com', true],
    ['example.com', '.', true],
    ['.', '.', true],
    ['xexample.com', 'example.com', false],
    ['example.com', 'www.example.com', false],
    ['example.com', 'com.example', false],
    ['.', 'com', false],
  ])('%s is at or below %s: %s', (below, above, expected) => {
    expect(isAtOrBelow(requireName(below), requireName(above))).toBe(expected);
  });

  test('are not faked by a label whose octets look like one', () => {
    // The octets of the inner label end like the wire form of example.com, but no label boundary is there.
    const forged = fromLabels(['x\x07example\x03com']);
    expect(forged?.endsWith(requireName('example.com'))).toBe(true);
    expect(isAtOrBelow(forged ?? ROOT, requireName('example.com'))).toBe(false);
  });

  test('are reached label by label', () => {
    expect(parentName(requireName('www.example.com'))).toBe(requireName('example.com'));
    expect(parentName(requireName('com'))).toBe(ROOT);
    expect(parentName(ROOT)).toBeNull();
    expect(suffixOf(requireName('www.example.com'), 2)).toBe(requireName('example.com'));
    expect(suffixOf(requireName('www.example.com'), 0)).toBe(ROOT);
    expect(suffixOf(requireName('www.example.com'), 9)).toBe(requireName('www.example.com'));
    expect(suffixOf(ROOT, 1)).toBe(ROOT);
  });

  test('can be exchanged, up to 255 octets', () => {
    expect(replaceSuffix(requireName('a.b.old.test'), requireName('old.test'), requireName('new.example'))).toBe(
      requireName('a.b.new.example'),
    );
    expect(replaceSuffix(requireName('a.old.test'), requireName('old.test'), ROOT)).toBe(requireName('a'));
    expect(replaceSuffix(requireName('a.b.old'), requireName('old'), fromLabels(LONGEST) ?? ROOT)).toBeNull();
  });
});

test('the octets of a name are its wire form', () => {
  expect(toOctets(requireName('a\\.b.\\255'))).toEqual(name('a.b', '\xff'));
});
