/**
 * Trains the static model of benign host names and writes `scoring/model/trigram-prior.ts`.
 * Usage: `node scripts/train-trigram-prior.ts FOLDER` where FOLDER holds the lists named below (gzipped, one name a line).
 * Deterministic: the same lists give the same bytes. Only lists that are CC0 or public domain are read.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'tldts';
import { CONTEXT_COUNT, CONTEXT_SYMBOL_COUNT, END, ESCAPE, SEPARATOR, SYMBOL_COUNT, visitSymbols } from '../scoring/model/name-symbols.ts';
import { QUANTA_PER_BIT, QUANTUM_ALPHABET } from '../scoring/model/quanta.ts';

interface Source {
  readonly file: string;
  readonly licence: string;
}

const SOURCES: readonly Source[] = [
  { file: 'cloudflare_top100k.txt.gz', licence: 'CC0, misp-warninglists' },
  { file: 'umbrella_top20k.txt.gz', licence: 'CC0, misp-warninglists' },
  { file: 'tranco10k.txt.gz', licence: 'CC0, misp-warninglists' },
  { file: 'opendns_random10k.txt.gz', licence: 'public domain, opendns/public-domain-lists' },
];

/** Labels below the registrable domain are what the model is for, and the lists hold few: each counts this often. */
const BELOW_REGISTRABLE_WEIGHT = 8;
/** Share of escapes set aside in every context; the lists hold no such octets, but hostile names do. */
const ESCAPE_SHARE = 2 ** -9;
const TLDTS_OPTIONS = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false };

/** Counts of symbols after two, one and no known symbols before them. */
interface Counts {
  readonly order2: Float64Array;
  readonly order1: Float64Array;
  readonly order0: Float64Array;
}

function emptyCounts(): Counts {
  return {
    order2: new Float64Array(CONTEXT_COUNT * SYMBOL_COUNT),
    order1: new Float64Array(CONTEXT_SYMBOL_COUNT * SYMBOL_COUNT),
    order0: new Float64Array(SYMBOL_COUNT),
  };
}

function add(counts: Counts, labels: readonly string[], weight: number): void {
  visitSymbols(labels, (context, symbol) => {
    bump(counts.order2, context * SYMBOL_COUNT + symbol, weight);
    bump(counts.order1, (context % CONTEXT_SYMBOL_COUNT) * SYMBOL_COUNT + symbol, weight);
    bump(counts.order0, symbol, weight);
  });
}

function bump(cells: Float64Array, index: number, weight: number): void {
  cells[index] = (cells[index] ?? 0) + weight;
}

/** A list's names as weighted training samples: the labels below the registrable domain, and the registrable name itself. */
function addName(counts: Counts, name: string, seenRegistrable: Set<string>): void {
  const parsed = parse(name, TLDTS_OPTIONS);
  if (parsed.domain === null || parsed.domainWithoutSuffix === null || name.endsWith('.arpa')) return;
  const below = parsed.subdomain === null || parsed.subdomain === '' ? [] : parsed.subdomain.split('.');
  add(counts, below, BELOW_REGISTRABLE_WEIGHT);
  if (seenRegistrable.has(parsed.domain)) return;
  seenRegistrable.add(parsed.domain);
  add(counts, [parsed.domainWithoutSuffix], 1);
}

/** Interpolated Witten-Bell smoothing (Witten and Bell 1991, method C): each order backs off to the next by its distinct followers. */
function smooth(counts: Counts): Float64Array {
  const order0 = interpolate(counts.order0, 0, () => 1 / SYMBOL_COUNT);
  const probabilities = new Float64Array(CONTEXT_COUNT * SYMBOL_COUNT);
  for (let last = 0; last < CONTEXT_SYMBOL_COUNT; last++) {
    const order1 = interpolate(counts.order1, last * SYMBOL_COUNT, (symbol) => order0[symbol] ?? 0);
    for (let beforeLast = 0; beforeLast < CONTEXT_SYMBOL_COUNT; beforeLast++) {
      const row = (beforeLast * CONTEXT_SYMBOL_COUNT + last) * SYMBOL_COUNT;
      const order2 = interpolate(counts.order2, row, (symbol) => order1[symbol] ?? 0);
      for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
        const share = (order2[symbol] ?? 0) * (1 - ESCAPE_SHARE);
        probabilities[row + symbol] = symbol === ESCAPE ? share + ESCAPE_SHARE : share;
      }
    }
  }
  return probabilities;
}

function interpolate(cells: Float64Array, row: number, lower: (symbol: number) => number): Float64Array {
  let total = 0;
  let distinct = 0;
  for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
    const count = cells[row + symbol] ?? 0;
    total += count;
    if (count > 0) distinct++;
  }
  const mixed = new Float64Array(SYMBOL_COUNT);
  // A context never seen takes the lower order unchanged.
  const backOff = total === 0 ? 1 : distinct / (total + distinct);
  for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
    const own = total === 0 ? 0 : (cells[row + symbol] ?? 0) / total;
    mixed[symbol] = (1 - backOff) * own + backOff * lower(symbol);
  }
  return mixed;
}

/** One printable character per symbol: −log2 p in quanta, rounded. Reading scales each row back to a sum of at most 1. */
function encodeRow(probabilities: Float64Array, row: number): string {
  let text = '';
  for (let symbol = 0; symbol < SYMBOL_COUNT; symbol++) {
    const quanta = Math.round(-Math.log2(probabilities[row + symbol] ?? 0) * QUANTA_PER_BIT);
    text += QUANTUM_ALPHABET.charAt(Math.min(Math.max(quanta, 0), QUANTUM_ALPHABET.length - 1));
  }
  return text;
}

function header(hashes: ReadonlyMap<string, string>): string {
  const lines = SOURCES.map(({ file, licence }) => ` *   ${file} (${licence})\n *     sha256 ${hashes.get(file) ?? ''}`);
  return `/**
 * Trigram model of benign host names: one row per context (two symbols before), one character per symbol.
 * Written by \`scripts/train-trigram-prior.ts\`; do not edit. Read by \`benign-prior.ts\`, which also holds the encoding.
 * Sources, all free to use:
${lines.join('\n')}
 */
`;
}

function main(): void {
  const folder = process.argv[2];
  if (folder === undefined) {
    process.stderr.write('usage: node scripts/train-trigram-prior.ts FOLDER\n');
    process.exitCode = 2;
    return;
  }
  const counts = emptyCounts();
  const hashes = new Map<string, string>();
  const seenRegistrable = new Set<string>();
  for (const { file } of SOURCES) {
    const packed = readFileSync(join(folder, file));
    hashes.set(file, createHash('sha256').update(packed).digest('hex'));
    for (const name of gunzipSync(packed).toString('latin1').split('\n')) addName(counts, name.trim().toLowerCase(), seenRegistrable);
  }
  const probabilities = smooth(counts);
  const rows: string[] = [];
  for (let context = 0; context < CONTEXT_COUNT; context++) rows.push(encodeRow(probabilities, context * SYMBOL_COUNT));
  const target = new URL('../scoring/model/trigram-prior.ts', import.meta.url);
  writeFileSync(target, `${header(hashes)}export const TRIGRAM_ROWS = \`\n${rows.join('\n')}\n\`;\n`);
  process.stdout.write(
    `${rows.length} contexts x ${SYMBOL_COUNT} symbols (separator ${SEPARATOR}, end ${END}) written to ${target.pathname}\n`,
  );
}

main();
