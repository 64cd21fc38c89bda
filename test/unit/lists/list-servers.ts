/**
 * HTTP servers on loopback that hand out lists, well or badly, and the look-up that leads to them.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { identity } from '../../lab/tls-servers.ts';

export interface ListServer {
  readonly port: number;
  /** With a name for a host, so that the look-up is asked. */
  url(path: string): string;
  /** What was asked, in order. */
  readonly requests: IncomingMessage[];
  close(): Promise<void>;
}

export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

export async function startListServer(answer: Answering): Promise<ListServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  return listening(server, 'http://lists.example', requests);
}

/** With the certificate of `dns.test`. */
export async function startTlsListServer(answer: Answering): Promise<ListServer> {
  const requests: IncomingMessage[] = [];
  const server = createTlsServer(identity('good'), (request, response) => {
    requests.push(request);
    answer(request, response);
  });
  return listening(server, 'https://dns.test', requests);
}

async function listening(server: Server, origin: string, requests: IncomingMessage[]): Promise<ListServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    requests,
    url: (path) => `${origin}:${port}${path}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Every name is on this machine. */
export const ON_THIS_MACHINE = async (): Promise<string> => '127.0.0.1';
