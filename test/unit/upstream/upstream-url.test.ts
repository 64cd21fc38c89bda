import { describe, expect, test } from 'vitest';
import { parseUpstreamUrl } from '../../../src/upstream/upstream-url.ts';

describe('an upstream URL is read as transport, address and port', () => {
  test.each([
    ['udp://192.0.2.53', 'udp', '192.0.2.53', 53, 'udp://192.0.2.53:53'],
    ['tcp://192.0.2.53', 'tcp', '192.0.2.53', 53, 'tcp://192.0.2.53:53'],
    ['udp://192.0.2.53:5353', 'udp', '192.0.2.53', 5353, 'udp://192.0.2.53:5353'],
    ['udp://192.0.2.53/', 'udp', '192.0.2.53', 53, 'udp://192.0.2.53:53'],
    ['udp://[2001:DB8:0::1]', 'udp', '2001:db8::1', 53, 'udp://[2001:db8::1]:53'],
    ['tcp://[::1]:65535', 'tcp', '::1', 65535, 'tcp://[::1]:65535'],
    ['udp://[fe80::1%eth0]:53', 'udp', 'fe80::1%eth0', 53, 'udp://[fe80::1%eth0]:53'],
  ])('%s', (text, transport, address, port, canonical) => {
    expect(parseUpstreamUrl(text)).toEqual({
      kind: 'ok',
      url: { transport, address, port, serverName: null, path: null, text: canonical },
    });
  });
});

describe('what is not one is refused with a message that helps', () => {
  test.each([
    ['192.0.2.53', /write udp:\/\/192\.0\.2\.53$/],
    ['192.0.2.53:5353', /write udp:\/\/192\.0\.2\.53:5353$/],
    ['2001:db8::1', /write udp:\/\/\[2001:db8::1\]$/],
    ['[2001:db8::1]:53', /write udp:\/\/\[2001:db8::1\]:53$/],
    ['tls://dns.example@192.0.2.53', /not supported yet/],
    ['https://dns.example/dns-query@192.0.2.53', /not supported yet/],
    ['quic://192.0.2.53', /unknown scheme quic/],
    ['UDP://192.0.2.53', /form udp:\/\/IP/],
    ['udp://dns.example', /literal IP address/],
    ['udp://2001:db8::1', /IPv6 addresses in brackets/],
    ['udp://[192.0.2.53]', /literal IP address/],
    ['udp://192.0.2.53:0', /port 0/],
    ['udp://192.0.2.53:65536', /port 65536/],
    ['udp://192.0.2.53:', /form udp:\/\/IP/],
    ['udp://192.0.2.53/path', /form udp:\/\/IP/],
    ['udp://user@192.0.2.53', /literal IP address/],
    ['udp://127.1', /literal IP address/],
    ['udp://0.0.0.0', /no address of a server/],
    ['udp://[::]', /no address of a server/],
    ['udp://255.255.255.255', /no address of a server/],
    ['udp://[ff02::fb]', /no address of a server/],
    ['', /form udp:\/\/IP/],
  ])('%s', (text, message) => {
    expect(parseUpstreamUrl(text)).toEqual({ kind: 'error', message: expect.stringMatching(message) });
  });

  test('control characters of the text do not reach the message', () => {
    const result = parseUpstreamUrl('udp://\u001b[31mred');
    expect(result.kind === 'error' ? result.message : '').not.toContain('\u001b');
  });
});
