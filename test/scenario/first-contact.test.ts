/**
 * What leaves below a parent that is new to everybody: no more than the first contact has to spend, however it is asked for, and every
 * name that worked goes on working.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FIRST_CONTACT_TOTAL_BITS } from '../../scoring/first-contact.ts';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { addressRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const CLIENT = '10.0.0.5';
const MINUTE = 60_000;
const PARENT = 'example.net';

/** The apex may be asked for each of its types once, from the ordinary budget: 22 types of 2 to 6 bits. */
const APEX_BITS = 22 * 6;

function start(extra = ''): BottledKennel {
  const kennel = new BottledKennel(`
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: { queriesPerSecond: 100000, burst: 100000 }
policies: [{ name: p, match: {}, preset: agent, thresholds: { flag: 98, refuse: 99, quarantine: 100 } ${extra} }]
`);
  // Every repeat is sent as soon as the floor allows.
  kennel.script = ({ name }) => ({
    rcode: RCODE.NOERROR,
    answers: [addressRecord(requireName(name), '198.51.100.9', 0)],
    authority: [],
    authenticData: false,
  });
  return kennel;
}

function spentBelow(kennel: BottledKennel): number {
  const session = kennel.pipeline.sessions.peek(CLIENT);
  return session === null ? 0 : (kennel.pipeline.meters.spentInMemory(session.meters, PARENT) ?? 0);
}

/** Repeats short names in an order that says something, until Kennel keeps them by itself. */
async function repeatUntilKept(kennel: BottledKennel): Promise<string[]> {
  const names = ['www', 'api', 'cdn', 'mail'].map((host) => `${host}.${PARENT}`);
  for (let round = 0; round < 400 && kennel.pipeline.kept.size === 0; round++) {
    await kennel.ask(names[(round * round + (round >> 2)) % 4] ?? '');
    await kennel.live(2 * MINUTE);
  }
  expect(kennel.pipeline.kept.size).toBeGreaterThan(0);
  return names;
}

describe('repeats below a new parent', () => {
  test('come from the same bits as its names, and then stay answered on Kennel’s own schedule', async () => {
    const kennel = start();
    const names = await repeatUntilKept(kennel);
    const spent = spentBelow(kennel);
    expect(spent).toBeLessThanOrEqual(FIRST_CONTACT_TOTAL_BITS);
    for (let round = 0; round < 100; round++) {
      await kennel.live(2 * MINUTE);
      expect(await kennel.ask(names[(round * 7) % 4] ?? '')).toMatchObject({ rcode: 'NOERROR', ede: [] });
    }
    expect(spentBelow(kennel)).toBe(spent);
    expect((await kennel.ask(PARENT))?.rcode).toBe('NOERROR');
    expect(kennel.errors).toEqual([]);
  });

  test('come from the ordinary budget again once the age is known', async () => {
    const kennel = start();
    const [www = ''] = await repeatUntilKept(kennel);
    kennel.ages.set(PARENT, 400);
    await kennel.live(1_000);
    expect(kennel.pipeline.kept.size).toBe(0);
    const spent = spentBelow(kennel);
    await kennel.live(10 * MINUTE);
    await kennel.ask(www);
    expect(kennel.sent.at(-1)).toMatchObject({ name: www, type: 'A' });
    expect(spentBelow(kennel)).toBeGreaterThan(spent);
  });

  test('come from the ordinary budget where first contact is off', async () => {
    const kennel = start(', firstContact: off');
    await repeatUntilKept(kennel);
    expect(spentBelow(kennel)).toBeGreaterThan(FIRST_CONTACT_TOTAL_BITS);
  });
});

test('whatever is asked, no more is spent below a new parent than its first contact has', async () => {
  const host = fc.oneof(
    fc.constantFrom('', 'www', 'api', 'cdn', 'a', 'b', 'x.y'),
    fc.stringMatching(/^[a-z0-9]{1,8}$/),
    fc.stringMatching(/^[a-z0-9]{9,40}$/),
  );
  const query = fc.record({
    host,
    type: fc.constantFrom('A', 'A', 'AAAA', 'HTTPS', 'TXT', 'MX'),
    pauseMinutes: fc.constantFrom(0, 0, 1, 2, 6),
  });
  let most = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(query, { minLength: 40, maxLength: 200 }), async (queries) => {
      const kennel = start();
      const worked = new Set<string>();
      for (const { host: labels, type, pauseMinutes } of queries) {
        const name = labels === '' ? PARENT : `${labels}.${PARENT}`;
        const reply = await kennel.ask(name, { type });
        if (worked.has(`${name} ${type}`)) expect(reply).toMatchObject({ rcode: 'NOERROR', ede: [] });
        if (reply?.ede.length === 0) worked.add(`${name} ${type}`);
        await kennel.live(pauseMinutes * MINUTE);
      }
      expect(spentBelow(kennel)).toBeLessThanOrEqual(FIRST_CONTACT_TOTAL_BITS + APEX_BITS);
      most = Math.max(most, spentBelow(kennel));
    }),
    { numRuns: 25 },
  );
  // Where it is never spent, nothing was tested.
  expect(most).toBeGreaterThan(FIRST_CONTACT_TOTAL_BITS / 2);
}, 60_000);
