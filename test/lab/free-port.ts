/** Ports for servers of the lab that listen on loopback. */
import dgram from 'node:dgram';
import { createServer, type Server } from 'node:net';

/** A port of 127.0.0.1 that nothing listens on now, neither over TCP nor over UDP. Another process may take it before its user does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = await listening();
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const isFree = await isFreeOverUdp(port);
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}

function listening(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function isFreeOverUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4').once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
