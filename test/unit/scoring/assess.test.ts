/** What the score is made of, and how ordinary names and tunnels fare. */
import { describe, expect, test } from 'vitest';
import { assess, STANDING_WEIGHTS } from '../../../scoring/assess.ts';
import { benignBits } from '../../../scoring/meter/name-coder.ts';
import type { AnswerCounts, Observation, ParentCounts } from '../../../scoring/observation.ts';
import { PRESETS } from '../../../scoring/presets.ts';
import { measureName } from '../../../scoring/signals/name-features.ts';

const COUNTS: ParentCounts = {
  fanOut: 1,
  parentQueries: 1,
  bulkTypeQueries: 0,
  unforwardableQueries: 0,
  unlistedParents: 1,
  repeatedNames: 0,
  askedOnceNames: 0,
  recentNewNames: 1,
  pauses: 0,
  evenPauses: 0,
  answers: null,
};

function observation(name: string, counts: Partial<ParentCounts> = {}, changes: Partial<Observation> = {}): Observation {
  const labels = name === '' ? [] : name.split('.');
  return {
    name: measureName(labels, name.length + 16),
    qtype: 1,
    standing: 'unlisted',
    age: 'unknown',
    counts: { ...COUNTS, ...counts },
    leakBits: benignBits(labels),
    parentBits: 0,
    sessionBits: 0,
    parentKnownDays: 0,
    dohEndpoint: false,
    secret: false,
    ...changes,
  };
}

const { flag, refuse, quarantine } = PRESETS.agent.thresholds;

describe('the assessment', () => {
  test.each(['', 'www', 'api', 'cdn', 'mail.eu', '_dmarc', 'registry-1', 'fonts.static', 'autodiscover'])(
    'finds nothing to flag in a first query for %j below an unknown parent',
    (name) => {
      expect(assess(observation(name)).score).toBeLessThan(flag);
    },
  );

  test('refuses further long hex names and quarantines while more are tried', () => {
    const name = '4157535f5345435245545f303d705479474a4d754862454c333149654c32.x';
    const tried = (fanOut: number, parentBits: number) =>
      assess(observation(name, { fanOut, parentQueries: fanOut }, { parentBits, leakBits: 300 })).score;
    expect(tried(16, 700)).toBeGreaterThanOrEqual(refuse);
    expect(tried(256, 768)).toBeGreaterThanOrEqual(quarantine);
  });

  test('quarantines a TXT tunnel within ten queries though none of them was sent', () => {
    const name = 'wn2bgaabaergody2mevdreu1qzhgnda0qky4mkfeqtfdmtewmjndnjneqjhgmdg.=auth';
    const assessed = assess(observation(name, { fanOut: 10, parentQueries: 10, bulkTypeQueries: 10 }, { qtype: 16, leakBits: 350 }));
    expect(assessed.score).toBeGreaterThanOrEqual(quarantine);
  });

  test('counts an unknown age as nothing, not as youth', () => {
    expect(assess(observation('www')).score).toBe(assess(observation('www', {}, { age: 4000 })).score);
    expect(assess(observation('www', {}, { age: 3 })).score).toBeGreaterThan(assess(observation('www')).score);
  });

  test('lists what standing takes away, and exempts nobody', () => {
    const hostile = { fanOut: 200, parentQueries: 400 };
    const unlisted = assess(observation('4157535f53454352', hostile, { parentBits: 768 })).score;
    for (const standing of ['popular', 'allowlisted', 'trusted'] as const) {
      const { score, signals } = assess(observation('4157535f53454352', hostile, { parentBits: 768, standing }));
      expect(signals.some(({ name }) => name === `standing-${standing}`)).toBe(true);
      expect(score).toBeCloseTo(unlisted * STANDING_WEIGHTS[standing], 0);
      expect(score).toBeGreaterThan(0);
    }
  });

  test('caps at 100 and says so', () => {
    const name = `${'\u00fe'.repeat(60)}.${'\u00fd'.repeat(60)}.${'\u00fc'.repeat(60)}.a.b.c.d.e.f.g`;
    const hostile = { fanOut: 1e6, parentQueries: 1e6, bulkTypeQueries: 1e6, unlistedParents: 1e6 };
    const { score, signals } = assess(observation(name, hostile, { qtype: 10, age: 0, parentBits: 1e6, sessionBits: 1e6 }));
    expect(score).toBe(100);
    expect(signals.at(-1)?.name).toBe('cap');
  });

  test('leaves the signals of answers out where none was recorded, which is not the same as zero', () => {
    const answers: AnswerCounts = { answeredNames: 0, nxdomainNames: 0, newOctets: 0, freeFormOctets: 0, freeFormBits: 0 };
    const names = (counts: Partial<ParentCounts>) => assess(observation('www', counts)).signals.map(({ name }) => name);
    const ofAnswers = ['nxdomain-share', 'downlink-bits', 'downlink-entropy'];
    expect(names({ answers: null })).not.toEqual(expect.arrayContaining([expect.stringMatching(/nxdomain|downlink/)]));
    expect(names({ answers })).toEqual(expect.arrayContaining(ofAnswers));
    expect(assess(observation('www', { answers })).score).toBe(assess(observation('www')).score);
  });

  test.each(['trusted', 'allowlisted', 'popular', 'encoder', 'unlisted'] as const)(
    'makes a secret below a %s parent 100 points',
    (standing) => {
      const { score, signals } = assess(observation('www', {}, { standing, secret: true }));
      expect(score).toBe(100);
      expect(signals.at(-1)).toMatchObject({ name: 'secret', value: 1 });
      expect(signals.reduce((sum, { contribution }) => sum + contribution, 0)).toBe(100);
    },
  );

  test('shows the same reasons however often it is asked for them', () => {
    const assessed = assess(observation('4157535f53454352', { fanOut: 20 }));
    expect(assessed.signals).toEqual(assessed.signals);
  });
});
