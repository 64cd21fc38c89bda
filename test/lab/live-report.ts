/**
 * What the live tests measured, as tables: printed when a file of tests ends, and written to the file that KENNEL_LIVE_REPORT names,
 * each table in the place of the one with the same title before. Says nothing of what should have been measured.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';

/** `KENNEL_LIVE_FULL=1`: all combinations instead of one of each kind. */
export const FULL = process.env['KENNEL_LIVE_FULL'] === '1';

/** Names and payloads come from this; another one in each run unless KENNEL_LIVE_SEED repeats one. */
export const SEED = Number(process.env['KENNEL_LIVE_SEED'] ?? Date.now() % 1_000_000);

export interface TheftRow {
  readonly tool: string;
  readonly encoding: string;
  readonly condition: string;
  readonly tried: number;
  /** Queries that reached the thief's server. */
  readonly reached: number;
  /** Octets of the payload that the thief has. */
  readonly octets: number;
  /** The most that may reach him; null where nothing is asked (a control). */
  readonly limit: number | null;
  /** The number of the query that quarantined the session; null for none. */
  readonly quarantinedAt: number | null;
}

function reportHead(): string {
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  }).trim();
  return `# What got out, live

Written by the live tests themselves (\`KENNEL_LIVE_REPORT=FILE npm run test:live:full\`): real tools in network namespaces, Kennel between
them and the thief's name server, payload counted at that server. Names and payloads differ from run to run; a seed stands beside each table.
Time is real: what a thief gets out over days is measured by replay, not here.

- ${FULL ? 'The full form' : 'The short form'}, at commit ${commit}, Node ${process.versions.node}, ${availableParallelism()} cores that other work took as well.
- \`mode: enforce\`, preset \`agent\`, \`default: allow\` unless a title says otherwise; Kennel starts without memory of anything.
- "A domain nobody knows": its age is unknown, so first contact applies. "A domain registered in 2009": the age is known and first
  contact does not apply.
- "Queries" are the thief's names (for tunnels, packets), "reached" is what arrived at his server, address families counted apart. "Quarantined
  at" is the number of the session's query.
`;
}

/** Prints the rows and files them under the title. */
export function reportThefts(title: string, rows: readonly TheftRow[]): void {
  const cells = rows.map(({ tool, encoding, condition, tried, reached, octets, limit, quarantinedAt }) => [
    tool,
    encoding,
    condition,
    String(tried),
    String(reached),
    String(octets),
    limit === null ? '' : String(limit),
    quarantinedAt === null ? '-' : String(quarantinedAt),
  ]);
  const head = ['tool', 'encoding', 'condition', 'queries', 'reached', 'octets', 'limit', 'quarantined at'];
  const table = [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
  const section = `## ${title}\n\nSeed ${SEED}.\n\n${table}\n`;
  console.log(section);
  const file = process.env['KENNEL_LIVE_REPORT'];
  if (file !== undefined) fileSection(file, title, section);
}

function fileSection(file: string, title: string, section: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const [header = '', ...sections] = (existsSync(file) ? readFileSync(file, 'utf8') : reportHead()).split(/^(?=## )/m);
  const others = sections.map((other) => other.trimEnd()).filter((other) => !other.startsWith(`## ${title}\n`));
  writeFileSync(file, `${[header.trimEnd(), ...others, section.trimEnd()].join('\n\n')}\n`);
}
