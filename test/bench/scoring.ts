/**
 * What a score costs: measuring a name, observing, adding up, recording; and the heap per parent. Prints figures, judges nothing.
 * Run: `node --expose-gc test/bench/scoring.ts [time] [memory]`
 */
import { assess } from '../../scoring/assess.ts';
import type { Observation } from '../../scoring/observation.ts';
import { type Asked, SessionProfile } from '../../scoring/profile/session-profile.ts';
import { keyedHash } from '../../scoring/sketch/keyed-hash.ts';
import { measuredName } from '../../src/policy/measured-name.ts';
import { registrableDomain } from '../../src/policy/registrable-domain.ts';
import { fromPresentation, type QName, ROOT } from '../../src/wire/name.ts';

const HASH_KEY = { low: 0x12345678, high: 0x9abcdef0 };
const ROUNDS = 30;

function nameOf(text: string): QName {
  return fromPresentation(text) ?? ROOT;
}

/** What the pipeline does for a name between the cache and the verdict. */
function observe(profile: SessionProfile, qname: QName, atMs: number): { asked: Asked; observation: Observation } {
  const domain = registrableDomain(qname);
  const { features, hash, labelsAllowed } = measuredName(qname, domain, profile.hashKey);
  const asked = { parent: domain.parent, nameHash: hash, qtype: 1, unforwardable: !labelsAllowed, unlisted: true, atMs };
  const observation: Observation = {
    name: features,
    qtype: 1,
    standing: 'unlisted',
    age: 'unknown',
    counts: profile.observe(asked),
    leakBits: 0,
    parentBits: 120,
    sessionBits: 400,
    parentKnownDays: 3,
    dohEndpoint: false,
    secret: false,
  };
  return { asked, observation };
}

function judge(profile: SessionProfile, qname: QName, atMs: number): number {
  const { asked, observation } = observe(profile, qname, atMs);
  const { score } = assess(observation);
  profile.record(asked, score);
  return score;
}

/** Processor time of this thread, so that a busy machine counts less. Prints the median and the least of the second half. */
function time(what: string, names: readonly QName[], act: (qname: QName, atMs: number) => number): void {
  const figures: number[] = [];
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.threadCpuUsage();
    for (let n = 0; n < names.length; n++) sum += act(names[n] ?? ROOT, round * 60_000 + n);
    const { user, system } = process.threadCpuUsage(before);
    figures.push((1000 * (user + system)) / names.length);
  }
  if (Number.isNaN(sum)) throw new Error('no number');
  const sorted = figures.slice(ROUNDS / 2).sort((one, other) => one - other);
  const median = sorted[sorted.length >> 1] ?? 0;
  process.stdout.write(`${what.padEnd(48)} ${median.toFixed(0)} ns, at best ${(sorted[0] ?? 0).toFixed(0)} ns\n`);
}

/** Each name `times` over, in turns. */
function repeated(names: readonly QName[], times: number): QName[] {
  return Array.from({ length: times }, () => names).flat();
}

function measureTime(): void {
  const ordinary = Array.from({ length: 500 }, (_, n) =>
    nameOf(`${['www', 'api', `cdn-${n}`, 'static.eu', `img${n}`][n % 5]}.site${n % 100}.com`),
  );
  const tunnel = Array.from({ length: 3000 }, (_, n) =>
    nameOf(`${((n * 2_654_435_761) >>> 0).toString(16)}-${n}-chunk.x.evil${n % 3}.net`),
  );
  for (const [what, names, times] of [
    ['ordinary names', ordinary, 300],
    ['3,000 tunnel names below 3 parents', tunnel, 50],
  ] as const) {
    const profile = new SessionProfile({ hashKey: HASH_KEY });
    const observations = names.map((qname) => observe(profile, qname, 0).observation);
    process.stdout.write(`${what}\n`);
    time('  known name: memo, observe, assess, record', repeated(names, times), (qname, atMs) => judge(profile, qname, atMs));
    let turn = 0;
    time('  of that, assess', repeated(names, times), () => assess(observations[turn++ % observations.length] as Observation).score);
  }
  // A memo holds 4,096 names, so that of 20,000 in turns each is new to it.
  const fresh = Array.from({ length: 20_000 }, (_, n) => nameOf(`build-${n.toString(16)}.eu-west.cache.parent${n % 200}.com`));
  const profile = new SessionProfile({ hashKey: HASH_KEY });
  time('new name of 30 octets, all of it', fresh, (qname, atMs) => judge(profile, qname, atMs));
}

function heapOctets(): number {
  // Once more for what the first round only let go.
  for (let round = 0; round < 3; round++) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function fill(profile: SessionProfile, parent: string, names: number, values: number): void {
  for (let n = 0; n < names; n++) {
    const nameHash = keyedHash(`${n}.${parent}`, HASH_KEY);
    profile.record({ parent, nameHash, qtype: 1, unforwardable: false, unlisted: true, atMs: n * 90_000.25 }, 1);
    if (n < values) profile.recordAnswer({ parent, nameHash, rcode: 0, rdata: [{ type: 16, octets: Uint8Array.of(n & 255, n >> 8) }] });
  }
}

function measureMemory(): void {
  const sessions = 20;
  const parents = Array.from({ length: 40 }, (_, n) => `parent${n}`);
  const shapes: readonly (readonly [names: number, values: number])[] = [
    [1, 0],
    [1, 1],
    [8, 8],
    [64, 8],
    [2000, 1000],
  ];
  for (const [names, values] of shapes) {
    const octets = heapOf(sessions, (profile) => {
      for (const parent of parents) fill(profile, parent, names, values);
    });
    process.stdout.write(`${names} names, ${values} values below a parent: ${(octets / parents.length).toFixed(0)} octets\n`);
  }
}

/** Heap per profile of `count` filled ones. */
function heapOf(count: number, fillOne: (profile: SessionProfile) => void): number {
  const profiles = Array.from({ length: count }, () => new SessionProfile({ hashKey: HASH_KEY }));
  const before = heapOctets();
  for (const profile of profiles) fillOne(profile);
  const octets = (heapOctets() - before) / count;
  // Alive until measured.
  if (profiles.some((profile) => profile.parents().length === 0)) throw new Error('profiles went missing');
  return octets;
}

const wanted = process.argv.slice(2);
for (const [name, measure] of Object.entries({ time: measureTime, memory: measureMemory })) {
  if (wanted.length === 0 || wanted.includes(name)) measure();
}
