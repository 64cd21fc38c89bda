/** A config for a resolver that meets nobody else on this machine: a loopback address and a control socket of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes it into `folder`, where the state goes too (`folder/state`), and returns its path. `more`: further lines of YAML. */
export function writeServeConfig(folder: string, address: string, ...more: readonly string[]): string {
  const file = join(folder, 'kennel.yaml');
  writeFileSync(
    file,
    [
      'mode: observe',
      `listen: { dns: ["${address}:5300"], control: "unix:${join(folder, 'control.sock')}" }`,
      `state: ${join(folder, 'state')}`,
      'upstreams: ["udp://127.153.0.2:53"]',
      ...more,
      '',
    ].join('\n'),
  );
  return file;
}
