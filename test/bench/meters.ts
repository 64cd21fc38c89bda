/**
 * What the leak meters cost: time of a price and a charge in all three scopes, bits per symbol of common encodings, heap of 100,000
 * sessions. Prints figures, judges nothing. Run: `node --expose-gc test/bench/meters.ts WHAT`, WHAT of
 * time, bits, memory, memory-without-limits.
 */
import { createHash } from 'node:crypto';
import { LeakMeter } from '../../scoring/meter/leak-meter.ts';
import { type MeteredName, Meters, SessionMeters } from '../../src/session/meters.ts';
import { fromLabels, ROOT } from '../../src/wire/name.ts';
import { MemoryMeterStore } from '../unit/session/memory-meter-store.ts';

const NOW = 1_800_000_000_000;
/** The limits of the server. */
const LIMITS = { sessionParents: 20_000, fleetParents: 20_000, codeOctets: 64 * 1024 * 1024 };

function below(parent: string, label: string): MeteredName {
  const allLabels = [...label.split('.'), ...parent.split('.')];
  const key = fromLabels(allLabels) ?? ROOT;
  return { parent, labels: label.split('.'), allLabels, key, qtype: 1, weight: 1, unlisted: true, refillBitsPerDay: 0 };
}

function random(seed: string, octets: number): Buffer {
  return createHash('shake256', { outputLength: octets }).update(seed).digest();
}

/** A name of 30 octets as a service asks it: a word, a number, a region. */
function serviceName(seed: string): string {
  const hex = random(seed, 4).toString('hex');
  return `build-${hex.slice(0, 6)}.eu-west.cache`.slice(0, 28);
}

/** Processor time of this thread, so that a busy machine doesn't count; pauses for collecting garbage do. */
function microsecondsOf(act: () => void): number {
  const before = process.threadCpuUsage();
  act();
  const { user, system } = process.threadCpuUsage(before);
  return user + system;
}

/** Sessions in a batch: thread time is counted in ticks of some milliseconds. */
const ROUNDS = 500;

function measureTime(): void {
  const store = new MemoryMeterStore();
  Object.assign(store, { saveMeters: () => undefined });
  const meters = new Meters(store, LIMITS);
  const ofNew: number[] = [];
  const ofKnown: number[] = [];
  for (let batch = 0; batch < 12; batch++) {
    // Sessions that each ask below one parent, to the end of a budget of about 20 names.
    const rounds = Array.from({ length: ROUNDS }, (_, round) => ({
      session: new SessionMeters(`10.${batch}.${round >> 8}.${round & 255}`),
      names: Array.from({ length: 20 }, (_, n) =>
        below(`parent${batch * 100 + (round % 100)}.example`, serviceName(`${batch} ${round} ${n}`)),
      ),
    }));
    // The cache was asked before: the hash of a name's string is known by the time it is priced.
    const hashed = new Set(rounds.flatMap(({ names }) => names.map(({ key }) => key)));
    if (hashed.size !== 20 * ROUNDS) throw new Error('names must differ');
    const ask = (): void => {
      for (const { session, names } of rounds) {
        for (const name of names) meters.charge(session, 0, name, NOW, meters.price(session, name, NOW));
      }
    };
    // What was prepared here is old by then, as the pipeline's own is dead: only what the meters keep is copied about.
    globalThis.gc?.();
    ofNew.push(microsecondsOf(ask) / (20 * ROUNDS));
    for (const { session, names } of rounds) {
      for (const [at, name] of names.entries()) meters.noteExpiry(session, name, NOW + at, NOW);
    }
    ofKnown.push(microsecondsOf(ask) / (20 * ROUNDS));
  }
  process.stdout.write(`new name, price and charge in three scopes:   ${spread(ofNew)} µs\n`);
  process.stdout.write(`known name, price and charge in three scopes: ${spread(ofKnown)} µs\n`);
}

/** Of the second half, when everything is compiled. */
function spread(figures: readonly number[]): string {
  const sorted = figures.slice(figures.length / 2).sort((a, b) => a - b);
  return `${(sorted[0] ?? 0).toFixed(2)} µs at best, median ${(sorted[sorted.length >> 1] ?? 0).toFixed(2)}`;
}

const WORDS = [
  'alpha',
  'amber',
  'anchor',
  'apple',
  'autumn',
  'beacon',
  'birch',
  'border',
  'bridge',
  'canyon',
  'castle',
  'cedar',
  'cloud',
  'copper',
  'coral',
  'delta',
];

/** Each encodes the octets as labels; `symbols` counts what carries data. */
const ENCODINGS: Readonly<Record<string, (octets: Buffer) => string>> = {
  hex: (octets) => octets.toString('hex'),
  base32: (octets) => base32(octets),
  'base64url in lower case': (octets) => octets.toString('base64url').toLowerCase(),
  'words (16)': (octets) => [...octets].map((octet) => `${WORDS[octet >> 4]}-${WORDS[octet & 15]}`).join('-'),
  UUID: (octets) => octets.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, '$1-$2-$3-$4-$5'),
  decimals: (octets) => [...octets].map((octet) => String(octet).padStart(3, '0')).join(''),
};

function measureBits(): void {
  for (const [name, encode] of Object.entries(ENCODINGS)) {
    const columns = [96, 2048].map((payload) => {
      const meter = new LeakMeter();
      let symbols = 0;
      for (let at = 0; at < payload; at += 16) {
        const label = encode(random(`${name} ${at}`, 16)).slice(0, 250);
        symbols += label.length;
        meter.charge({ labels: label.match(/.{1,63}/g) ?? [], qtype: 1 });
      }
      return `${payload} octets: ${(meter.spentBits / symbols).toFixed(2)} bits a symbol, ${(meter.spentBits / payload / 8).toFixed(2)} × payload`;
    });
    process.stdout.write(`${name.padEnd(32)} ${columns.join('; ')}\n`);
  }
}

function base32(octets: Buffer): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const octet of octets) {
    held = (held << 8) | octet;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += 'abcdefghijklmnopqrstuvwxyz234567'[(held >> bits) & 31];
    }
  }
  return text;
}

function heapMegabytes(): number {
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return (heapUsed + Math.max(external, arrayBuffers)) / 1024 / 1024;
}

/** Three names below each of three parents, A and AAAA, by each session; parents drawn from 10,000. */
function measureMemory(count: number, limits: typeof LIMITS): void {
  const before = heapMegabytes();
  // Forgets: the heap of the store is not what is measured.
  const store = new MemoryMeterStore();
  Object.assign(store, { saveMeters: () => undefined, firstSentMs: () => NOW });
  const meters = new Meters(store, limits);
  const sessions: SessionMeters[] = [];
  for (let n = 0; n < count; n++) {
    const session = new SessionMeters(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    sessions.push(session);
    for (let p = 0; p < 3; p++) {
      const parent = `parent${(n * 7919 + p * 104_729) % 10_000}.example`;
      for (const label of ['www', 'api', `c${n % 1000}.cdn`]) {
        const name = below(parent, label);
        for (const qtype of [1, 28]) {
          meters.charge(session, 0, { ...name, qtype }, NOW);
          meters.noteExpiry(session, { ...name, qtype }, NOW + p, NOW);
        }
      }
    }
  }
  const used = heapMegabytes() - before;
  const estimate = meters.learnedOctets / 1024 / 1024;
  const each = (used * 1024) / sessions.length;
  process.stdout.write(
    `${count} sessions: ${used.toFixed(0)} MiB, estimated codes ${estimate.toFixed(0)} MiB, ${each.toFixed(2)} KiB a session\n`,
  );
}

const MEASURES = {
  time: measureTime,
  bits: measureBits,
  memory: () => measureMemory(100_000, LIMITS),
  'memory-without-limits': () => measureMemory(10_000, { sessionParents: 1e9, fleetParents: 1e9, codeOctets: 2 ** 40 }),
};

const measure = Object.entries(MEASURES).find(([name]) => name === process.argv[2])?.[1];
if (measure === undefined) throw new Error(`one of ${Object.keys(MEASURES).join(', ')}`);
measure();
