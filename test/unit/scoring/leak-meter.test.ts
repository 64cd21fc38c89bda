/** The leak meter as its users see it: what is cheap, what is dear, and that nothing is learned but by sending. */
import { describe, expect, test } from 'vitest';
import { LeakMeter, type Sent } from '../../../scoring/meter/leak-meter.ts';
import { LABEL_JOINT } from '../../../scoring/meter/suffix-coder.ts';

const A = 1;
const AAAA = 28;
const HTTPS = 65;

function named(name: string, qtype = A): Sent {
  return { labels: name === '' ? [] : name.split('.'), qtype };
}

/** Sends a name and has its answer expire at once, in the order of sending. */
function sendAndExpire(meter: LeakMeter, sent: Sent, expiresAtMs: number): number {
  const bits = meter.charge(sent);
  meter.noteExpiry(sent, expiresAtMs);
  return bits;
}

describe('the leak meter', () => {
  test('costs what it announced, and adds it up', () => {
    const meter = new LeakMeter();
    let sum = 0;
    for (const sent of [named('www'), named('www', AAAA), named('api.v2'), named('www'), named('v2')]) {
      const announced = meter.price(sent);
      expect(meter.charge(sent)).toBe(announced);
      sum += announced;
    }
    expect(meter.spentBits).toBe(sum);
  });

  test('learns nothing from being asked for a price', () => {
    const meter = new LeakMeter();
    meter.charge(named('www'));
    const secret = named('4157535f53454352');
    const before = meter.price(secret);
    for (let i = 0; i < 100; i++) meter.price(secret);
    meter.noteExpiry(secret, 1);
    expect(meter.price(secret)).toBe(before);
    expect(meter.knows(secret.labels)).toBe(false);
    expect(meter.price(named('api'))).toBe(pricedAfterWww('api'));
  });

  test.each([
    ['', 4],
    ['www', 14],
    ['api', 14],
    ['cdn', 14],
    ['mail', 21],
    ['static', 22],
  ])('finds the first name %j cheap: at most %i bits', (name, most) => {
    expect(new LeakMeter().price(named(name))).toBeLessThanOrEqual(most);
  });

  test('charges hex at no less than what it carries', () => {
    const meter = new LeakMeter();
    let state = 1;
    let payloadOctets = 0;
    while (payloadOctets < 2048) {
      let chunk = '';
      for (let i = 0; i < 32; i++) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        chunk += (state >>> 24).toString(16).padStart(2, '0');
      }
      payloadOctets += 32;
      meter.charge({ labels: [chunk], qtype: A });
    }
    expect(meter.spentBits).toBeGreaterThanOrEqual(payloadOctets * 8);
    expect(meter.spentBits).toBeLessThanOrEqual(payloadOctets * 8 * 2);
  });

  test('finds a day of refreshing one name every minute almost free', () => {
    const meter = new LeakMeter();
    sendAndExpire(meter, named('www'), 0);
    const before = meter.spentBits;
    for (let minute = 1; minute <= 1440; minute++) sendAndExpire(meter, named('www'), minute);
    expect(meter.spentBits - before).toBeLessThanOrEqual(10);
  });

  test('finds two types that expire in turn no dearer than one', () => {
    const meter = new LeakMeter();
    sendAndExpire(meter, named('www'), 0);
    sendAndExpire(meter, named('www', AAAA), 1);
    const before = meter.spentBits;
    for (let at = 2; at < 2882; at++) sendAndExpire(meter, named('www', at % 2 === 0 ? A : AAAA), at);
    expect(meter.spentBits - before).toBeLessThanOrEqual(10);
  });

  test('is not held up by a name that was asked once and never again', () => {
    const meter = new LeakMeter();
    sendAndExpire(meter, named('once'), 0);
    sendAndExpire(meter, named('www'), 1);
    const before = meter.spentBits;
    for (let at = 2; at < 1442; at++) sendAndExpire(meter, named('www'), at);
    expect(meter.spentBits - before).toBeLessThanOrEqual(16);
  });

  test('charges an order that says something', () => {
    const meter = new LeakMeter();
    const names = ['a', 'b', 'c', 'd'].map((name) => named(name));
    names.forEach((sent, index) => {
      sendAndExpire(meter, sent, index);
    });
    const before = meter.spentBits;
    let state = 7;
    for (let at = 4; at < 2004; at++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      sendAndExpire(meter, names[state >>> 30] ?? named('a'), at);
    }
    // 2 bits of choice each time.
    expect(meter.spentBits - before).toBeGreaterThanOrEqual(2000 * 2 * 0.98);
  });

  test('leaves room for AAAA and HTTPS within the reserve kept for them', () => {
    const meter = new LeakMeter();
    meter.charge(named('www'));
    expect(meter.charge(named('www', AAAA)) + meter.charge(named('www', HTTPS))).toBeLessThanOrEqual(12);
  });

  test('spells only what is in front of an ending it has sent before', () => {
    const meter = new LeakMeter();
    meter.charge(named('db.c4wdofpidbsc.us-west-2.rds'));
    expect(meter.price(named('web.c4wdofpidbsc.us-west-2.rds'))).toBeLessThan(new LeakMeter().price(named('web')) + 10);
  });

  test('tells which pairs it knows, in order of first sending, of no more names than asked for', () => {
    const meter = new LeakMeter();
    for (const sent of [named('www'), named('api.v2'), named('www', AAAA), named('www'), named('v2'), named('api.v2', HTTPS)])
      meter.charge(sent);
    const told = (limit: number): string[] => meter.knownPairs(limit).map(({ key, qtype }) => `${key.replace(LABEL_JOINT, '.')} ${qtype}`);
    expect(told(2)).toEqual(['www 1', 'api.v2 1', 'www 28', 'api.v2 65']);
    expect(told(9)).toEqual(['www 1', 'api.v2 1', 'www 28', 'v2 1', 'api.v2 65']);
    expect(meter.knowsPair(['www'], AAAA)).toBe(true);
    expect(meter.knowsPair(['www'], HTTPS)).toBe(false);
    expect(new LeakMeter().knownPairs(9)).toEqual([]);
  });

  test('tells labels apart that only differ in where they are cut', () => {
    const meter = new LeakMeter();
    meter.charge({ labels: ['a.b'], qtype: A });
    expect(meter.knows(['a', 'b'])).toBe(false);
    expect(meter.knows(['a.b'])).toBe(true);
  });

  test('charges octets outside host names for what they can carry', () => {
    const bits = new LeakMeter().price({ labels: ['\u00fe'.repeat(20)], qtype: A });
    expect(bits).toBeGreaterThanOrEqual(20 * Math.log2(218));
    expect(Number.isFinite(bits)).toBe(true);
  });

  test('forgets the oldest names when full; they cost as new and what was spent stays', () => {
    const meter = new LeakMeter({ maxNames: 8 });
    for (let i = 0; i < 50; i++) sendAndExpire(meter, named(`name${i}`), i);
    expect(meter.knows(['name0'])).toBe(false);
    expect(meter.knows(['name49'])).toBe(true);
    const spent = meter.spentBits;
    expect(meter.price(named('name0'))).toBeGreaterThan(5);
    expect(meter.spentBits).toBe(spent);
  });

  test('stays a code when names are forgotten between a send and the expiry of its answer', () => {
    const meter = new LeakMeter({ maxNames: 2 });
    meter.charge(named('a'));
    meter.charge(named('b'));
    meter.charge(named('c'));
    meter.noteExpiry(named('a'), 5);
    expect(meter.knows(['a'])).toBe(false);
    expect(meter.price(named('c'))).toBeGreaterThan(0);
  });
});

function pricedAfterWww(name: string): number {
  const fresh = new LeakMeter();
  fresh.charge(named('www'));
  return fresh.price(named(name));
}
