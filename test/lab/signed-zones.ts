/**
 * The zones of the differential tests, made ready to be served: written, filled up with large RRsets, signed with the ldns tools,
 * and one signed record falsified. Serving them is `loopback-servers.ts`.
 */
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './processes.ts';
import { toolPath } from './required-tools.ts';

const SOURCES = join(import.meta.dirname, '../differential/zones');

export interface LocalZone {
  /** Without the final dot. */
  readonly name: string;
  /** Absolute path of the zone file to serve. */
  readonly file: string;
}

export interface LocalZones {
  readonly all: readonly LocalZone[];
  /** A file with the DNSKEY of `example`, from which a chain of trust leads to the signed zones. */
  readonly trustAnchorFile: string;
  /** The same as a `trust-anchors` statement of BIND's tools. */
  readonly bindAnchorFile: string;
  remove(): void;
}

/** Writes all zones into a temporary folder. `largeRRsets` are records in presentation form for `zone.example`. */
export async function prepareZones(largeRRsets: readonly string[]): Promise<LocalZones> {
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-zones-'));
  const zone = (name: string): string => {
    const file = join(folder, `${name}.zone`);
    copyFileSync(join(SOURCES, `${name}.zone`), file);
    return file;
  };
  const plain = ['zone.example', 'unsigned.signed.example'].map((name) => ({ name, file: zone(name) }));
  appendFileSync(join(folder, 'zone.example.zone'), `${largeRRsets.join('\n')}\n`);

  const signed = await sign(folder, 'signed.example', zone('signed.example'), []);
  falsify(signed.file, '203.0.113.99', '203.0.113.66');
  const nsec3 = await sign(folder, 'nsec3.example', zone('nsec3.example'), ['-n']);
  const parentFile = zone('example');
  for (const child of [signed, nsec3]) appendFileSync(parentFile, readFileSync(`${child.key}.ds`));
  const parent = await sign(folder, 'example', parentFile, []);
  const trustAnchorFile = `${parent.key}.key`;
  const bindAnchorFile = join(folder, 'anchor.conf');
  writeFileSync(bindAnchorFile, bindAnchor(readFileSync(trustAnchorFile, 'utf8')));
  return {
    all: [parent, signed, nsec3, ...plain].map(({ name, file }) => ({ name, file })),
    trustAnchorFile,
    bindAnchorFile,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Signs a zone with one new key and gives the signed file and the key's path without suffix. */
async function sign(folder: string, name: string, file: string, options: readonly string[]): Promise<LocalZone & { key: string }> {
  const keygen = [toolPath('ldns-keygen'), '-a', 'ECDSAP256SHA256', '-k', name];
  const key = join(folder, (await runIn(folder, keygen)).trim());
  const signedFile = `${file}.signed`;
  await runIn(folder, [toolPath('ldns-signzone'), ...options, '-f', signedFile, file, key]);
  return { name, file: signedFile, key };
}

async function runIn(folder: string, argv: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(['/bin/sh', '-c', 'cd "$0" && exec "$@"', folder, ...argv]);
  if (status !== 0) throw new Error(`${argv.join(' ')} failed: ${stderr}`);
  return stdout;
}

/** Changes data behind its signature's back. */
function falsify(file: string, signed: string, instead: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(signed)) throw new Error(`${file} does not hold ${signed}`);
  writeFileSync(file, text.replace(signed, instead));
}

/** `NAME. IN DNSKEY FLAGS PROTOCOL ALGORITHM KEY` in BIND's words. */
function bindAnchor(dnskey: string): string {
  const found = /^(\S+)\s+IN\s+DNSKEY\s+(\d+) (\d+) (\d+) (\S+)/m.exec(dnskey);
  if (found === null) throw new Error(`not a DNSKEY: ${dnskey}`);
  const [, name, flags, protocol, algorithm, key] = found;
  return `trust-anchors { "${name}" static-key ${flags} ${protocol} ${algorithm} "${key}"; };\n`;
}
