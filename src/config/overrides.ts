/**
 * What the command line changes in a config: the same checks as for the file, told with the option's name.
 */
import { isAbsolute } from 'node:path';
import type { Mode } from '../pipeline/ports.ts';
import { parseUpstreamUrl } from '../upstream/upstream-url.ts';
import type { Config } from './config.ts';
import type { ParsedConfig } from './parse-config.ts';
import { strictest } from './policy-section.ts';
import { Problems } from './problems.ts';
import { checkAddresses, checkLoops } from './upstreams-section.ts';
import { parseEndpoint } from './values.ts';

export interface Overrides {
  /** `ADDR:PORT`; empty or absent: as the config says. */
  readonly listen?: readonly string[];
  readonly upstreams?: readonly string[];
  readonly mode?: Mode;
  /** Absolute. */
  readonly state?: string;
}

/** A policy whose own mode is stricter than `mode` keeps it. */
export function applyOverrides(config: Config, overrides: Overrides): ParsedConfig {
  const problems = new Problems('command line', () => ({ line: 0, column: 0 }));
  const listen = (overrides.listen ?? []).flatMap((text) => problems.take(parseEndpoint(text), ['--listen']));
  const upstreams = (overrides.upstreams ?? []).flatMap((text) => {
    const read = parseUpstreamUrl(text);
    if (read.kind === 'ok') return [read.url];
    problems.add(['--upstream'], read.message);
    return [];
  });
  if (overrides.state !== undefined && !isAbsolute(overrides.state))
    problems.add(['--state'], `"${overrides.state}" must be an absolute path`);

  const changed: Config = {
    ...config,
    listen: { ...config.listen, dns: listen.length > 0 ? listen : config.listen.dns },
    upstreams: upstreams.length > 0 ? upstreams : config.upstreams,
    state: overrides.state ?? config.state,
    ...withMode(config, overrides.mode),
  };
  checkLoops(changed, problems, () => [upstreams.length > 0 ? '--upstream' : '--listen']);
  if (upstreams.length > 0) checkAddresses(changed, problems, () => ['--upstream']);
  return problems.errors.length > 0 ? { ok: false, errors: problems.errors } : { ok: true, config: changed, warnings: problems.warnings };
}

function withMode(config: Config, mode: Mode | undefined): Pick<Config, 'mode' | 'policies'> {
  if (mode === undefined) return { mode: config.mode, policies: config.policies };
  return { mode, policies: config.policies.map((policy) => ({ ...policy, mode: strictest(mode, policy.ownMode) })) };
}
