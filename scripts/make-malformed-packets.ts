/**
 * Writes fixtures/packets/malformed/*.bin: packets that a resolver must survive and must not take for a query.
 * Each name says in a sentence what is wrong; what Kennel does with each is stated in test/unit/wire/malformed-packets.test.ts.
 * Run it after a change here: `node scripts/make-malformed-packets.ts`.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
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
} from '../test/packet-parts.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/packets/malformed');

const EXAMPLE = name('www', 'example', 'com');
const ASK = question(EXAMPLE);
const COOKIE = octets('\x01\x02\x03\x04\x05\x06\x07\x08');
const LABEL_63 = 'a'.repeat(63);

/** File name without `.bin` → octets. */
export const MALFORMED_PACKETS: Readonly<Record<string, Uint8Array>> = {
  // Header
  'empty-datagram': new Uint8Array(0),
  'one-octet': Uint8Array.of(0x12),
  'header-one-octet-short': header().slice(0, 11),
  'header-alone-claims-one-question': header(),
  'header-alone-claims-no-question': header({ questions: 0 }),
  'response-instead-of-query': message(header({ flags: 0x8180 }), ASK),
  'response-with-every-flag-set-and-nothing-else': header({ flags: 0xffff, questions: 0 }),
  'opcode-inverse-query': message(header({ flags: 0x0900 }), ASK),
  'opcode-status': message(header({ flags: 0x1100 }), ASK),
  'opcode-notify': message(header({ flags: 0x2400 }), question(EXAMPLE, 6)),
  'opcode-update-with-records': message(
    header({ flags: 0x2800, authority: 1 }),
    question(EXAMPLE, 6),
    record(EXAMPLE, 1, uint16(0x0a00, 1)),
  ),
  'opcode-dso-without-question': message(header({ flags: 0x3000, questions: 0 }), uint16(1, 4), uint16(0, 0)),
  'opcode-unassigned-fifteen': message(header({ flags: 0x7900 }), ASK),
  'truncated-flag-in-query': message(header({ flags: 0x0300 }), ASK),

  // Counts
  'question-present-but-count-zero': message(header({ questions: 0 }), ASK),
  'two-questions': message(header({ questions: 2 }), ASK, question(name('second', 'example', 'com'))),
  'two-questions-claimed-one-present': message(header({ questions: 2 }), ASK),
  'thousand-questions-pointing-at-one-long-name': message(
    header({ questions: 1000 }),
    question(name(LABEL_63, LABEL_63, LABEL_63, 'a'.repeat(61))),
    ...Array.from({ length: 999 }, () => question(pointer(QUESTION_NAME))),
  ),
  'all-counts-at-their-maximum': header({ questions: 0xffff, answers: 0xffff, authority: 0xffff, additional: 0xffff }),
  'answer-record-in-query': message(header({ answers: 1 }), ASK, record(pointer(QUESTION_NAME), 1, uint16(0x0a00, 1))),
  'answer-count-without-record': message(header({ answers: 1 }), ASK),
  'authority-record-in-query': message(header({ authority: 1 }), ASK, record(pointer(QUESTION_NAME), 1, uint16(0x0a00, 1))),
  'octets-after-the-question': message(header(), ASK, octets('smuggled')),
  'one-zero-octet-after-the-question': message(header(), ASK, ROOT_LABEL),
  'opt-present-but-count-zero': message(header(), ASK, opt()),

  // Question
  'question-name-missing': message(header()),
  'question-name-cut-within-label': message(header(), octets('\x03ww')),
  'question-name-without-root': message(header(), labels('www', 'example', 'com')),
  'question-type-missing': message(header(), EXAMPLE),
  'question-class-missing': message(header(), EXAMPLE, uint16(1)),
  'question-class-cut-in-half': message(header(), EXAMPLE, uint16(1), ROOT_LABEL),
  'question-name-is-a-pointer-to-itself': message(header(), question(pointer(QUESTION_NAME))),
  'question-name-is-a-pointer-into-the-header': message(header(), question(pointer(0))),
  'question-name-is-a-pointer-forward': message(header(), question(pointer(QUESTION_NAME + 6)), EXAMPLE),
  'question-name-ends-in-a-pointer': message(header(), question(message(labels('www'), pointer(QUESTION_NAME)))),
  'question-label-of-64-octets': message(header(), question(name('a'.repeat(64), 'example'))),
  'question-label-type-01-reserved': message(header(), question(message(Uint8Array.of(0x41), octets('\x01'.repeat(8)), ROOT_LABEL))),
  'question-label-type-10-reserved': message(header(), question(message(Uint8Array.of(0x83), octets('www'), ROOT_LABEL))),
  'question-name-of-256-octets': message(header(), question(name(LABEL_63, LABEL_63, LABEL_63, 'a'.repeat(62)))),
  'question-name-of-many-short-labels-over-255-octets': message(header(), question(name(...new Array<string>(128).fill('a')))),
  'question-name-of-4000-octets': message(header(), question(name(...new Array<string>(62).fill(LABEL_63)))),

  // Type and class
  'class-chaos': message(header(), question(name('version', 'bind'), 16, 3)),
  'class-hesiod': message(header(), question(EXAMPLE, 1, 4)),
  'class-none': message(header(), question(EXAMPLE, 1, 254)),
  'class-any': message(header(), question(EXAMPLE, 1, 255)),
  'class-zero': message(header(), question(EXAMPLE, 1, 0)),
  'class-in-with-mdns-unicast-bit': message(header(), question(EXAMPLE, 1, 0x8001)),
  'class-chaos-with-opt': message(header({ additional: 1 }), question(name('id', 'server'), 16, 3), opt({ flags: 0x8000 })),
  'type-zero': message(header(), question(EXAMPLE, 0)),
  'type-opt-as-question': message(header(), question(ROOT_LABEL, 41)),
  'type-tkey-as-question': message(header(), question(EXAMPLE, 249)),
  'type-tsig-as-question': message(header(), question(EXAMPLE, 250)),
  'type-ixfr-as-question': message(header(), question(EXAMPLE, 251)),
  'type-axfr-as-question': message(header(), question(EXAMPLE, 252)),
  'type-mailb-as-question': message(header(), question(EXAMPLE, 253)),
  'type-maila-as-question': message(header(), question(EXAMPLE, 254)),

  // Additional section
  'two-opt-records': message(header({ additional: 2 }), ASK, opt(), opt()),
  'opt-and-tsig': message(
    header({ additional: 2 }),
    ASK,
    opt(),
    record(name('key'), 250, octets('\x00'.repeat(16)), { class: 255, ttl: 0 }),
  ),
  'tsig-instead-of-opt': message(
    header({ additional: 1 }),
    ASK,
    record(name('key'), 250, octets('\x00'.repeat(16)), { class: 255, ttl: 0 }),
  ),
  'address-record-instead-of-opt': message(header({ additional: 1 }), ASK, record(pointer(QUESTION_NAME), 1, uint16(0x0a00, 1))),
  'additional-count-without-record': message(header({ additional: 1 }), ASK),
  'opt-cut-after-its-type': message(header({ additional: 1 }), ASK, opt().slice(0, 3)),
  'opt-one-octet-short': message(header({ additional: 1 }), ASK, opt().slice(0, 10)),
  'opt-owner-is-not-the-root': message(header({ additional: 1 }), ASK, record(name('x'), 41, new Uint8Array(0), { ttl: 0, class: 1232 })),
  'opt-owner-is-a-pointer-to-a-root': message(
    header({ additional: 1 }),
    ASK,
    record(pointer(QUESTION_NAME + EXAMPLE.length - 1), 41, new Uint8Array(0), { ttl: 0, class: 1232 }),
  ),
  'opt-longer-than-the-packet': message(header({ additional: 1 }), ASK, opt({ rdlength: 0xffff })),
  'opt-followed-by-octets': message(header({ additional: 1 }), ASK, opt(), octets('smuggled')),
  'opt-version-1': message(header({ additional: 1 }), ASK, opt({ version: 1 })),
  'opt-version-255-with-unreadable-options': message(
    header({ additional: 1 }),
    ASK,
    opt({ version: 255, options: octets('\xff\xff\xff') }),
  ),
  'opt-option-longer-than-the-opt': message(header({ additional: 1 }), ASK, opt({ options: option(10, COOKIE, 9) })),
  'opt-option-header-cut': message(header({ additional: 1 }), ASK, opt({ options: message(option(10, COOKIE), uint16(10)) })),
  'opt-one-stray-octet-after-options': message(header({ additional: 1 }), ASK, opt({ options: message(option(10, COOKIE), ROOT_LABEL) })),

  // Other protocols on port 53
  'http-request': octets('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n'),
  'tls-client-hello-start': octets('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03\x04\x05\x06\x07\x08'),
  'tcp-length-prefix-left-in-place': message(uint16(33), header(), ASK),
  'five-hundred-zero-octets': new Uint8Array(500),
  'five-hundred-octets-of-ff': new Uint8Array(500).fill(0xff),
};

function writeFixtures(): void {
  mkdirSync(FOLDER, { recursive: true });
  for (const file of readdirSync(FOLDER)) rmSync(join(FOLDER, file));
  for (const [file, packet] of Object.entries(MALFORMED_PACKETS)) writeFileSync(join(FOLDER, `${file}.bin`), packet);
  console.log(`${Object.keys(MALFORMED_PACKETS).length} packets in fixtures/packets/malformed`);
}

if (import.meta.main) writeFixtures();
