/** A resolution that failed is not tried again at once, whoever asks (RFC 9520 §3.2): for a second at least, for five minutes at most. */
import { describe, expect, test } from 'vitest';
import { BottledKennel, type UpstreamScript } from '../../scenario/bottled-kennel.ts';

const CONFIG = `
mode: enforce
upstreams: ["udp://192.0.2.53"]
zones: { corp.example.net: ["udp://10.0.0.53"] }
policies:
  - { name: p, match: {}, preset: interactive, default: allow, allow: [{ section: s, owner: o, reason: r, names: ["**.allowed.example.com"] }] }
`;

const FAILURES: [string, UpstreamScript][] = [
  ['no answer', () => null],
  ['SERVFAIL', () => ({ rcode: 2, answers: [], authority: [], authenticData: false })],
  ['REFUSED', () => ({ rcode: 5, answers: [], authority: [], authenticData: false })],
  ['FORMERR', () => ({ rcode: 1, answers: [], authority: [], authenticData: false })],
];
const NAMES = [
  ['that nobody vouches for', 'www.example.org'],
  ['on an allowlist', 'www.allowed.example.com'],
  ['of a trusted zone', 'www.corp.example.net'],
] as const;

describe.each(FAILURES)('after %s', (_what, script) => {
  test.each(NAMES)('a name %s is not sent again within a second, and is within five minutes', async (_which, name) => {
    const kennel = new BottledKennel(CONFIG);
    kennel.script = script;
    for (const client of ['10.0.0.5', '10.0.0.6', '10.0.0.7']) {
      const reply = await kennel.ask(name, { client });
      expect(reply?.rcode).not.toBe('NOERROR');
      kennel.pass(300);
    }
    expect(kennel.sent).toHaveLength(1);
    kennel.pass(300_000);
    await kennel.ask(name);
    expect(kennel.sent).toHaveLength(2);
  });
});
