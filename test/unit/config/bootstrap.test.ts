import { describe, expect, test } from 'vitest';
import { accepted, refused } from './read-config.ts';

describe('upstreams without an IP address', () => {
  test.each([
    ['upstreams', 'upstreams: ["tls://dns.example.net"]'],
    ['lanUpstreams', 'lanUpstreams: ["tls://dns.example.net"]'],
    ['a zone', 'zones: { corp.example.net: ["https://dns.example.net/dns-query"] }'],
  ])('under %s need a bootstrap upstream', (_where, line) => {
    expect(refused(`mode: observe\n${line}\n`).join('\n')).toContain('has no IP address');
  });

  test('are accepted with one', () => {
    const config = accepted('mode: observe\nupstreams: ["tls://dns.example.net"]\nforwarding: { bootstrap: ["udp://192.0.2.9"] }\n');
    expect(config.upstreams).toMatchObject([{ address: null, serverName: 'dns.example.net' }]);
  });

  test('cannot be bootstrap upstreams themselves', () => {
    const errors = refused(
      'mode: observe\nupstreams: ["tls://dns.example.net"]\nforwarding: { bootstrap: ["udp://192.0.2.9", "tls://dns.example.org"] }\n',
    );
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/forwarding.bootstrap\[1\].*bootstrap upstreams need one/);
  });
});
