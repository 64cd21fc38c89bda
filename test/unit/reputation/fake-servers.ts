/** RDAP and WHOIS servers on loopback that answer, misbehave and remember what they were asked. */
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface FakeServer {
  readonly port: number;
  readonly asked: string[];
}

/** `answer` gets each request; its path is in `asked`. */
export async function fakeRdap(answer: (response: ServerResponse, request: IncomingMessage) => void): Promise<FakeServer> {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url ?? '');
    answer(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

/** `answer` gets each connection once its question line has come; the line is in `asked`. */
export async function fakeWhois(answer: (socket: Socket) => void): Promise<FakeServer> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // A client that gives up resets the connection: expected here, and the end of it.
    socket.on('error', () => socket.destroy());
    socket.once('data', (line) => {
      asked.push(line.toString());
      answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

/** Writes a piece every few milliseconds until the other side has had enough. */
export function drip(target: { write(text: string): unknown; on(event: 'close', listener: () => void): unknown }, piece = ' '): void {
  const timer = setInterval(() => target.write(piece), 5);
  target.on('close', () => clearInterval(timer));
}

/** For clients that are given an address and must not resolve anything. */
export function resolveNothing(host: string): Promise<string | null> {
  throw new Error(`resolved ${host}`);
}
