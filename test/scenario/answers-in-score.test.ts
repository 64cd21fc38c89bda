/** What comes back counts in the score of the next query, through the whole pipeline; before that its signals are absent. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Judgement } from '../../src/pipeline/judge.ts';
import { RCODE } from '../../src/wire/codes.ts';
import { requireName } from '../../src/wire/name.ts';
import { txtRecord } from '../../src/wire/rdata.ts';
import { BottledKennel } from './bottled-kennel.ts';

const CONFIG = `
mode: enforce
upstreams: ["udp://192.0.2.53"]
limits: off
`;

const PARENT = 'down-the-line.net';

interface Watched {
  readonly bottle: BottledKennel;
  /** What the last query was measured with. */
  lastValue(signal: string): number | null;
}

/** A bottle whose upstream answers TXT with 200 octets of its own each time. */
function bottleWithPayloads(): Watched {
  const bottle = new BottledKennel(CONFIG);
  let last: Judgement | null = null;
  const onJudged = (judgement: Judgement): void => {
    last = judgement;
  };
  Object.assign(bottle, { pipeline: { ...bottle.pipeline, onJudged } });
  let served = 0;
  bottle.script = ({ name, type }) => {
    served += 1;
    const payload = createHash('shake256', { outputLength: 150 }).update(`answer ${served}`).digest('base64');
    const answers = type === 'TXT' ? [txtRecord(requireName(name), [payload], 300)] : [];
    return { rcode: name.startsWith('gone') ? RCODE.NXDOMAIN : RCODE.NOERROR, answers, authority: [], authenticData: false };
  };
  const lastValue = (signal: string) => last?.assessment.signals.find(({ name }) => name === signal)?.value ?? null;
  return { bottle, lastValue };
}

describe('answers in the score', () => {
  test('are absent before the first one, then counted once each', async () => {
    const { bottle, lastValue } = bottleWithPayloads();
    await bottle.ask(`a.${PARENT}`, { type: 'TXT' });
    expect(bottle.sent.length).toBe(1);
    expect(lastValue('downlink-bits')).toBeNull();
    await bottle.ask(`b.${PARENT}`, { type: 'TXT' });
    expect(lastValue('downlink-bits')).toBe(8 * 201);
    await bottle.ask(`a.${PARENT}`, { type: 'TXT' });
    await bottle.ask(`a.${PARENT}`, { type: 'TXT' });
    expect(bottle.sent.length).toBe(2);
    expect(lastValue('downlink-bits')).toBe(2 * 8 * 201);
    expect(lastValue('downlink-entropy')).toBeGreaterThan(4);
    expect(bottle.errors).toEqual([]);
  });

  test('count what does not exist by names', async () => {
    const { bottle, lastValue } = bottleWithPayloads();
    for (const name of ['gone-1', 'gone-1', 'gone-2', 'here']) await bottle.ask(`${name}.${PARENT}`);
    await bottle.ask(`last.${PARENT}`);
    expect(lastValue('nxdomain-share')).toBe(2 / (3 + 4));
  });
});
