/**
 * The positive control: Debian's Unbound as a forwarder in the resolver's place, with no detection of any kind.
 * What works through it and not through Kennel was stopped by Kennel.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INTERNET_ADDRESS, type Lab, RESOLVER_ADDRESS, RESOLVER_ADDRESS_V6 } from './namespaces.ts';
import { eventually } from './processes.ts';
import { toolPath } from './required-tools.ts';

/** Starts Unbound on the resolver's port 53 and waits until it answers; the result stops it. */
export async function startPlainResolver(lab: Lab): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'kennel-lab-unbound-'));
  writeFileSync(join(folder, 'unbound.conf'), configuration(folder));
  const unbound = lab.start('resolver', [toolPath('unbound'), '-d', '-p', '-c', join(folder, 'unbound.conf')]);
  const answers = await eventually(() => answersFrom(lab, 'resolver'), 10_000);
  if (!answers) throw new Error(`Unbound does not answer:\n${unbound.stderr()}`);
  return async () => {
    await unbound.kill();
    rmSync(folder, { recursive: true, force: true });
  };
}

/** Whether the resolver's address answers an ordinary name with NOERROR, asked from `place`. */
export async function answersFrom(lab: Lab, place: 'client-a' | 'client-b' | 'resolver'): Promise<boolean> {
  const dig = [toolPath('dig'), '+tries=1', '+time=1', `@${RESOLVER_ADDRESS}`, 'ready.example', 'A'];
  return (await lab.run(place, dig)).stdout.includes('status: NOERROR');
}

function configuration(folder: string): string {
  return `server:
  directory: "${folder}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  interface: ${RESOLVER_ADDRESS}
  interface: ${RESOLVER_ADDRESS_V6}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  module-config: "iterator"
  num-threads: 1
  # Minimised names would reach the tunnel server label by label and break it: nothing would arrive for the wrong reason.
  qname-minimisation: no
  # Tunnels answer late on purpose (they hold a query until there is something to say).
  outbound-msg-retry: 10
forward-zone:
  name: "."
  forward-addr: ${INTERNET_ADDRESS}
`;
}
