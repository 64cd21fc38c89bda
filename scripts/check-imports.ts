/**
 * Checks who may import whom, by the table below; ARCHITECTURE.md says why. Biome's `noRestrictedImports` sees only the
 * specifier as written, so an allowlist per folder needs paths resolved: that is all this script does.
 * Import cycles are Biome's to find.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Functions of built-in modules that only compute: allowed where the module itself, which opens sockets or files, is not. */
const PURE_BUILTINS = ['node:net#isIP', 'node:net#isIPv4', 'node:net#isIPv6', 'node:url#domainToASCII'];

/**
 * A file or folder, and what it may import besides itself: project paths, `npm:NAME`, `node:NAME`, or `node:NAME#export`.
 * `node:*` is every built-in module. The longest path that holds a file is its rule.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  scoring: [],
  'src/wire': PURE_BUILTINS,
  'src/policy': [
    'scoring',
    'src/wire',
    'src/pipeline/ports.ts',
    'src/config/config.ts',
    'src/upstream/upstream-url.ts',
    'npm:tldts',
    ...PURE_BUILTINS,
  ],
  'src/policy/popular-domains.ts': ['src/policy', 'node:zlib'],
  'src/policy/shipped-file.ts': ['scoring', 'node:crypto', 'node:fs'],
  'src/session': ['scoring', 'src/wire', 'src/pipeline/ports.ts', 'npm:ipaddr.js'],
  'src/quarantine': ['scoring', 'src/wire', 'src/pipeline/ports.ts'],
  'src/cache': ['scoring', 'src/wire', 'src/pipeline/ports.ts'],
  'src/secrets': ['scoring', 'node:fs', 'node:path'],
  'src/pipeline': ['scoring', 'src/wire', 'src/policy', 'src/session', 'src/quarantine', 'src/cache'],
  'src/listener': ['src/wire', 'src/pipeline/ports.ts', 'node:dgram', 'node:net'],
  'src/lists': [
    'src/wire',
    'src/policy',
    'src/config/config.ts',
    'src/pipeline/ports.ts',
    'node:crypto',
    'node:fs',
    'node:path',
    'node:worker_threads',
    'node:zlib',
    ...PURE_BUILTINS,
  ],
  'src/lists/fetch-list.ts': ['src/outbound', 'node:http', 'node:https', 'node:net', 'node:stream', 'node:zlib'],
  'src/outbound': ['src/policy/aliases.ts', 'npm:ipaddr.js', 'node:net'],
  'src/upstream': [
    'src/wire',
    'src/pipeline/ports.ts',
    'src/pipeline/permit.ts',
    'npm:ipaddr.js',
    'node:crypto',
    'node:dgram',
    'node:http2',
    'node:net',
    'node:tls',
  ],
  'src/reputation': [
    'src/wire',
    'src/outbound',
    'src/pipeline/ports.ts',
    'npm:tldts',
    'npm:whoiser',
    'node:http',
    'node:https',
    'node:net',
  ],
  'src/storage': ['src/wire', 'src/pipeline/ports.ts', 'npm:better-sqlite3', 'node:fs', 'node:path', 'node:worker_threads'],
  'src/telemetry': ['src/wire', 'src/pipeline/ports.ts', 'npm:pino', 'npm:prom-client'],
  'src/config': [
    'scoring',
    'src/wire',
    'src/policy',
    'src/pipeline/ports.ts',
    'src/upstream/upstream-url.ts',
    'npm:zod',
    'npm:yaml',
    'node:crypto',
    'node:os',
    'node:path',
  ],
  'src/control': [
    'src/config',
    'src/policy/address-set.ts',
    'src/pipeline/ports.ts',
    'npm:fastify',
    'node:crypto',
    'node:fs',
    'node:http',
    'node:net',
    'node:path',
  ],
  'src/replay': [
    'scoring',
    'src/wire',
    'src/policy',
    'src/session',
    'src/quarantine',
    'src/cache',
    'src/pipeline',
    'src/config/config.ts',
    'node:fs',
    'node:zlib',
    'node:stream',
  ],
  'src/import': [
    'src/wire',
    'src/policy',
    'src/config',
    'src/upstream/upstream-url.ts',
    'src/telemetry/plain-text.ts',
    'npm:yaml',
    'npm:smol-toml',
    'npm:zod',
  ],
  'src/verbs': ['scoring', 'src', 'npm:dns-packet', 'node:*'],
  'src/assembly': ['scoring', 'src', 'npm:pino', 'node:*'],
  'src/kennel.ts': ['scoring', 'src', 'npm:pino', 'node:*'],
  'src/kennel-control.ts': ['scoring', 'src'],
  'src/version.ts': ['node:fs'],
  'src/main.ts': ['src'],
};

/** Files that nobody may import, whatever the table says. */
const ENTRY_POINTS = ['src/main.ts'];

const STATIC_IMPORT = /\b(?:import|export)\b(?<clause>[^'"`;()]*?)\bfrom\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/g;
const BARE_OR_DYNAMIC_IMPORT = /\bimport\s*\(?\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/g;

interface Violation {
  readonly file: string;
  readonly imports: string;
  readonly reason: string;
}

/** Every import below `root` that the table does not allow. Paths are relative to `root`, with `/`. */
export function findViolations(root: string): Violation[] {
  return globSync(['src/**/*.ts', 'scoring/**/*.ts', 'test/**/*.ts'], { cwd: root })
    .sort()
    .flatMap((file) => violationsIn(root, file.replaceAll('\\', '/')));
}

function violationsIn(root: string, file: string): Violation[] {
  const found: Violation[] = [];
  const source = readFileSync(join(root, file), 'utf8');
  for (const match of [...source.matchAll(STATIC_IMPORT), ...source.matchAll(BARE_OR_DYNAMIC_IMPORT)]) {
    for (const imports of targetsOf(root, file, match.groups?.['specifier'] ?? '', match.groups?.['clause'] ?? '')) {
      const reason = objection(file, imports);
      if (reason !== null) found.push({ file, imports, reason });
    }
  }
  return found;
}

/** What an import means, in the table's terms. A package's subpath counts as the package; named built-ins count one by one. */
function targetsOf(root: string, file: string, specifier: string, clause: string): string[] {
  if (specifier.startsWith('.')) return [relative(root, resolve(root, dirname(file), specifier)).replaceAll('\\', '/')];
  if (!specifier.startsWith('node:')) return [`npm:${specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')}`];
  if (!/^\s*(?:type\s*)?\{/.test(clause)) return [specifier];
  return [...clause.matchAll(/[{,]\s*(?:type\s+)?(\w+)/g)].map((name) => `${specifier}#${name[1]}`);
}

function objection(file: string, imports: string): string | null {
  if (ENTRY_POINTS.includes(imports)) return 'nobody imports an entry point';
  if (file.startsWith('test/')) return null;
  const unit = Object.keys(MAY_IMPORT)
    .filter((path) => isWithin(file, path))
    .sort((a, b) => b.length - a.length)[0];
  if (unit === undefined) return 'the table in scripts/check-imports.ts has no rule for this file';
  const allowed = [unit, ...(MAY_IMPORT[unit] ?? [])];
  return allowed.some((entry) => isWithin(imports, entry)) ? null : `${unit} may import ${allowed.join(', ')}`;
}

function isWithin(path: string, entry: string): boolean {
  if (entry === 'node:*') return path.startsWith('node:');
  return path === entry || path.startsWith(`${entry}/`) || path.startsWith(`${entry}#`);
}

if (import.meta.main) {
  const violations = findViolations(resolve(import.meta.dirname, '..'));
  for (const { file, imports, reason } of violations) process.stderr.write(`${file} imports ${imports}: ${reason}\n`);
  if (violations.length > 0) process.exitCode = 1;
}
