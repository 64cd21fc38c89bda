/** A host that asks each query from another address of its IPv6 /64, below many parents, gets no more out than one address would. */
import { describe, expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { seededRandom } from '../lab/seeded-random.ts';
import { BottledKennel } from './bottled-kennel.ts';

const NAMES = 120;
const PARENTS = 40;
const OCTETS = 8;

/** Octets of random data that arrive, eight a name; `prefixLengths` as in the config. */
async function steal(addressOf: (at: number) => string, prefixLengths = '{}'): Promise<number> {
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: { queriesPerSecond: 100000, burst: 100000 }
sessions: { prefixLengths: ${prefixLengths} }
policies: [{ name: p, match: {}, preset: agent }]
`);
  const parents = Array.from({ length: PARENTS }, (_unused, at) => `parent-${at}.net`);
  // Registered long ago: first contact is over.
  for (const parent of parents) kennel.ages.set(parent, 3_650);
  kennel.script = ({ name }) => ({
    rcode: RCODE.NOERROR,
    answers: [addressRecord(requireName(name), '198.51.100.9', 60)],
    authority: [],
    authenticData: false,
  });
  const random = seededRandom(6);
  for (let at = 0; at < NAMES; at++) {
    await kennel.ask(`${random.octets(OCTETS).toString('hex')}.${parents[at % PARENTS]}`, { client: addressOf(at) });
    kennel.pass(10_000);
  }
  expect(kennel.errors).toEqual([]);
  return kennel.sent.length * OCTETS;
}

const hopping = (at: number): string => `fd00::${(at + 1).toString(16)}`;

describe('eight octets a name below 40 old parents', () => {
  test('from a new address of one /64 each: as many as from one address, and no more than the session’s budget', async () => {
    const hopped = await steal(hopping);
    expect(hopped).toBe(await steal(() => 'fd00::1'));
    expect(hopped).toBeLessThanOrEqual(2_048 / 8);
    expect(hopped).toBeGreaterThan(0);
  });

  test('where the config says that addresses are pinned to hosts, each has its own budget', async () => {
    expect(await steal(hopping, '{ ipv6Budgets: 128 }')).toBeGreaterThan(2_048 / 8);
  });
});
