/** The parent's side of `plain-authority.ts`: starts it, asks for its counts, silences it, ends it. */
import { fork } from 'node:child_process';
import { join } from 'node:path';

export type ToAuthority = { readonly kind: 'counts' } | { readonly kind: 'silence'; readonly silent: boolean };

export interface AuthorityCounts {
  /** Questions answered. */
  readonly asked: number;
  /** Of these, below `popular.example`. */
  readonly popular: number;
}

export type FromAuthority = { readonly kind: 'open'; readonly port: number } | ({ readonly kind: 'counts' } & AuthorityCounts);

export interface AuthorityProcess {
  readonly url: string;
  counts(): Promise<AuthorityCounts>;
  /** While silent it takes questions and answers none. */
  silence(silent: boolean): void;
  close(): void;
}

/** Opens it on a free port of 127.0.0.1; rejects when it ends before. */
export async function startAuthorityProcess(): Promise<AuthorityProcess> {
  const child = fork(join(import.meta.dirname, 'plain-authority.ts'));
  const next = <Kind extends FromAuthority['kind']>(kind: Kind): Promise<Extract<FromAuthority, { kind: Kind }>> =>
    new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the authority ended'));
      const onMessage = (message: FromAuthority) => {
        if (message.kind !== kind) return;
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(message as Extract<FromAuthority, { kind: Kind }>);
      };
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  const tell = (message: ToAuthority): void => void child.send(message);
  const { port } = await next('open');
  return {
    url: `udp://127.0.0.1:${port}`,
    counts() {
      const counts = next('counts');
      tell({ kind: 'counts' });
      return counts;
    },
    silence: (silent) => tell({ kind: 'silence', silent }),
    close: () => void child.kill(),
  };
}
