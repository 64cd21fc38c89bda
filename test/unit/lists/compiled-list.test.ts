import { describe, expect, it } from 'vitest';
import { CompiledBuilder } from '../../../src/lists/compiled-builder.ts';
import { decodeCompiled, encodeCompiled } from '../../../src/lists/compiled-file.ts';
import { NameHasher } from '../../../src/lists/list-hash.ts';
import { plainRule } from '../../../src/lists/list-rule.ts';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { fromLabels, type QName, ROOT, requireName } from '../../../src/wire/name.ts';
import { compiled, decides, fixture, hasher, lists } from './compiled-texts.ts';

describe('a compiled list', () => {
  it('knows nothing when it is empty', () => {
    expect(decides(compiled('# nothing\n'), 'example.com')).toBeNull();
  });

  it('has no rule for the root, whatever stands in it', () => {
    const list = compiled('*\n||*^\n.\n*.\n||zip^\n', 'adblock');
    expect(list.find(hasher.probe(ROOT), RRTYPE.A)).toBe(-1);
    expect(list.report.entries).toBe(1);
  });

  it('cuts at labels only', () => {
    const list = compiled('||ads.example.com^\n', 'adblock');
    expect(lists(list, 'bads.example.com')).toBe(false);
    expect(lists(list, 'ads\\.example.com')).toBe(false);
    expect(lists(list, 'x.ADS.example.com')).toBe(true);
  });

  it('lets the most specific of several rules decide, and the name alone before the name and all below', () => {
    const list = compiled('||example.com^\n||a.example.com^\n|a.example.com^\n', 'adblock');
    expect(decides(list, 'b.example.com')?.line).toBe(1);
    expect(decides(list, 'x.a.example.com')?.line).toBe(2);
    expect(decides(list, 'a.example.com')?.line).toBe(3);
  });

  it('ranks an important exception, an important rule, an exception and a rule in this order, however specific they are', () => {
    const rules = ['||a.b.example.com^', '@@||b.example.com^', '||example.com^$important', '@@||com^$important'];
    const winner = (count: number) => decides(compiled(rules.slice(0, count).join('\n'), 'adblock'), 'x.a.b.example.com')?.line;
    expect([1, 2, 3, 4].map(winner)).toEqual([1, 2, 3, 4]);
  });

  it('keeps the first line of rules that say the same', () => {
    const list = compiled('0.0.0.0 ads.example.com\n0.0.0.0 ADS.example.com.\n', 'hosts');
    expect(decides(list, 'ads.example.com')?.line).toBe(1);
    expect(list.report).toMatchObject({ entries: 1, duplicates: 1 });
  });

  it('holds every octet a label can have', () => {
    const builder = new CompiledBuilder(hasher);
    const names = Array.from({ length: 256 }, (_, octet) => fromLabels([String.fromCharCode(octet), 'example']) ?? ROOT);
    for (const name of names) builder.add(plainRule(name, 'exact'), 1);
    const { report } = compiled('# nothing\n');
    const list = builder.finish((counts) => ({ ...report, ...counts }));
    expect(names.every((name) => list.entryAt(list.find(hasher.probe(name), null)).base === name)).toBe(true);
    // Upper and lower case of 26 letters are one.
    expect(list.report.entries).toBe(230);
  });

  it('takes names of 255 octets, of one label of 63 and of 127 labels', () => {
    const long = [63, 63, 63, 61].map((octets) => 'a'.repeat(octets)).join('.');
    const deep = 'a.'.repeat(127);
    const list = compiled(`${long}\n${deep}\n`, 'domains');
    expect(list.report.entries).toBe(2);
    expect(lists(list, long)).toBe(true);
    expect(lists(list, deep)).toBe(true);
  });

  it('bounds what conditions may do: many for one name, many in one rule', () => {
    const many = Array.from({ length: 100 }, (_, type) => `||example.com^$dnstype=TYPE${type + 1000}`);
    const parts = `||wide.example.org^$denyallow=${Array.from({ length: 300 }, (_, n) => `n${n}.example.org`).join('|')}`;
    const list = compiled([...many, parts].join('\n'), 'adblock');
    expect(list.report.conditional).toBe(16);
    expect(list.report.notApplied).toEqual([{ why: 'too-many-conditions', count: 85, firstLines: [17, 18, 19, 20, 21] }]);
  });

  it('keeps so many parts of conditions in all that a copy is read back at once', () => {
    const names = Array.from({ length: 250 }, (_, n) => `n${n}.example.org`).join('|');
    const rules = Array.from({ length: 1_100 }, (_, n) => `||r${n}.example.com^$denyallow=${names}`);
    const list = compiled([...rules, '||last.example.com^$dnstype=A'].join('\n'), 'adblock');
    expect([...list.parts.conditions.values()].reduce((sum, { denyAllow }) => sum + denyAllow.length, 0)).toBe(262_000);
    expect(list.report.notApplied).toMatchObject([{ why: 'too-many-conditions', count: 1_100 - 1_048 }]);
    // A rule that fits still counts.
    expect(lists(list, 'last.example.com')).toBe(true);
  });

  it('cannot be made slow by names that collide under another seed', () => {
    // Names whose hashes agree in the low bits under one seed, as an attacker who knew it would choose them.
    const known = new NameHasher(new Uint8Array(16).fill(9));
    const colliding: QName[] = [];
    for (let n = 0; colliding.length < 500; n++) {
      const name = requireName(`n${n}.example.com`);
      if (((known.probe(name).hashes[0] ?? 0) & 0xff) === 0) colliding.push(name);
    }
    const spread = new Set(colliding.map((name) => (hasher.probe(name).hashes[0] ?? 0) & 0xff));
    expect(spread.size).toBeGreaterThan(180);
  });

  it('refuses a seed that can be guessed', () => {
    expect(() => new NameHasher(new Uint8Array(8))).toThrow('16 octets');
  });
});

describe('the stored form of a compiled list', () => {
  const list = compiled(fixture('adblock.txt'));
  const octets = encodeCompiled(list.parts);

  function decode(stored: Uint8Array): string {
    const decoded = decodeCompiled(stored, hasher);
    return decoded.kind === 'unusable' ? decoded.why : decoded.kind;
  }

  it('is read back as it was, from a Buffer at any place too', () => {
    const shifted = Buffer.alloc(octets.length + 3);
    shifted.set(octets, 3);
    for (const stored of [octets, Buffer.from(octets), shifted.subarray(3)]) {
      const decoded = decodeCompiled(stored, hasher);
      if (decoded.kind !== 'list') throw new Error(decoded.why);
      expect(decoded.list.parts).toEqual(list.parts);
      expect(lists(decoded.list, 'x.ads.example.com')).toBe(true);
      expect(lists(decoded.list, 'typed.example.com', RRTYPE.AAAA)).toBe(true);
    }
  });

  it('leaves the octets alone, so that they can be read again', () => {
    const stored = Buffer.from(octets);
    expect([decode(stored), decode(stored)]).toEqual(['list', 'list']);
    expect(stored.equals(octets)).toBe(true);
  });

  it('is refused at every length it is cut to', () => {
    for (let length = 0; length < octets.length; length += 7) expect(decode(octets.slice(0, length)), String(length)).not.toBe('list');
  });

  it('is refused when any octet has changed', () => {
    for (let at = 0; at < octets.length; at += 13) {
      const changed = octets.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(decode(changed), String(at)).not.toBe('list');
    }
  });

  it('is refused from another machine, another version and another seed, and says so', () => {
    const swapped = octets.slice();
    for (let at = 0; at < 64; at += 4) swapped.subarray(at, at + 4).reverse();
    expect(decode(swapped)).toContain('machine');
    const newer = octets.slice();
    newer[4] = 200;
    expect(decode(newer)).toContain('version');
    expect(decodeCompiled(octets, new NameHasher(new Uint8Array(32).fill(2)))).toMatchObject({ kind: 'unusable' });
  });

  it('is refused when it is something else', () => {
    expect(decode(new Uint8Array(4096))).not.toBe('list');
    expect(decode(Buffer.from('0.0.0.0 ads.example.com\n'.repeat(99)))).not.toBe('list');
  });
});
