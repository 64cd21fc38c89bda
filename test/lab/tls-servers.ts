/**
 * Encrypted DNS servers for tests, with the certificates of `fixtures/tls`: DNS over TLS and HTTPS as fronts of a stub authority's TCP,
 * and HTTP/2 with a handler that may do anything. A tap stands before either and keeps every octet that clients sent.
 */
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';

function fixture(file: string): string {
  return readFileSync(join(import.meta.dirname, '../../fixtures/tls', file), 'utf8');
}

/** The authority that signed the certificates. */
export const TEST_CA: string = fixture('ca.pem');

export type Certificate = 'good' | 'expired' | 'nameless';

/** What a TLS server needs to show a certificate. */
export function identity(certificate: Certificate): { readonly cert: string; readonly key: string } {
  return { cert: fixture(`${certificate}.pem`), key: fixture('server.key') };
}

export interface TlsServer {
  readonly port: number;
  /** Handshakes that succeeded, and those of them that resumed a session. */
  readonly handshakes: number;
  readonly resumed: number;
  /** Connections open now. */
  readonly open: number;
  close(): Promise<void>;
}

/** Speaks TLS and hands what is inside to a TCP port on this machine. */
export function startTlsFront(targetPort: number, options: tls.TlsOptions = identity('good')): Promise<TlsServer> {
  const server = tls.createServer(options, (client) => {
    const inside = net.connect(targetPort, '127.0.0.1');
    client.pipe(inside).pipe(client);
    // Either side may reset at any time; the other then goes as well.
    client.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    inside.on('error', () => client.destroy()).on('close', () => client.destroySoon());
  });
  return listening(server);
}

export type HttpsHandler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, body: Buffer) => void;

export interface HttpsServer extends TlsServer {
  handle: HttpsHandler;
  readonly sessions: ReadonlySet<http2.ServerHttp2Session>;
}

export async function startHttps(handle: HttpsHandler, options: http2.SecureServerOptions = {}): Promise<HttpsServer> {
  const server = http2.createSecureServer({ ...identity('good'), ...options });
  const state = { handle };
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session)).on('error', () => session.destroy());
  });
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => stream.destroy());
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => state.handle(stream, headers, Buffer.concat(chunks)));
  });
  const listener = await listening(server);
  return {
    port: listener.port,
    sessions,
    get handle() {
      return state.handle;
    },
    set handle(changed) {
      state.handle = changed;
    },
    get handshakes() {
      return listener.handshakes;
    },
    get resumed() {
      return listener.resumed;
    },
    get open() {
      return listener.open;
    },
    close: () => listener.close(),
  };
}

/** Speaks HTTPS and asks a TCP port on this machine what is in the requests. A connection that it closes without an answer ends the stream. */
export function startHttpsFront(targetPort: number): Promise<HttpsServer> {
  return startHttps((stream, _headers, body) => {
    const inside = net.connect(targetPort, '127.0.0.1');
    const chunks: Buffer[] = [];
    inside.on('data', (chunk: Buffer) => {
      const all = Buffer.concat([...chunks.splice(0), chunk]);
      chunks.push(all);
      if (all.length < 2 || all.length < 2 + all.readUInt16BE(0) || stream.headersSent) return;
      stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
      stream.end(all.subarray(2, 2 + all.readUInt16BE(0)));
      inside.end();
    });
    inside.on('error', () => inside.destroy());
    inside.on('close', () => stream.headersSent || stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
    stream.on('close', () => inside.destroy());
    inside.write(Buffer.concat([Buffer.from([body.length >> 8, body.length & 255]), body]));
  });
}

/** The usual answer to an HTTP request that holds a query. */
export const answerOverHttps: HttpsHandler = (stream, _headers, body) => {
  stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
  stream.end(answerTo(body));
};

/** The query's ID and question, and one A record, 192.0.2.80 for 300 s. */
export function answerTo(query: Buffer): Buffer {
  let end = 12;
  while ((query[end] ?? 0) !== 0) end += 1 + (query[end] ?? 0);
  const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 80]);
  return Buffer.concat([head, query.subarray(12, end + 5), record]);
}

export interface Tap {
  readonly port: number;
  /** Everything that clients sent, all connections together. */
  received(): Buffer;
  /** The same, connection by connection. */
  receivedEach(): Buffer[];
  readonly connections: number;
  close(): Promise<void>;
}

/** Passes TCP connections on to a port on this machine; `null`: accepts them and says nothing. */
export async function startTap(targetPort: number | null): Promise<Tap> {
  const streams: Buffer[][] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const chunks: Buffer[] = [];
    streams.push(chunks);
    sockets.add(client);
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.on('close', () => sockets.delete(client));
    if (targetPort === null) {
      client.on('error', () => client.destroy());
      return;
    }
    const target = net.connect(targetPort, '127.0.0.1');
    client.pipe(target).pipe(client);
    client.on('error', () => target.destroy()).on('close', () => target.destroy());
    target.on('error', () => client.destroy()).on('close', () => client.destroySoon());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received: () => Buffer.concat(streams.flat()),
    receivedEach: () => streams.map((chunks) => Buffer.concat(chunks)),
    get connections() {
      return streams.length;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function listening(server: tls.Server): Promise<TlsServer> {
  const sockets = new Set<net.Socket>();
  let handshakes = 0;
  let resumed = 0;
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket) => {
    handshakes++;
    if (socket.isSessionReused()) resumed++;
  });
  // A client that refuses the certificate says so by an alert.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get handshakes() {
      return handshakes;
    },
    get resumed() {
      return resumed;
    },
    get open() {
      return sockets.size;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
