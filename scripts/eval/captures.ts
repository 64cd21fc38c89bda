/**
 * Recorded attacks and recorded benign traffic as streams. The parents of attacks are renamed to invented domains (several times each):
 * a recording's own parent must not matter, and does not get a chance to.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fromLabels, fromPresentation, labelsOf, type QName } from '../../src/wire/name.ts';
import { inventedDomain } from './invented-names.ts';
import { randomFrom } from './random.ts';
import { MINUTE_MS, type Part, START_MS, type Stream, type StreamQuery, typeNumber } from './stream.ts';

interface Row {
  readonly atMs: number;
  readonly session: string;
  readonly labels: readonly string[];
  readonly qtype: number;
  readonly rcode: number;
  readonly nodata: boolean;
  readonly delayMs: number;
  readonly cumulativeOctets: number | null;
}

export interface Recorded {
  readonly name: string;
  readonly tool: string;
  readonly rows: readonly Row[];
}

const CAPTURED_ATTACKS = [
  'agent-b32-nslookup',
  'agent-case0x20',
  'agent-hex-dig',
  'agent-long-gai',
  'agent-many-domains',
  'agent-onekey',
  'agent-short-getent',
  'agent-slow-1pm',
  'agent-uuid-mimic',
  'agent-words',
  'dns2tcp-txt',
  'dnscat2-enc',
  'dnscat2-plain',
  'iodine-a-b32',
  'iodine-a-slow',
  'iodine-cname-b128',
  'iodine-null',
  'iodine-txt-b64',
];
const TUNNELS = ['dns2tcp-key', 'dnscat2-cname', 'dnsexfiltrator', 'iodine-cname', 'netrack_dns2tcp', 'netrack_iodine'];
const CAPTURED_BENIGN = ['benign-npm-build', 'benign-browse', 'benign-k8s-ndots5', 'benign-cloud', 'benign-homelab', 'benign-antivirus'];

export function recordedAttacks(folder: string): Recorded[] {
  return [...read(folder, 'captures', CAPTURED_ATTACKS), ...read(folder, 'tunnels', TUNNELS)];
}

export function recordedBenign(folder: string): Recorded[] {
  return [...read(folder, 'captures', CAPTURED_BENIGN), ...read(folder, 'benign', ['windows_ad_zeek'])];
}

/** The lines of a gzipped list below `folder`; none when it is not there. */
export function readList(folder: string, path: string): string[] {
  const file = join(folder, path);
  if (!existsSync(file)) return [];
  return gunzipSync(readFileSync(file))
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
}

function read(folder: string, within: string, names: readonly string[]): Recorded[] {
  return names.flatMap((name) => {
    const lines = [`${within}/${name}.jsonl.gz`, `${within}/${name}.txt.gz`]
      .map((path) => readList(folder, path))
      .find((found) => found.length > 0);
    if (lines === undefined) return [];
    const rows = lines.map((line, index) => (line.startsWith('{') ? rowOfJson(line, index) : rowOfName(line, index)));
    return [{ name, tool: toolOf(name), rows: rows.filter((row) => row !== null).sort((a, b) => a.atMs - b.atMs) }];
  });
}

/** `iodine-null`, `netrack_iodine` are iodine; each way of an agent to encode is a tool of its own. */
function toolOf(name: string): string {
  return /iodine|dns2tcp|dnscat2/.exec(name)?.[0] ?? name;
}

function rowOfJson(line: string, index: number): Row | null {
  const row = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const labels = readLabels(String(row['qname']));
  if (labels === null) return null;
  const seconds = row['ts'];
  return {
    atMs: typeof seconds === 'number' ? seconds * 1_000 : START_MS + index * 1_000,
    session: String(row['session'] ?? row['client'] ?? ''),
    labels,
    qtype: typeNumber(String(row['qtype'] ?? 'A')),
    rcode: row['rcode'] === 'NXDOMAIN' ? 3 : row['rcode'] === 'SERVFAIL' ? 2 : 0,
    nodata: row['rcode'] === 'NOERROR' && row['ancount'] === 0,
    delayMs: typeof row['rtt'] === 'number' ? row['rtt'] * 1_000 : 30,
    cumulativeOctets: typeof row['cum_payload'] === 'number' ? row['cum_payload'] : null,
  };
}

/** A list without times: one query a second, type A. */
function rowOfName(line: string, index: number): Row | null {
  const labels = readLabels(line);
  const rest = { session: '', qtype: 1, rcode: 0, nodata: false, delayMs: 30, cumulativeOctets: null };
  return labels === null ? null : { atMs: START_MS + index * 1_000, labels, ...rest };
}

/** Old lists hold mangled octets and empty labels: those are read as far as they make a name. */
function readLabels(text: string): string[] | null {
  const strict = fromPresentation(text);
  if (strict !== null) return labelsOf(strict);
  const labels = text
    .split('.')
    .filter((label) => label !== '')
    .map((label) => label.toLowerCase());
  return fromLabels(labels) === null ? null : labels;
}

/** A recorded attack below invented parents. `renaming` 0, 1, 2 … give different ones. */
export function renamedAttack(recorded: Recorded, renaming: number, isTaken: (domain: string) => boolean): Stream {
  const random = randomFrom('renaming', recorded.name, renaming);
  const parents = new Map<string, readonly string[]>();
  const clients = new Map<string, string>();
  const payload = new PayloadOfNames(recorded);
  const queries: StreamQuery[] = [];
  for (const row of recorded.rows) {
    const old = row.labels.slice(-2).join('.');
    const parent = parents.get(old) ?? inventedDomain(random, isTaken).split('.');
    parents.set(old, parent);
    const below = row.labels.slice(0, -2);
    const qname = fromLabels([...below, ...parent]);
    if (qname === null) continue;
    const client = clients.get(row.session) ?? `10.9.${clients.size >> 8}.${(clients.size & 255) + 1}`;
    clients.set(row.session, client);
    queries.push({ atMs: row.atMs, client, qname, qtype: row.qtype, response: responseOf(row), part: payload.of(row, below, qname) });
  }
  return { name: `${recorded.name}/${renaming}`, tool: recorded.tool, queries };
}

/** Recorded benign traffic as it was asked, one client a recorded session. */
export function benignStream(recorded: Recorded): Stream {
  const clients = new Map<string, string>();
  const queries = recorded.rows.flatMap((row): StreamQuery[] => {
    const qname = fromLabels(row.labels);
    if (qname === null) return [];
    const client = clients.get(row.session) ?? `10.8.${clients.size >> 8}.${(clients.size & 255) + 1}`;
    clients.set(row.session, client);
    return [{ atMs: row.atMs, client, qname, qtype: row.qtype, response: responseOf(row), part: null }];
  });
  return { name: recorded.name, tool: recorded.tool, queries };
}

function responseOf({ rcode, nodata, delayMs }: Row): StreamQuery['response'] {
  return { rcode, nodata, ttlSeconds: null, delayMs: Math.min(delayMs, MINUTE_MS) };
}

/**
 * The octets that arrive with each name. Where the recording counted them: what the count rose by when the name was first asked.
 * Otherwise what its labels could hold at most, by the tool's form, the tool's own handshakes left out.
 */
class PayloadOfNames {
  readonly #octets = new Map<string, number>();
  readonly #estimated: boolean;
  readonly #tool: string;

  constructor(recorded: Recorded) {
    this.#tool = recorded.tool;
    this.#estimated = recorded.rows.every((row) => row.cumulativeOctets === null);
    let before = 0;
    const asked = new Set<string>();
    for (const { labels, cumulativeOctets } of recorded.rows) {
      if (cumulativeOctets === null) continue;
      const name = labels.join('\0');
      if (!asked.has(name)) this.#octets.set(name, Math.max(0, cumulativeOctets - before));
      asked.add(name);
      before = Math.max(before, cumulativeOctets);
    }
  }

  of(row: Row, below: readonly string[], qname: QName): Part | null {
    // Names leave in lower case: what was in the case of their letters does not arrive.
    if (this.#tool === 'agent-case0x20') return { id: qname, octets: 0 };
    const octets = this.#estimated ? mostOctets(this.#tool, below) : (this.#octets.get(row.labels.join('\0')) ?? 0);
    return octets === 0 ? null : { id: qname, octets };
  }
}

function mostOctets(tool: string, below: readonly string[]): number {
  const first = below[0] ?? '';
  const letters = below.filter((label) => label !== 'www').join('').length;
  switch (tool) {
    // Data begins with a hexadecimal digit, everything else is handshake. 7 bits a character is its densest code.
    case 'iodine':
      return /^[0-9a-f]/.test(first) ? Math.max(0, Math.floor(((letters - 5) * 7) / 8)) : 0;
    case 'dns2tcp':
      return first.includes('=auth') || below.some((label) => label.startsWith('=')) || letters <= 11 ? 0 : Math.floor((letters * 5) / 8);
    case 'dnscat2':
      return Math.max(0, Math.floor(letters / 2) - 9);
    default:
      return first === 'init' ? 0 : Math.floor(((letters - first.length) * 6) / 8);
  }
}
