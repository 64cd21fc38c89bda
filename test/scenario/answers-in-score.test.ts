/** What comes back counts in the score of the next query, through the whole pipeline; before that its signals are absent. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { txtRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const CONFIG = `
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
retention: { decisions: all }
`;

const PARENT = 'down-the-line.net';

/** A bottle whose upstream answers TXT with 200 octets of its own each time. */
function bottleWithPayloads(): BottledKennel {
  const bottle = new BottledKennel(CONFIG);
  let served = 0;
  bottle.script = ({ name, type }) => {
    served += 1;
    const payload = createHash('shake256', { outputLength: 150 }).update(`answer ${served}`).digest('base64');
    const answers = type === 'TXT' ? [txtRecord(requireName(name), [payload], 300)] : [];
    return { rcode: name.startsWith('gone') ? RCODE.NXDOMAIN : RCODE.NOERROR, answers, authority: [], authenticData: false };
  };
  return bottle;
}

function lastValue(bottle: BottledKennel, signal: string): number | null {
  return bottle.decisions.at(-1)?.signals.find(({ name }) => name === signal)?.value ?? null;
}

describe('answers in the score', () => {
  test('are absent before the first one, then counted once each', async () => {
    const bottle = bottleWithPayloads();
    await bottle.ask(`a.${PARENT}`, { type: 'TXT' });
    expect(bottle.sent.length).toBe(1);
    expect(lastValue(bottle, 'downlink-bits')).toBeNull();
    await bottle.ask(`b.${PARENT}`, { type: 'TXT' });
    expect(lastValue(bottle, 'downlink-bits')).toBe(8 * 201);
    await bottle.ask(`a.${PARENT}`, { type: 'TXT' });
    await bottle.ask(`a.${PARENT}`, { type: 'TXT' });
    expect(bottle.sent.length).toBe(2);
    expect(lastValue(bottle, 'downlink-bits')).toBe(2 * 8 * 201);
    expect(lastValue(bottle, 'downlink-entropy')).toBeGreaterThan(4);
    expect(bottle.errors).toEqual([]);
  });

  test('count what does not exist by names', async () => {
    const bottle = bottleWithPayloads();
    for (const name of ['gone-1', 'gone-1', 'gone-2', 'here']) await bottle.ask(`${name}.${PARENT}`);
    await bottle.ask(`last.${PARENT}`);
    expect(lastValue(bottle, 'nxdomain-share')).toBe(2 / (3 + 4));
  });
});
