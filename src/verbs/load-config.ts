/**
 * From a config file or none, the system's resolv.conf and the command line to one checked config: for the verbs that need it.
 * What keys mean is `config/`; this file only reads files, interfaces and environment on their behalf.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { expandListenAddresses } from '../config/listen-addresses.ts';
import { applyOverrides } from '../config/overrides.ts';
import { defaultConfig, type ParsedConfig, parseConfig, type SystemFacts } from '../config/parse-config.ts';
import { configErrorText, Problems } from '../config/problems.ts';
import { parseResolvConf } from '../config/resolv-conf.ts';
import { checkLoops } from '../config/upstreams-section.ts';
import { parseControlEndpoint } from '../config/values.ts';
import { readSecret } from '../secrets/read-secret.ts';
import { defaultStateFolder } from './default-state-folder.ts';

export interface ConfigSources {
  /** Path of the file; null: no file. */
  readonly config: string | null;
  /** What the command line says instead; absent or empty: as the file says. */
  readonly listen?: readonly string[];
  readonly upstreams?: readonly string[];
  readonly mode?: string | null;
  readonly state?: string | null;
  readonly control?: string | null;
}

export type LoadedConfig =
  | { readonly kind: 'loaded'; readonly config: Config; readonly warnings: readonly string[] }
  /** One line for every error, with file, line and path. */
  | { readonly kind: 'failed'; readonly messages: readonly string[] };

const RESOLV_CONF = '/etc/resolv.conf';

/** The config in effect, listen addresses expanded and checked against the machine's own. */
export function loadConfig(sources: ConfigSources, env: Readonly<Record<string, string | undefined>>): LoadedConfig {
  const { mode = null } = sources;
  if (mode !== null && mode !== 'observe' && mode !== 'enforce') return failed(`--mode: "${mode}" is neither observe nor enforce`);
  const facts = systemFacts(sources, env);
  const parsed = sources.config === null ? defaultConfig(facts) : readConfigFile(sources.config, facts);
  if (typeof parsed === 'string') return failed(parsed);
  if (!parsed.ok) return { kind: 'failed', messages: parsed.errors.map(configErrorText) };

  const overridden = applyOverrides(parsed.config, {
    listen: sources.listen ?? [],
    upstreams: sources.upstreams ?? [],
    ...(mode === null ? {} : { mode }),
    ...(sources.state == null ? {} : { state: resolve(sources.state) }),
  });
  if (!overridden.ok) return { kind: 'failed', messages: overridden.errors.map(configErrorText) };

  const control = sources.control == null ? { value: overridden.config.listen.control } : parseControlEndpoint(sources.control);
  if ('problem' in control) return failed(`--control: ${control.problem}`);
  const dns = expandListenAddresses(overridden.config.listen.dns, networkInterfaces());
  const config: Config = { ...overridden.config, listen: { dns, control: control.value } };

  // Again, now that a wildcard has become the machine's addresses: an upstream may be one of them.
  const loops = new Problems(sources.config ?? 'command line', () => ({ line: 0, column: 0 }));
  checkLoops(config, loops, () => []);
  if (loops.errors.length > 0) return { kind: 'failed', messages: loops.errors.map(configErrorText) };
  return { kind: 'loaded', config, warnings: [...parsed.warnings, ...overridden.warnings].map(configErrorText) };
}

function systemFacts(sources: ConfigSources, env: Readonly<Record<string, string | undefined>>): SystemFacts {
  const text = readText(RESOLV_CONF);
  const resolvConf = 'problem' in text ? null : parseResolvConf(text.value);
  // Upstreams from the command line take the place of the system's, so that a machine without any can start.
  const replaced = (sources.upstreams ?? []).length > 0 && (resolvConf === null || resolvConf.nameservers.length === 0);
  const nameservers = replaced ? [PLACEHOLDER] : (resolvConf?.nameservers ?? []);
  return {
    resolvConf: resolvConf === null && !replaced ? null : { search: resolvConf?.search ?? [], nameservers },
    stateFolder: defaultStateFolder(env),
    readSecret,
  };
}

/** TEST-NET-1 (RFC 5737): stands for upstreams that the command line names, and is never asked. */
const PLACEHOLDER = '192.0.2.1';

function readConfigFile(path: string, facts: SystemFacts): ParsedConfig | string {
  const text = readText(path);
  return 'problem' in text ? `${path}: ${text.problem}` : parseConfig(text.value, path, facts);
}

function readText(path: string): { readonly value: string } | { readonly problem: string } {
  try {
    return { value: readFileSync(path, 'utf8') };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function failed(message: string): LoadedConfig {
  return { kind: 'failed', messages: [message] };
}
