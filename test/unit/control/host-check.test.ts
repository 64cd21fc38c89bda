import { describe, expect, test } from 'vitest';
import { isOwnHost } from '../../../src/control/host-check.ts';

describe('isOwnHost', () => {
  test.each(['localhost', 'localhost:8053', 'LOCALHOST.:8053', '127.0.0.1:8053', '127.8.9.10', '[::1]:8053', '10.1.2.3:8053', '10.1.2.4'])(
    '%s is ours',
    (header) => {
      expect(isOwnHost(header, '10.1.2.3', '::ffff:10.1.2.4')).toBe(true);
    },
  );

  test.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8053',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.evil.example',
    '127.1',
    'user@localhost',
    'localhost:8053:8053',
    '[::1',
    '10.1.2.5',
    '0.0.0.0',
    '[::]',
  ])('%s is not', (header) => {
    expect(isOwnHost(header, '10.1.2.3', '10.1.2.4')).toBe(false);
  });

  test('listening everywhere does not make every host ours', () => {
    expect(isOwnHost('evil.example', '0.0.0.0', '10.1.2.4')).toBe(false);
    expect(isOwnHost('10.1.2.4:8053', '0.0.0.0', '10.1.2.4')).toBe(true);
  });
});
