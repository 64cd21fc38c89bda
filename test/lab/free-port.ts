/** Ports for servers of the lab that listen on loopback. */
import { createServer } from 'node:net';

/** A TCP port of 127.0.0.1 that nothing listens on now. Another process may take it before its user does. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
