/**
 * A source that may be forged gets what is cached, but nothing that the operator's rules refuse a client of its policy: whoever asked for
 * it under another policy must not have opened it for all (threat 20 and 24, docs/threats.md).
 */
import { expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const FREE = '10.1.0.5';
const STRICT = '10.2.0.5';

function start(strict: string): BottledKennel {
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
sessions: { verified: [] }
searchSuffixes: [corp.example]
policies:
  - { name: free, match: { cidr: ["10.1.0.0/16"] }, default: allow, dohEndpoints: score, thresholds: { flag: 98, refuse: 99, quarantine: 100 } }
  - { name: strict, match: {}, default: allow, ${strict} }
`);
  kennel.script = ({ name }) => ({
    rcode: RCODE.NOERROR,
    answers: [addressRecord(requireName(name), '198.51.100.9', 300)],
    authority: [],
    authenticData: false,
  });
  return kennel;
}

test.each([
  ['nothing that speaks against it', 'dohEndpoints: refuse', 'www.example.com', 1],
  ['a public encrypted resolver', 'dohEndpoints: refuse', 'dns.google', 0],
  [
    'a blocked name behind a search suffix',
    'block: [{ section: s, owner: o, reason: r, names: ["**.example.net"] }]',
    'www.example.net.corp.example',
    0,
  ],
])('%s', async (_what, strict, name, answers) => {
  const kennel = start(strict);
  expect((await kennel.ask(name, { client: FREE, protocol: 'tcp' }))?.answers).toHaveLength(1);
  const told = await kennel.ask(name, { client: STRICT, protocol: 'udp' });
  expect(told?.flags.tc).toBe(true);
  expect(told?.answers).toHaveLength(answers);
  // What the same client is told once it has proven itself.
  const proven = await kennel.ask(name, { client: STRICT, protocol: 'tcp' });
  expect(proven?.rcode).toBe(answers === 0 ? 'NXDOMAIN' : 'NOERROR');
});
