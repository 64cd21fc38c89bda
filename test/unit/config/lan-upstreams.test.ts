import { describe, expect, test } from 'vitest';
import { accepted, refused } from './read-config.ts';

describe('upstreams of the LAN', () => {
  test('are private or on this machine', () => {
    const { lanUpstreams } = accepted('mode: observe\nlanUpstreams: ["udp://192.168.1.1", "udp://127.0.0.1:5353"]');
    expect(lanUpstreams.map(({ text }) => text)).toEqual(['udp://192.168.1.1:53', 'udp://127.0.0.1:5353']);
  });
  test('are none unless written', () => {
    expect(accepted('mode: observe').lanUpstreams).toEqual([]);
  });
  test('with a public address would tell strangers the names of the site', () => {
    expect(refused('mode: observe\nlanUpstreams: ["udp://192.168.1.1", "udp://9.9.9.9"]')).toEqual([
      expect.stringContaining('lanUpstreams[1]: udp://9.9.9.9:53 is not a private address'),
    ]);
  });
});
