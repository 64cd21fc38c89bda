import { expect, test } from 'vitest';
import { plainText } from '../../../src/telemetry/plain-text.ts';

test.each([
  ['an escape sequence', '\u001b[2J', '\\u001b[2J'],
  ['a line break', 'a\r\nb', 'a\\u000d\\u000ab'],
  ['a line separator', 'a\u2028b', 'a\\u2028b'],
  ['a change of direction', 'exe.\u202ecod', 'exe.\\u202ecod'],
  ['an invisible character beyond the first plane', 'a\u{e0001}b', 'a\\udb40\\udc01b'],
  ['half a surrogate pair', 'a\ud800b', 'a\\ud800b'],
])('%s is written out', (_what, text, plain) => {
  expect(plainText(text)).toBe(plain);
  expect(JSON.parse(`"${plain}"`)).toBe(text);
});

test('what can be printed stays as it is', () => {
  expect(plainText('bücher.example → 日本 🐕')).toBe('bücher.example → 日本 🐕');
});
