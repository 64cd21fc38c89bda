/** The table of `test/live/faults.live.ts`: printed, and written to the file that KENNEL_FAULTS_REPORT names. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { FULL } from './live-report.ts';
import { type Asked, percentile } from './steady-load.ts';

export interface FaultRow {
  readonly fault: string;
  readonly upstreams: string;
  readonly part: string;
  readonly asked: readonly Asked[];
}

const HEAD = ['fault', 'upstreams', 'part', 'queries', 'answered', 'SERVFAIL', 'no answer', 'forged', 'p50 ms', 'p99 ms', 'longest ms'];

export function reportFaults(rows: readonly FaultRow[]): void {
  const cells = rows.map(({ fault, upstreams, part, asked }) => {
    const took = asked.filter(({ tookMs }) => Number.isFinite(tookMs)).map(({ tookMs }) => tookMs);
    const times = [percentile(took, 0.5), percentile(took, 0.99), percentile(took, 1)].map((ms) => ms.toFixed(0));
    const share = `${((100 * counted(asked, 'answered')) / Math.max(asked.length, 1)).toFixed(1)} %`;
    const others = (['servfail', 'silent', 'forged'] as const).map((outcome) => String(counted(asked, outcome)));
    return [fault, upstreams, part, String(asked.length), share, ...others, ...times];
  });
  const table = [HEAD, HEAD.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
  console.log(table);
  const file = process.env['KENNEL_FAULTS_REPORT'];
  if (file === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${reportHead()}\n${table}\n`);
}

export function counted(asked: readonly Asked[], outcome: Asked['outcome']): number {
  return asked.filter((one) => one.outcome === outcome).length;
}

function reportHead(): string {
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  }).trim();
  return `# When upstreams fail

Written by the tests themselves (\`KENNEL_LIVE_FULL=1 KENNEL_FAULTS_REPORT=FILE npx vitest run --config vitest.live.config.ts test/live/faults\`): one Kennel process on loopback
between a client and upstreams that fail on purpose. The client asks for a new name each time, at a steady pace, and retries nothing.

- ${FULL ? 'The full form' : 'The short form'}, at commit ${commit}, Node ${process.versions.node}, ${availableParallelism()} cores that client, upstreams and other work took as well.
- Healthy upstreams answer after 5 to 20 ms. Unless the table says otherwise, all are healthy for two seconds before the fault begins.
- "first 3 s" are the queries of the first three seconds of the fault, "later" those after them. Times are those of all answers, SERVFAIL
  included. "Forged" counts answers that reached the client with the forger's address.
- "forged, everywhere" are answers with random IDs to random ports; "forged, the very port" knows the port of each question and shoots with
  wrong IDs; "forged, port and ID" knows both and not the letter case (\`forwarding.randomCase: on\`). Each burst of 20 queries is met by 10,000
  forged answers, the first ones before the honest answers; forger and upstream share a process, so much of the time shown is the shooting.
`;
}
