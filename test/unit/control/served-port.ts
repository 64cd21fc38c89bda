/** A control API on a Unix socket in a folder of its own, with a fake port behind it, and verbs that are run against it. */
import { join } from 'node:path';
import { type ControlApi, openControlApi } from '../../../src/control/api.ts';
import { loadOrCreateToken } from '../../../src/control/token.ts';
import type { VerbIo } from '../../../src/verbs/verb.ts';
import { keepOpen } from '../../lab/kept-open.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';
import { FakeControlPort } from './fake-control-port.ts';

export interface ServedPort {
  /** Holds the token and the socket. */
  readonly folder: string;
  readonly token: string;
  readonly port: FakeControlPort;
  readonly api: ControlApi;
  /** Runs a verb against the API. */
  run(
    verb: { run(args: readonly string[], io: VerbIo): Promise<number> },
    ...args: readonly string[]
  ): Promise<{ code: number; out: string; err: string }>;
}

export async function serveFakePort(): Promise<ServedPort> {
  const folder = temporaryFolder();
  const made = loadOrCreateToken(folder, (count) => new Uint8Array(count).fill(7));
  if (made.kind === 'token-error') throw new Error(made.message);
  const { token } = made;
  const port = new FakeControlPort();
  const onError = (error: unknown) => {
    throw error;
  };
  const api = await openControlApi({ endpoint: { kind: 'unix', path: join(folder, 'sock') }, token, port, onError });
  if (api.kind === 'listen-error') throw new Error(api.message);
  keepOpen(api);
  return {
    folder,
    token,
    port,
    api,
    async run(verb, ...args) {
      const written = { out: '', err: '' };
      const io = {
        stdout: { write: (text: string) => (written.out += text) },
        stderr: { write: (text: string) => (written.err += text) },
        env: { HOME: folder, USER: 'ada' },
      };
      return { code: await verb.run([...args, '--control', api.address, '--state', folder], io), ...written };
    },
  };
}
