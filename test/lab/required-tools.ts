/**
 * The programs the live lab runs, and the Debian package each one comes in.
 * A missing program is a failure that names its package; nothing in the lab is ever skipped for want of a tool.
 * Owns neither installing them (CI reads REQUIRED-PACKAGES.txt) nor running them (processes.ts).
 */
import { accessSync, constants } from 'node:fs';

const PACKAGE_OF = {
  busybox: 'busybox',
  curl: 'curl',
  delv: 'bind9-dnsutils',
  dig: 'bind9-dnsutils',
  dns2tcpc: 'dns2tcp',
  dns2tcpd: 'dns2tcp',
  drill: 'ldnsutils',
  getent: 'libc-bin',
  host: 'bind9-host',
  iodine: 'iodine',
  iodined: 'iodine',
  ip: 'iproute2',
  kdig: 'knot-dnsutils',
  'ldns-keygen': 'ldnsutils',
  'ldns-signzone': 'ldnsutils',
  'musl-gcc': 'musl-tools',
  nft: 'nftables',
  nsd: 'nsd',
  mount: 'mount',
  nslookup: 'bind9-dnsutils',
  openssl: 'openssl',
  ping: 'iputils-ping',
  python3: 'python3-minimal',
  strace: 'strace',
  sysctl: 'procps',
  umount: 'mount',
  unbound: 'unbound',
} as const;

export type Tool = keyof typeof PACKAGE_OF;

/** Debian's own folders only: a `python3` of a version manager is not the client that containers run. */
const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

const found = new Map<Tool, string>();

/** The absolute path of a program; throws with the Debian package to install when it is missing. */
export function toolPath(tool: Tool): string {
  const known = found.get(tool);
  if (known !== undefined) return known;
  for (const folder of FOLDERS) {
    const path = `${folder}/${tool}`;
    if (isExecutable(path)) {
      found.set(tool, path);
      return path;
    }
  }
  throw new Error(`the live lab needs ${tool}: install the Debian package ${PACKAGE_OF[tool]}`);
}

/** Every package the lab may ask for, sorted, without repeats. */
export function requiredPackages(): readonly string[] {
  return [...new Set(Object.values(PACKAGE_OF))].sort();
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
