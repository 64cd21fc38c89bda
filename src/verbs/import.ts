/**
 * `kennel import`: the config of another resolver as one of Kennel's, on stdout or in a new file, and on stderr what has no counterpart.
 * Only reads and writes files; what the formats mean is `import/`.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { importAdGuardHome } from '../import/adguardhome.ts';
import { importBlocky } from '../import/blocky.ts';
import type { ImportResult } from '../import/draft.ts';
import { importPihole, PIHOLE_FILES, PIHOLE_FOLDERS } from '../import/pihole.ts';
import { MAX_SOURCE_OCTETS } from '../import/source.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { parseVerb, type VerbIo, wrongUsage } from './verb.ts';

export const usage = `kennel import adguardhome|pihole|blocky FILE [--out NEW.yaml] [--json]

Turns the config of another resolver into one for Kennel, in observe mode, and tells what has no counterpart. Passwords and keys are
left out. Exit code 2 when the file is not of that resolver.

  adguardhome FILE   AdGuardHome.yaml
  blocky FILE        config.yml
  pihole FILE        pihole.toml, setupVars.conf, or the folder they are in (/etc/pihole, an unpacked teleporter archive)

  --out NEW.yaml     write the config there; a file that exists is not touched
  --json             print {config, notes} instead`;

type Read<T> = { readonly value: T } | { readonly problem: string };

const FROM_TEXT: Readonly<Record<string, (text: string) => ImportResult>> = { adguardhome: importAdGuardHome, blocky: importBlocky };

/** Runs the verb; returns the exit code. */
export async function run(args: readonly string[], io: VerbIo): Promise<number> {
  const parsed = parseVerb(args, { out: { type: 'string' }, json: { type: 'boolean', default: false } });
  if (parsed.kind === 'wrong') return wrongUsage(io, usage, parsed.message);
  const [format = '', path = '', ...more] = parsed.positionals;
  if (format !== 'pihole' && !Object.hasOwn(FROM_TEXT, format)) return wrongUsage(io, usage, 'import what? adguardhome, pihole or blocky');
  if (path === '' || more.length > 0) return wrongUsage(io, usage, 'import takes one file');
  const result = importFrom(format, path);
  if (result.kind === 'failed') {
    io.stderr.write(`${plainText(path)}: ${plainText(result.message)}\n`);
    return 2;
  }
  const { config, notes, yaml } = result;
  for (const note of notes) io.stderr.write(`${note.path === '' ? '' : `${note.path}: `}${note.message}\n`);
  const { out, json } = parsed.values;
  if (out !== undefined && !writeNew(out, yaml, io)) return 3;
  if (json) io.stdout.write(`${JSON.stringify({ config, notes }, null, 2)}\n`);
  else if (out === undefined) io.stdout.write(yaml);
  else io.stdout.write(`${plainText(out)}: written; try it with kennel serve --config ${plainText(out)}\n`);
  return 0;
}

function importFrom(format: string, path: string): ImportResult {
  if (format === 'pihole') {
    const files = readPiholeFiles(path);
    return 'problem' in files ? { kind: 'failed', message: files.problem } : importPihole(files.value);
  }
  const text = readText(path);
  if ('problem' in text) return { kind: 'failed', message: text.problem };
  return FROM_TEXT[format]?.(text.value) ?? { kind: 'failed', message: `no such format: ${format}` };
}

/** A folder's known files, or the one file. */
function readPiholeFiles(path: string): Read<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  if (!isFolder(path)) {
    const text = readText(path);
    if ('problem' in text) return text;
    return { value: files.set(basename(path), text.value) };
  }
  for (const name of [...PIHOLE_FILES, ...PIHOLE_FOLDERS.flatMap((folder) => confFiles(path, folder))]) {
    const text = readText(join(path, name));
    if ('value' in text) files.set(name, text.value);
    else if (statOf(join(path, name)) !== null) return text;
  }
  return { value: files };
}

/** More are in no folder of dnsmasq's. */
const MAX_CONF_FILES = 100;

function confFiles(path: string, folder: string): string[] {
  if (!isFolder(join(path, folder))) return [];
  const names = readdirSync(join(path, folder)).filter((name) => name.endsWith('.conf') && !PIHOLE_FILES.includes(name));
  return names
    .sort()
    .slice(0, MAX_CONF_FILES)
    .map((name) => join(folder, name));
}

function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() === true;
}

function statOf(path: string): ReturnType<typeof statSync> | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

function readText(path: string): Read<string> {
  try {
    const status = statSync(path);
    if (!status.isFile()) return { problem: 'is no regular file' };
    if (status.size > MAX_SOURCE_OCTETS) return { problem: `is larger than ${MAX_SOURCE_OCTETS >> 20} MB` };
    return { value: readFileSync(path, 'utf8') };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function writeNew(path: string, text: string, io: VerbIo): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
    return true;
  } catch (error) {
    io.stderr.write(`${plainText(path)} is not written: ${plainText(error instanceof Error ? error.message : String(error))}\n`);
    return false;
  }
}
