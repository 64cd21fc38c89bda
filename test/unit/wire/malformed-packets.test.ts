/** What happens to each packet of fixtures/packets/malformed, which scripts/make-malformed-packets.ts writes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MALFORMED_PACKETS } from '../../../scripts/make-malformed-packets.ts';
import { decodeQuery } from '../../../src/wire/query-decode.ts';

const FOLDER = join(import.meta.dirname, '../../../fixtures/packets/malformed');

/** `header`: the reply is a header alone. `question`: it repeats the question. `opt`: and it has an OPT. */
type Expected = 'drop' | `${'FORMERR' | 'NOTIMP' | 'REFUSED' | 'BADVERS'} ${'header' | 'question' | 'opt'}`;

const RCODES = { FORMERR: 1, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;

const EXPECTED: Readonly<Record<string, Expected>> = {
  'empty-datagram': 'drop',
  'one-octet': 'drop',
  'header-one-octet-short': 'drop',
  'header-alone-claims-one-question': 'FORMERR header',
  'header-alone-claims-no-question': 'FORMERR header',
  'response-instead-of-query': 'drop',
  'response-with-every-flag-set-and-nothing-else': 'drop',
  'opcode-inverse-query': 'NOTIMP header',
  'opcode-status': 'NOTIMP header',
  'opcode-notify': 'NOTIMP header',
  'opcode-update-with-records': 'NOTIMP header',
  'opcode-dso-without-question': 'NOTIMP header',
  'opcode-unassigned-fifteen': 'NOTIMP header',
  'truncated-flag-in-query': 'FORMERR header',
  'question-present-but-count-zero': 'FORMERR header',
  'two-questions': 'FORMERR header',
  'two-questions-claimed-one-present': 'FORMERR header',
  'thousand-questions-pointing-at-one-long-name': 'FORMERR header',
  'all-counts-at-their-maximum': 'FORMERR header',
  'answer-record-in-query': 'FORMERR header',
  'answer-count-without-record': 'FORMERR header',
  'authority-record-in-query': 'FORMERR header',
  'octets-after-the-question': 'FORMERR question',
  'one-zero-octet-after-the-question': 'FORMERR question',
  'opt-present-but-count-zero': 'FORMERR question',
  'question-name-missing': 'FORMERR header',
  'question-name-cut-within-label': 'FORMERR header',
  'question-name-without-root': 'FORMERR header',
  'question-type-missing': 'FORMERR header',
  'question-class-missing': 'FORMERR header',
  'question-class-cut-in-half': 'FORMERR header',
  'question-name-is-a-pointer-to-itself': 'FORMERR header',
  'question-name-is-a-pointer-into-the-header': 'FORMERR header',
  'question-name-is-a-pointer-forward': 'FORMERR header',
  'question-name-ends-in-a-pointer': 'FORMERR header',
  'question-label-of-64-octets': 'FORMERR header',
  'question-label-type-01-reserved': 'FORMERR header',
  'question-label-type-10-reserved': 'FORMERR header',
  'question-name-of-256-octets': 'FORMERR header',
  'question-name-of-many-short-labels-over-255-octets': 'FORMERR header',
  'question-name-of-4000-octets': 'FORMERR header',
  'class-chaos': 'REFUSED question',
  'class-hesiod': 'REFUSED question',
  'class-none': 'REFUSED question',
  'class-any': 'REFUSED question',
  'class-zero': 'REFUSED question',
  'class-in-with-mdns-unicast-bit': 'REFUSED question',
  'class-chaos-with-opt': 'REFUSED opt',
  'type-zero': 'FORMERR question',
  'type-opt-as-question': 'FORMERR question',
  'type-tkey-as-question': 'FORMERR question',
  'type-tsig-as-question': 'FORMERR question',
  'type-ixfr-as-question': 'REFUSED question',
  'type-axfr-as-question': 'REFUSED question',
  'type-mailb-as-question': 'FORMERR question',
  'type-maila-as-question': 'FORMERR question',
  'two-opt-records': 'FORMERR opt',
  'opt-and-tsig': 'FORMERR opt',
  'tsig-instead-of-opt': 'FORMERR question',
  'address-record-instead-of-opt': 'FORMERR question',
  'additional-count-without-record': 'FORMERR question',
  'opt-cut-after-its-type': 'FORMERR question',
  'opt-one-octet-short': 'FORMERR question',
  'opt-owner-is-not-the-root': 'FORMERR question',
  'opt-owner-is-a-pointer-to-a-root': 'FORMERR question',
  'opt-longer-than-the-packet': 'FORMERR opt',
  'opt-followed-by-octets': 'FORMERR opt',
  'opt-version-1': 'BADVERS opt',
  'opt-version-255-with-unreadable-options': 'BADVERS opt',
  'opt-option-longer-than-the-opt': 'FORMERR opt',
  'opt-option-header-cut': 'FORMERR opt',
  'opt-one-stray-octet-after-options': 'FORMERR opt',
  'http-request': 'NOTIMP header',
  'tls-client-hello-start': 'FORMERR header',
  'tcp-length-prefix-left-in-place': 'NOTIMP header',
  'five-hundred-zero-octets': 'FORMERR header',
  'five-hundred-octets-of-ff': 'drop',
};

const FILES = readdirSync(FOLDER).map((file) => file.replace(/\.bin$/, ''));

test('every packet in the folder has an expectation and comes from the script', () => {
  expect(FILES.toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
  expect(FILES.toSorted()).toEqual(Object.keys(MALFORMED_PACKETS).toSorted());
});

describe.each(FILES)('%s', (file) => {
  const packet = new Uint8Array(readFileSync(join(FOLDER, `${file}.bin`)));

  test('is as the script writes it', () => {
    expect(packet).toEqual(MALFORMED_PACKETS[file]);
  });

  test(`is answered: ${EXPECTED[file] ?? 'not stated'}`, () => {
    const result = decodeQuery(packet);
    const expected = EXPECTED[file] ?? 'not stated';
    if (result.kind !== 'error') {
      expect(result.kind).toBe(expected);
      return;
    }
    const [code, shape] = expected.split(' ');
    expect(result.rcode).toBe(RCODES[code as keyof typeof RCODES]);
    expect(shapeOf(result.reply)).toBe(shape);
    expect(result.reply.length).toBeLessThanOrEqual(packet.length);
    expect(result.reply.subarray(0, 2)).toEqual(packet.subarray(0, 2));
    expect((result.reply[2] ?? 0) & 0x80).toBe(0x80);
  });
});

function shapeOf(reply: Uint8Array): string {
  const counts = [5, 7, 9, 11].map((offset) => reply[offset]).join();
  if (reply.length === 12 && counts === '0,0,0,0') return 'header';
  if (counts === '1,0,0,0') return 'question';
  return counts === '1,0,0,1' ? 'opt' : `counts ${counts}`;
}
