/** What can be registered as a secret, and what is kept of it. */
import { describe, expect, test } from 'vitest';
import { NameTrail } from '../../../scoring/secrets/name-trail.ts';
import { SecretMatcher } from '../../../scoring/secrets/secret-matcher.ts';
import { watchSecret } from '../../../scoring/secrets/watch-secret.ts';
import { Asker, cut, nameBelow } from './searched-name.ts';

const KEY = { low: 0x1234_5678, high: 0x9abc_def0 };
const SECRET = 'q7Vd0xKp3ZrT9mWc2LfY8bNh5GjS1aEu';

function matcherOf(...values: string[]): SecretMatcher {
  const matcher = new SecretMatcher(KEY);
  const secrets = values.map((value, index) => {
    const watching = watchSecret(`secret-${index}`, 'secret', value, KEY);
    if (watching.kind === 'refused') throw new Error(watching.problem);
    return watching.secret;
  });
  matcher.watch(secrets);
  return matcher;
}

describe('registration', () => {
  test.each([
    ['short1Xq9z', 'shorter than 12'],
    ['aaaaaaaaaaaaaaaaaaaaaaaa', 'too little that looks random'],
    ['Password123456!', 'too little that looks random'],
    ['correct-horse-battery-staple', 'too little that looks random'],
    ['postgres://user:password@db.example.com/production', 'too little that looks random'],
    ['80517945130914', 'too little that looks random'],
    ['kubernetes.default.svc.cluster.local', 'too little that looks random'],
    ['x'.repeat(8193), 'longer than 8192'],
  ])('%s is refused', (value, why) => {
    const watching = watchSecret('it', 'secret', value, KEY);
    expect(watching.kind === 'refused' && watching.problem).toContain(why);
  });

  test('no refusal repeats the value', () => {
    const watching = watchSecret('it', 'secret', 'correct-horse-battery-staple', KEY);
    expect(JSON.stringify(watching)).not.toContain('horse');
  });

  test('nothing of the value is kept in the clear', () => {
    const watching = watchSecret('it', 'secret', SECRET, KEY);
    if (watching.kind === 'refused') throw new Error(watching.problem);
    const kept = JSON.stringify(watching.secret) + Buffer.from(watching.secret.hashes.buffer).toString('latin1');
    for (let at = 0; at + 4 <= SECRET.length; at++) expect(kept.toLowerCase()).not.toContain(SECRET.slice(at, at + 4).toLowerCase());
  });

  test('another key makes other hashes', () => {
    const one = watchSecret('it', 'secret', SECRET, KEY);
    const other = watchSecret('it', 'secret', SECRET, { low: 1, high: 2 });
    if (one.kind === 'refused' || other.kind === 'refused') throw new Error('refused');
    expect([...one.secret.hashes].filter((hash) => other.secret.hashes.includes(hash)).length).toBeLessThan(3);
  });
});

describe('search', () => {
  test('a connection string: the password is found, its host is not', () => {
    const matcher = matcherOf('postgres://app:x8Kq2vRw7TzN4bYc@ep-cool-darkness-123456.us-east-2.aws.neon.tech/production');
    const asker = new Asker(matcher);
    expect(asker.ask('neon.tech', ['ep-cool-darkness-123456', 'us-east-2', 'aws'])).toMatchObject({ found: null, pieces: [] });
    expect(asker.ask('notes.example', ['x8kq2vrw7tzn4byc']).found).toEqual({ kind: 'secret', name: 'secret-0' });
  });

  test('the octets that a hex secret stands for', () => {
    const hex = '3f9ac27be1508d46f2b7a9135cde8064';
    const asker = new Asker(matcherOf(hex));
    expect(asker.ask('notes.example', [Buffer.from(hex, 'hex').toString('base64url')]).found).not.toBeNull();
  });

  test('pieces of 8 below ever other parents, hours of other names between them', () => {
    const asker = new Asker(matcherOf(SECRET));
    const pieces = cut(Buffer.from(SECRET).toString('hex'), 8);
    const at = pieces.findIndex((piece, index) => {
      for (let n = 0; n < 20; n++) asker.ask('example.com', [`host-${index}-${n}`]);
      return asker.ask(`parent-${index}.example`, [piece]).found !== null;
    });
    expect(at).toBe(2);
  });

  test('a piece counts once, however often it is asked for', () => {
    const asker = new Asker(matcherOf(SECRET));
    for (let n = 0; n < 50; n++) expect(asker.ask('notes.example', ['q7vd0xkp', `${n}`]).found).toBeNull();
  });

  test('a piece that repeats itself within a name counts once', () => {
    const asker = new Asker(matcherOf(SECRET));
    expect(asker.ask('notes.example', ['q7vd0xkp-q7vd0xkp-q7vd0xkp-q7vd0xkp']).found).toBeNull();
  });

  test('pieces far apart are forgotten: a busy session must not be caught by chance', () => {
    const asker = new Asker(matcherOf(SECRET));
    const pieces = cut(Buffer.from(SECRET).toString('hex'), 8);
    const found = pieces.some((piece) => {
      for (let n = 0; n < 600; n++) asker.ask('example.com', [`host-${n}`]);
      return asker.ask('notes.example', [piece]).found !== null;
    });
    expect(found).toBe(false);
  });

  test('the parent itself may hold it', () => {
    const search = matcherOf(SECRET).search(nameBelow(`${SECRET.toLowerCase()}.example`, ['www']), new NameTrail());
    expect(search).toMatchObject({ found: { kind: 'secret' }, inParent: true });
  });

  test('what goes on in the label of the parent is known to be there, so that it is not told', () => {
    const [head, rest] = [SECRET.slice(0, -10).toLowerCase(), SECRET.slice(-10).toLowerCase()];
    const matcher = matcherOf(SECRET);
    expect(matcher.search(nameBelow(`${rest}.example`, [head]), new NameTrail())).toMatchObject({
      found: { kind: 'secret' },
      inParent: true,
    });
    expect(matcher.search(nameBelow('agenda.example', [head]), new NameTrail())).toMatchObject({
      found: { kind: 'secret' },
      inParent: false,
    });
    const key = 'akiaqwertyuiopasdfgh';
    expect(matcher.search(nameBelow('agenda.example', [key]), new NameTrail())).toMatchObject({
      found: { kind: 'key-shape' },
      inParent: false,
    });
  });

  test('of two secrets that share a beginning each is found', () => {
    const matcher = matcherOf(`${SECRET}aZ8kQ3vR7wTx`, `${SECRET}Lm5Np9BcYd2F`);
    expect(new Asker(matcher).ask('notes.example', ['az8kq3vr7wtx-qq', `${SECRET.slice(20)}lm5np9bcyd2f`]).found?.name).toBe('secret-1');
  });

  test('what is no longer watched is no longer found', () => {
    const matcher = matcherOf(SECRET);
    const asker = new Asker(matcher);
    expect(asker.ask('notes.example', [SECRET]).found).not.toBeNull();
    matcher.watch([]);
    expect(asker.ask('notes.example', [SECRET])).toMatchObject({ found: null, pieces: [] });
  });
});
