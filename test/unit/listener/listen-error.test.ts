import { describe, expect, test } from 'vitest';
import { listenError } from '../../../src/listener/listen-error.ts';
import { clientAddress } from '../../../src/listener/listener.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`bind ${code} 127.0.0.1:53`), { code });
}

describe('listenError', () => {
  test('a privileged port that is not permitted names the three ways out', () => {
    const error = listenError(systemError('EACCES'), '127.0.0.1', 53, 'udp');
    expect(error.code).toBe('EACCES');
    expect(error.message).toContain('127.0.0.1:53');
    expect(error.message).toContain('port 5300');
    expect(error.message).toContain('net.ipv4.ip_unprivileged_port_start=0');
    expect(error.message).toContain('AmbientCapabilities=CAP_NET_BIND_SERVICE');
  });

  test('a taken port says how to find who has it', () => {
    expect(listenError(systemError('EADDRINUSE'), '::1', 5300, 'tcp').message).toContain("ss -lnpt 'sport = :5300'");
    expect(listenError(systemError('EADDRINUSE'), '::1', 5300, 'udp').message).toContain("ss -lnpu 'sport = :5300'");
  });

  test('a wildcard on a taken port says to name the addresses', () => {
    expect(listenError(systemError('EADDRINUSE'), '0.0.0.0', 53, 'udp').message).toContain('name the addresses one by one');
  });

  test('an error it does not know is passed on in its own words', () => {
    const error = listenError(systemError('EMFILE'), '127.0.0.1', 53, 'udp');
    expect(error.code).toBe('other');
    expect(error.message).toContain('bind EMFILE');
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['2001:db8::1', '2001:db8::1'],
])('the client address of %s is %s', (address, expected) => {
  expect(clientAddress(address)).toBe(expected);
});
