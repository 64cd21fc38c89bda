import fc from 'fast-check';
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

describe('over TLS and HTTPS it names the certificate, and the address unless that is found out later', () => {
  test.each([
    ['tls://dns.example@192.0.2.53', 'dns.example', '192.0.2.53', 853, null, 'tls://dns.example@192.0.2.53:853'],
    ['tls://DNS.Example.@192.0.2.53:8853/', 'dns.example', '192.0.2.53', 8853, null, 'tls://dns.example@192.0.2.53:8853'],
    ['tls://dns.example@[2001:DB8::1]', 'dns.example', '2001:db8::1', 853, null, 'tls://dns.example@[2001:db8::1]:853'],
    ['tls://192.0.2.53', '192.0.2.53', '192.0.2.53', 853, null, 'tls://192.0.2.53:853'],
    ['tls://192.0.2.53@192.0.2.53', '192.0.2.53', '192.0.2.53', 853, null, 'tls://192.0.2.53:853'],
    ['tls://192.0.2.53@192.0.2.54', '192.0.2.53', '192.0.2.54', 853, null, 'tls://192.0.2.53@192.0.2.54:853'],
    ['tls://[2001:db8::1]:853', '2001:db8::1', '2001:db8::1', 853, null, 'tls://[2001:db8::1]:853'],
    ['tls://[2001:db8::1]@[2001:db8::2]', '2001:db8::1', '2001:db8::2', 853, null, 'tls://[2001:db8::1]@[2001:db8::2]:853'],
    ['tls://dns.example', 'dns.example', null, 853, null, 'tls://dns.example:853'],
    ['tls://dns.example:8853', 'dns.example', null, 8853, null, 'tls://dns.example:8853'],
    ['tls://xn--bcher-kva.example', 'xn--bcher-kva.example', null, 853, null, 'tls://xn--bcher-kva.example:853'],
    ['https://dns.example@192.0.2.53', 'dns.example', '192.0.2.53', 443, '/dns-query', 'https://dns.example/dns-query@192.0.2.53'],
    ['https://dns.example/@192.0.2.53', 'dns.example', '192.0.2.53', 443, '/', 'https://dns.example/@192.0.2.53'],
    ['https://dns.example:443/q/a%20b@[::1]', 'dns.example', '::1', 443, '/q/a%20b', 'https://dns.example/q/a%20b@[::1]'],
    ['https://DNS.example:8443/Q@192.0.2.53', 'dns.example', '192.0.2.53', 8443, '/Q', 'https://dns.example:8443/Q@192.0.2.53'],
    ['https://dns.example/dns-query', 'dns.example', null, 443, '/dns-query', 'https://dns.example/dns-query'],
    ['https://192.0.2.53/dns-query', '192.0.2.53', '192.0.2.53', 443, '/dns-query', 'https://192.0.2.53/dns-query'],
    ['https://[2001:db8::1]', '2001:db8::1', '2001:db8::1', 443, '/dns-query', 'https://[2001:db8::1]/dns-query'],
  ])('%s', (text, serverName, address, port, path, canonical) => {
    const transport = text.startsWith('tls') ? 'tls' : 'https';
    const url = { transport, address, port, serverName, path, text: canonical };
    expect(parseUpstreamUrl(text)).toEqual({ kind: 'ok', url });
    // What status and logs show can be written into a config again.
    expect(parseUpstreamUrl(canonical)).toEqual({ kind: 'ok', url });
  });

  test('any text is read or refused, and what is read is written in one way', () => {
    const piece = fc.constantFrom(
      'udp',
      'tcp',
      'tls',
      'https',
      '://',
      '@',
      ':',
      '/',
      '[',
      ']',
      '::1',
      '192.0.2.1',
      'dns.example',
      '.',
      '53',
      '853',
      '%',
      'q',
      '?',
      '0',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const result = parseUpstreamUrl(text);
          if (result.kind === 'error') expect(result.message).toMatch(/^upstream "[^\n]*$/);
          else expect(parseUpstreamUrl(result.url.text)).toEqual(result);
        },
      ),
    );
  });
});

describe('what is not one is refused with a message that helps', () => {
  test.each([
    ['192.0.2.53', /write udp:\/\/192\.0\.2\.53$/],
    ['192.0.2.53:5353', /write udp:\/\/192\.0\.2\.53:5353$/],
    ['2001:db8::1', /write udp:\/\/\[2001:db8::1\]$/],
    ['[2001:db8::1]:53', /write udp:\/\/\[2001:db8::1\]:53$/],
    ['quic://192.0.2.53', /unknown scheme quic/],
    ['constructor://192.0.2.53', /unknown scheme constructor/],
    ['tls://', /no name/],
    ['tls://@192.0.2.53', /no name before the @; write tls/],
    ['tls://dns.example:853@192.0.2.53', /port before the @/],
    ['tls://dns.example@dns2.example', /literal IP address after the @/],
    ['tls://dns.example@2001:db8::1', /IPv6 addresses in brackets/],
    ['tls://dns.example@0.0.0.0', /no address of a server/],
    ['tls://dns.example/path@192.0.2.53', /form tls:\/\/NAME@IP/],
    ['tls://bücher.example', /xn--/],
    ['tls://dns..example', /host name/],
    ['tls://-dns.example', /host name/],
    ['tls://192.0.2.256', /host name/],
    ['tls://127.1', /host name/],
    ['tls://a b.example', /host name/],
    ['https://dns.example/dns-query?dns=AAAA@192.0.2.53', /write the path alone/],
    ['https://dns.example/dns-query{?dns}', /write the path alone/],
    ['https://dns.example/#top', /write the path alone/],
    ['https://user@dns.example/dns-query', /form https:\/\/NAME/],
    ['https://user@dns.example', /user name cannot be given/],
    ['https://user:word@dns.example@192.0.2.53', /form https:\/\/NAME/],
    ['https://dns.example/dns-query@192.0.2.53:443', /port after the address/],
    ['https://dns.example/a\r\nhost: other@192.0.2.53', /path that is none/],
    ['https://dns.example/a b@192.0.2.53', /path that is none/],
    ['https://:443/dns-query', /form https:\/\/NAME/],
    ['https://dns.example:0/dns-query', /port 0/],
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

  test('nor is a password told', () => {
    for (const text of ['https://user:s3cret@dns.example/dns-query', 'tls://user:s3cret@dns.example', 'https://:s3cret@192.0.2.53']) {
      const result = parseUpstreamUrl(text);
      expect(result.kind === 'error' ? result.message : 's3cret').not.toContain('s3cret');
    }
  });

  test('control characters of the text do not reach the message', () => {
    const result = parseUpstreamUrl('udp://\u001b[31mred');
    expect(result.kind === 'error' ? result.message : '').not.toContain('\u001b');
  });
});
