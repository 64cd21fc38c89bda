/**
 * Reads the recorded captures and name lists that detection is developed on, as streams of queries. For scripts only.
 * Payload is counted once per distinct name: what the attacker's nameserver learns when that name first arrives.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { RRTYPE, typeFromName } from '../src/wire/codes.ts';
import { fromLabels, fromPresentation, type QName } from '../src/wire/name.ts';

export interface RecordedQuery {
  readonly session: string;
  readonly atSeconds: number;
  readonly qname: QName;
  readonly qtype: number;
  /** Payload octets that arrive with this name's first forwarded query; null where nobody counted. */
  readonly payloadOctets: number | null;
}

export interface Recording {
  readonly name: string;
  /** Which tool made it: folds are split by this. */
  readonly tool: string;
  readonly attack: boolean;
  readonly queries: readonly RecordedQuery[];
}

interface Source {
  readonly path: string;
  readonly tool: string;
  readonly attack: boolean;
}

const SOURCES: readonly Source[] = [
  ...attacks('captures', ['agent-b32-nslookup', 'agent-case0x20', 'agent-hex-dig', 'agent-long-gai', 'agent-many-domains', 'agent-onekey']),
  ...attacks('captures', [
    'agent-short-getent',
    'agent-slow-1pm',
    'agent-uuid-mimic',
    'agent-words',
    'dns2tcp-txt',
    'dnscat2-enc',
    'dnscat2-plain',
  ]),
  ...attacks('captures', ['iodine-a-b32', 'iodine-a-slow', 'iodine-cname-b128', 'iodine-null', 'iodine-txt-b64']),
  ...attacks('tunnels', ['dns2tcp-key', 'dnscat2-cname', 'dnsexfiltrator', 'iodine-cname', 'netrack_dns2tcp', 'netrack_iodine']),
  ...benign('captures', ['benign-npm-build', 'benign-browse', 'benign-k8s-ndots5', 'benign-cloud', 'benign-homelab', 'benign-antivirus']),
  ...benign('benign', ['netrack_plain', 'windows_ad_zeek', 'umbrella_top20k', 'windows_telemetry_hosts']),
];

/** All recordings below `folder`, in a fixed order; those that are not there are left out. */
export function readRecordings(folder: string): Recording[] {
  const recordings: Recording[] = [];
  for (const source of SOURCES) {
    const file = [`${source.path}.jsonl.gz`, `${source.path}.txt.gz`].map((path) => join(folder, path)).find((path) => existsSync(path));
    if (file === undefined) continue;
    const lines = readLines(file);
    const name = source.path.split('/')[1] ?? source.path;
    const queries = file.endsWith('.txt.gz') ? fromNames(name, lines) : fromJsonLines(name, lines);
    recordings.push({ name, tool: source.tool, attack: source.attack, queries });
  }
  return recordings;
}

/** The names of a gzipped list, one a line. */
export function readLines(file: string): string[] {
  return gunzipSync(readFileSync(file))
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
}

function attacks(folder: string, names: readonly string[]): Source[] {
  return names.map((name) => ({ path: `${folder}/${name}`, tool: toolOf(name), attack: true }));
}

function benign(folder: string, names: readonly string[]): Source[] {
  return names.map((name) => ({ path: `${folder}/${name}`, tool: name, attack: false }));
}

/** `iodine-null`, `netrack_iodine` → `iodine`; each agent encoding is a tool of its own. */
function toolOf(name: string): string {
  return /iodine|dns2tcp|dnscat2/.exec(name)?.[0] ?? name;
}

/** A list without times: one query a second, type A, one session. */
function fromNames(session: string, lines: readonly string[]): RecordedQuery[] {
  const queries: RecordedQuery[] = [];
  lines.forEach((line, index) => {
    const qname = readName(line);
    if (qname !== null) queries.push({ session, atSeconds: index, qname, qtype: RRTYPE.A, payloadOctets: null });
  });
  return queries;
}

function fromJsonLines(file: string, lines: readonly string[]): RecordedQuery[] {
  const queries: RecordedQuery[] = [];
  const seenNames = new Set<string>();
  let payloadSoFar = 0;
  lines.forEach((line, index) => {
    const row = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const qname = readName(String(row['qname']));
    const qtype = typeFromName(String(row['qtype'] ?? 'A'));
    if (qname === null || qtype === null) return;
    const cumulative = typeof row['cum_payload'] === 'number' ? row['cum_payload'] : null;
    const isNew = !seenNames.has(qname);
    seenNames.add(qname);
    const session = `${file}/${String(row['session'] ?? row['client'] ?? '')}`;
    const payloadOctets = cumulative === null ? null : isNew ? Math.max(cumulative - payloadSoFar, 0) : 0;
    if (cumulative !== null) payloadSoFar = Math.max(payloadSoFar, cumulative);
    queries.push({ session, atSeconds: typeof row['ts'] === 'number' ? row['ts'] : index, qname, qtype, payloadOctets });
  });
  return queries;
}

/** Some old lists hold mangled octets and empty labels: those are read as far as they make a name. */
function readName(text: string): QName | null {
  const strict = fromPresentation(text);
  if (strict !== null) return strict;
  const labels = text.split('.').filter((label) => label !== '');
  return fromLabels(labels.map((label) => label.toLowerCase()));
}
