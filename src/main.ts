/**
 * The command line: picks the verb, gives it arguments and environment, ends with its exit code. The only reader of argv and env.
 * Each verb is loaded when it is asked for, so that `serve` does not wait for code it never runs.
 */
import { DamagedInstallation } from './policy/shipped-file.ts';
import type { Verb } from './verbs/verb.ts';
import { version } from './version.ts';

interface ListedVerb {
  readonly does: string;
  readonly load: () => Promise<Verb>;
}

const VERBS: Readonly<Record<string, ListedVerb>> = {
  serve: { does: 'run the resolver', load: () => import('./verbs/serve.ts') },
  'check-config': { does: 'check a config file', load: () => import('./verbs/check-config.ts') },
  score: { does: 'assess names without asking them', load: () => import('./verbs/score.ts') },
  explain: { does: 'what the running resolver would do with a name now', load: () => import('./verbs/explain.ts') },
  replay: { does: 'run recorded traffic through the pipeline', load: () => import('./verbs/replay.ts') },
  sessions: { does: 'who asked, and what has left', load: () => import('./verbs/sessions.ts') },
  lists: { does: 'list subscriptions: how they stand, and a look at their sources', load: () => import('./verbs/lists.ts') },
  quarantine: { does: 'list, show and release quarantined sessions', load: () => import('./verbs/quarantine.ts') },
  secret: { does: 'register secrets and canaries that must not leave in names', load: () => import('./verbs/secret.ts') },
  reload: { does: 'let the running resolver take on its config file as it is now', load: () => import('./verbs/reload.ts') },
  cache: { does: 'forget cached answers', load: () => import('./verbs/cache.ts') },
  import: { does: 'turn the config of AdGuard Home, Pi-hole or Blocky into one for Kennel', load: () => import('./verbs/import.ts') },
  healthcheck: { does: 'exit 0 when the running resolver is ready', load: () => import('./verbs/healthcheck.ts') },
  demo: { does: 'see a theft over DNS being stopped, in half a minute and without a network', load: () => import('./verbs/demo.ts') },
};

const USAGE_ERROR = 2;
const RUNTIME_FAILURE = 3;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-V') {
    process.stdout.write(`kennel ${version()}\n`);
    return 0;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const asked = rest[0] === undefined ? undefined : VERBS[rest[0]];
    process.stdout.write(asked === undefined ? usage() : `${(await asked.load()).usage}\n`);
    return name === undefined ? USAGE_ERROR : 0;
  }
  const listed = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (listed === undefined) {
    process.stderr.write(`kennel: there is no verb ${JSON.stringify(name)}\n\n${usage()}`);
    return USAGE_ERROR;
  }
  const verb = await listed.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${verb.usage}\n`);
    return 0;
  }
  return verb.run(rest, { stdout: process.stdout, stderr: process.stderr, env: process.env });
}

function usage(): string {
  const lines = Object.entries(VERBS).map(([name, { does }]) => `  ${name.padEnd(14)}${does}`);
  return `usage: kennel VERB [OPTION]…\n\n${lines.join('\n')}\n\n"kennel help VERB" tells more about one. Results go to stdout, with --json as JSON.\n`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  if (cause instanceof DamagedInstallation) {
    process.stderr.write(`kennel: ${cause.message}\n`);
    process.exit(RUNTIME_FAILURE);
  }
  process.stderr.write(`kennel: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
  // A bug may have left sockets and threads open; ending is safer than going on half started.
  process.exit(RUNTIME_FAILURE);
}
