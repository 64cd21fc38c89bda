/**
 * Where the control API and its token are: by the options, else by the config file, else where a Kennel without config has them.
 * Reads only these two keys of a config file; whether the rest is right is for the server to say.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ControlEndpoint } from '../config/config.ts';
import { controlText, DEFAULT_CONTROL, parseControlEndpoint } from '../config/values.ts';
import { tokenPath } from '../control/token.ts';
import { defaultStateFolder } from './default-state-folder.ts';

export interface LocateOptions {
  readonly control?: string | undefined;
  readonly 'token-file'?: string | undefined;
  readonly state?: string | undefined;
  readonly config?: string | undefined;
}

export type Located =
  | { readonly kind: 'located'; readonly endpoint: ControlEndpoint; readonly address: string; readonly tokenFile: string }
  | { readonly kind: 'invalid'; readonly message: string };

export async function locate(options: LocateOptions, env: Readonly<Record<string, string | undefined>>): Promise<Located> {
  const file = options.config === undefined ? {} : await readConfigFile(options.config);
  if (typeof file === 'string') return { kind: 'invalid', message: file };
  const written = options.control ?? file.control;
  const endpoint = written === undefined ? { value: DEFAULT_CONTROL } : parseControlEndpoint(written);
  if ('problem' in endpoint) return { kind: 'invalid', message: `control address ${endpoint.problem}` };
  const stateFolder = resolve(options.state ?? file.state ?? defaultStateFolder(env));
  return {
    kind: 'located',
    endpoint: endpoint.value,
    address: controlText(endpoint.value),
    tokenFile: options['token-file'] ?? tokenPath(stateFolder),
  };
}

/** `listen.control` and `state` of a config file, or what is wrong with it. The YAML reader is loaded only here. */
async function readConfigFile(path: string): Promise<{ readonly control?: string; readonly state?: string } | string> {
  const { readYaml } = await import('../config/yaml-source.ts');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return `cannot read the config: ${error instanceof Error ? error.message : String(error)}`;
  }
  const yaml = readYaml(text);
  if ('problems' in yaml) {
    const [first] = yaml.problems;
    return `${path}:${first?.line ?? 1}: ${first?.message ?? 'not YAML'}`;
  }
  const control = textAt(yaml.source.value, ['listen', 'control']);
  const state = textAt(yaml.source.value, ['state']);
  return { ...(control === null ? {} : { control }), ...(state === null ? {} : { state }) };
}

function textAt(value: unknown, path: readonly string[]): string | null {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return null;
    at = Reflect.get(at, key);
  }
  return typeof at === 'string' ? at : null;
}
