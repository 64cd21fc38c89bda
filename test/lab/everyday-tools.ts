/**
 * Asking for names with what every container has: each tool is a shell line or script that works through a file of names as fast as it
 * can, by the client's resolv.conf alone. Whether and what it is answered is of no interest to a thief, so exits are ignored.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientPlace, IPV6_PREFIX, type Lab, RESOLVER_ADDRESS_V6 } from './namespaces.ts';
import { toolPath } from './required-tools.ts';

export type EverydayTool =
  | 'dig'
  | 'nslookup'
  | 'host'
  | 'getent'
  | 'curl'
  | 'ping'
  | 'busybox nslookup'
  | 'Python'
  | 'Node'
  | 'dig with nothing fixed'
  | 'dig, an IPv6 address for each query';

/** The shell line of a tool; `$FILE` holds one name a line. */
function shellLine(tool: EverydayTool, qtype: string, pauseSeconds: number): string {
  const each = (command: string) =>
    `while read -r name; do ${command} >/dev/null 2>&1; ${pauseSeconds ? `sleep ${pauseSeconds};` : ''} done < "$FILE"`;
  switch (tool) {
    case 'dig':
      return each(`${toolPath('dig')} +tries=1 +time=2 "$name" ${qtype}`);
    case 'dig with nothing fixed':
      // Another letter case, ID, payload size, cookie, padding, flag and transport for each query.
      return each(
        `n=$((n+1)); ${toolPath('dig')} +tries=1 +time=2 +bufsize=$((512+n)) +cookie=$(printf %016x $n) +padding=$((n%64)) ` +
          `$([ $((n%2)) = 0 ] && echo +cdflag || echo +adflag) $([ $((n%3)) = 0 ] && echo +dnssec) $([ $((n%5)) = 0 ] && echo +tcp) "$name" ${qtype}`,
      );
    case 'dig, an IPv6 address for each query':
      // Any of one host's /64 (namespaces.ts).
      return each(
        `n=$((n+1)); ${toolPath('dig')} +tries=1 +time=2 -b "$(printf ${IPV6_PREFIX}%x "$n")" @${RESOLVER_ADDRESS_V6} "$name" ${qtype}`,
      );
    case 'nslookup':
      return each(`${toolPath('nslookup')} -timeout=2 -retry=1 -type=${qtype} "$name"`);
    case 'host':
      return each(`${toolPath('host')} -W 2 -t ${qtype} "$name"`);
    case 'getent':
      return each(`${toolPath('getent')} ahosts "$name"`);
    case 'curl':
      // Nothing but DNS leaves the namespace: the connection fails at once.
      return each(`${toolPath('curl')} -s --connect-timeout 0.5 "http://$name/"`);
    case 'ping':
      return each(`${toolPath('ping')} -c 1 -W 0.1 "$name"`);
    case 'busybox nslookup':
      return each(`${toolPath('busybox')} nslookup -type=${qtype.toLowerCase()} "$name"`);
    case 'Python':
      return `${toolPath('python3')} -c '${PYTHON}' "$FILE"`;
    case 'Node':
      return `"${process.execPath}" -e '${NODE}' "$FILE"`;
  }
}

const PYTHON = `
import socket, sys
for name in open(sys.argv[1]):
    try:
        socket.getaddrinfo(name.strip(), 80)
    except OSError:
        pass
`;

const NODE = `
const names = require("node:fs").readFileSync(process.argv[1], "utf8").trim().split("\\n");
(async () => { for (const name of names) await require("node:dns/promises").lookup(name).catch(() => {}); })();
`;

/** Asks for all the names from `place`, one after the other; throws when the tool itself takes longer than `timeoutMs`. */
export async function askForAll(
  lab: Lab,
  place: ClientPlace,
  tool: EverydayTool,
  qtype: string,
  names: readonly string[],
  { pauseSeconds = 0, timeoutMs = 60_000 } = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-names-'));
  try {
    const file = join(folder, 'names');
    writeFileSync(file, `${names.join('\n')}\n`);
    const finished = await lab.run(
      place,
      [toolPath('busybox'), 'sh', '-c', `FILE=${file}; ${shellLine(tool, qtype, pauseSeconds)}`],
      timeoutMs,
    );
    if (finished.timedOut) throw new Error(`${tool} did not come to the end of ${names.length} names in ${timeoutMs} ms`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
