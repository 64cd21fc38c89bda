/** Fetching a list from servers that do all they should not. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { type FetchedList, type FetchSurroundings, fetchList, type Validators } from '../../../src/lists/fetch-list.ts';
import { TEST_CA } from '../../lab/tls-servers.ts';
import { type Answering, type ListServer, ON_THIS_MACHINE, startListServer, startTlsListServer } from './list-servers.ts';

const LIST = 'ads.example\ntracker.example\n';
const QUICK = { headMs: 300, idleMs: 150, totalMs: 600 };

let servers: ListServer[] = [];

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

async function serving(answer: Answering): Promise<ListServer> {
  const server = await startListServer(answer);
  servers.push(server);
  return server;
}

interface Fetching extends Partial<FetchSurroundings> {
  readonly validators?: Validators;
  readonly maxOctets?: number;
}

function fetching(url: string, { validators, maxOctets, ...surroundings }: Fetching = {}): Promise<FetchedList> {
  const request = { url, validators: validators ?? null, maxOctets: maxOctets ?? 1024 * 1024 };
  return fetchList(request, { resolveAddress: ON_THIS_MACHINE, mayLeadInside: () => true, limits: QUICK, ...surroundings });
}

async function fetchFrom(answer: Answering, options: Fetching = {}): Promise<FetchedList> {
  const server = await serving(answer);
  return fetching(server.url('/list.txt'), options);
}

function failureOf(fetched: FetchedList): string {
  return fetched.kind === 'failed' ? fetched.failure : fetched.kind;
}

describe('a list that is there', () => {
  test.each([
    ['as it is', undefined, (text: string) => Buffer.from(text)],
    ['gzip', 'gzip', gzipSync],
    ['deflate', 'deflate', deflateSync],
    ['brotli', 'br', brotliCompressSync],
  ])('is read %s', async (_name, coding, pack) => {
    const fetched = await fetchFrom((_request, response) => {
      if (coding !== undefined) response.setHeader('content-encoding', coding);
      response.end(pack(LIST));
    });
    expect(fetched.kind === 'fetched' && fetched.octets.toString()).toBe(LIST);
  });

  test('is asked for by name, with the same words from every Kennel and no cookie', async () => {
    const server = await serving((_request, response) => response.end(LIST));
    await fetching(server.url('/list.txt'));
    expect(server.requests[0]?.headers).toEqual({
      host: `lists.example:${server.port}`,
      'user-agent': 'kennel',
      accept: 'text/plain, */*;q=0.5',
      'accept-encoding': 'gzip, deflate, br',
      connection: 'close',
    });
  });

  test('is not sent twice: its ETag and date are told again', async () => {
    const validators = { etag: '"v1"', lastModified: 'Tue, 06 Jan 2026 12:00:00 GMT' };
    const answer: Answering = (request, response) => {
      response.setHeader('etag', validators.etag);
      response.setHeader('last-modified', validators.lastModified);
      response.statusCode = request.headers['if-none-match'] === '"v1"' && request.headers['if-modified-since'] !== undefined ? 304 : 200;
      response.end(response.statusCode === 304 ? undefined : LIST);
    };
    const first = await fetchFrom(answer);
    expect(first.kind === 'fetched' && first.validators).toEqual(validators);
    expect(await fetchFrom(answer, { validators })).toEqual({ kind: 'not-modified' });
  });

  test('is followed over a few redirects', async () => {
    const server = await serving((request, response) => {
      if (request.url === '/list.txt') response.writeHead(302, { location: '/moved' }).end();
      else response.end(LIST);
    });
    expect((await fetching(server.url('/list.txt'))).kind).toBe('fetched');
  });
});

describe('what fails', () => {
  test.each([404, 500, 204, 206, 304])('status %i', async (status) => {
    expect(await fetchFrom((_request, response) => response.writeHead(status).end())).toEqual({
      kind: 'failed',
      failure: 'status',
      detail: `HTTP ${status}`,
    });
  });

  test('a web page with status 200', async () => {
    const fetched = await fetchFrom((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>log in</html>'),
    );
    expect(failureOf(fetched)).toBe('not-a-list');
  });

  test('more than the list may have, announced or not', async () => {
    const big = Buffer.alloc(200_000, 'a');
    expect(failureOf(await fetchFrom((_request, response) => response.end(big), { maxOctets: 100_000 }))).toBe('too-large');
    const unannounced: Answering = (_request, response) => {
      response.write(big);
      response.end();
    };
    expect(failureOf(await fetchFrom(unannounced, { maxOctets: 100_000 }))).toBe('too-large');
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('a bomb in %s stops at the cap', async (coding, pack) => {
    const bomb = pack(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    const before = process.memoryUsage().arrayBuffers;
    const fetched = await fetchFrom((_request, response) => response.writeHead(200, { 'content-encoding': coding }).end(bomb), {
      maxOctets: 1024 * 1024,
      limits: { ...QUICK, totalMs: 5_000 },
    });
    expect(failureOf(fetched)).toBe('too-large');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  });

  test('packing that was not offered, or twice', async () => {
    for (const coding of ['zstd', 'gzip, gzip']) {
      const fetched = await fetchFrom((_request, response) => response.writeHead(200, { 'content-encoding': coding }).end('x'));
      expect(failureOf(fetched)).toBe('damaged');
    }
  });

  test('a body that ends early, plain or packed', async () => {
    const short: Answering = (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('ads.example\n', () => response.destroy());
    };
    expect(failureOf(await fetchFrom(short))).toBe('damaged');
    const packed = gzipSync(LIST.repeat(100)).subarray(0, 30);
    const shortGzip: Answering = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    expect(failureOf(await fetchFrom(shortGzip))).toBe('damaged');
  });

  test('a server that never answers, one that stops, and one that sends an octet now and then', async () => {
    expect(failureOf(await fetchFrom(() => undefined, { limits: { headMs: 50, idleMs: 5_000, totalMs: 5_000 } }))).toBe('timeout');
    const stops: Answering = (_request, response) => void response.write('a');
    expect(failureOf(await fetchFrom(stops, { limits: { headMs: 5_000, idleMs: 50, totalMs: 5_000 } }))).toBe('timeout');
    const drips: Answering = (_request, response) => {
      const drip = setInterval(() => response.write('a'), 10);
      response.on('close', () => clearInterval(drip));
    };
    expect(failureOf(await fetchFrom(drips, { limits: { headMs: 5_000, idleMs: 5_000, totalMs: 150 } }))).toBe('timeout');
  });

  test('a redirect that comes back to itself', async () => {
    const server = await serving((_request, response) => response.writeHead(302, { location: '/list.txt' }).end());
    expect(failureOf(await fetching(server.url('/list.txt')))).toBe('redirect');
    expect(server.requests).toHaveLength(4);
  });

  test.each(['ftp://lists.example/x', 'file:///etc/passwd', 'http://user:word@lists.example/', '', 'http://'])(
    'a redirect to %j',
    async (location) => {
      expect(failureOf(await fetchFrom((_request, response) => response.writeHead(302, { location }).end()))).toBe('redirect');
    },
  );

  test('a closing Kennel ends a fetch', async () => {
    const closing = new AbortController();
    setTimeout(() => closing.abort(), 20);
    const limits = { headMs: 5_000, idleMs: 5_000, totalMs: 5_000 };
    expect((await fetchFrom(() => undefined, { signal: closing.signal, limits })).kind).toBe('failed');
  });
});

describe('nothing leads inside that the config did not name', () => {
  test('a name with a private address is not connected to', async () => {
    const server = await serving((_request, response) => response.end(LIST));
    for (const address of [
      '127.0.0.1',
      '10.0.0.1',
      '169.254.169.254',
      '::1',
      '::ffff:127.0.0.1',
      '64:ff9b::7f00:1',
      'fd00::1',
      '0.0.0.0',
    ]) {
      const fetched = await fetching(server.url('/list.txt'), { mayLeadInside: () => false, resolveAddress: async () => address });
      expect(failureOf(fetched)).toBe('address');
    }
    expect(server.requests).toHaveLength(0);
  });

  test('an address in the URL itself is the operator’s word', async () => {
    const server = await serving((_request, response) => response.end(LIST));
    const fetched = await fetching(`http://127.0.0.1:${server.port}/`, { mayLeadInside: () => false, resolveAddress: nobodyIsAsked });
    expect(fetched.kind).toBe('fetched');
  });

  test.each([
    'http://127.0.0.1:PORT/admin',
    'http://2130706433:PORT/admin',
    'http://[::ffff:127.0.0.1]:PORT/admin',
    'http://other.example:PORT/admin',
  ])('a redirect to %s is refused, also where the list itself may be inside', async (location) => {
    const server = await serving((request, response) => {
      if (request.url === '/list.txt') response.writeHead(302, { location: location.replace('PORT', String(server.port)) }).end();
      else response.end(LIST);
    });
    expect(failureOf(await fetching(server.url('/list.txt')))).toBe('address');
    expect(server.requests).toHaveLength(1);
  });

  test('a redirect to another port of the same host inside is refused: that is another service', async () => {
    const other = await serving((_request, response) => response.end(LIST));
    const server = await serving((_request, response) => response.writeHead(302, { location: other.url('/list.txt') }).end());
    for (const url of [server.url('/'), `http://127.0.0.1:${server.port}/`]) expect(failureOf(await fetching(url))).toBe('address');
    expect(other.requests).toHaveLength(0);
  });

  test('a name without an address fails', async () => {
    const server = await serving((_request, response) => response.end(LIST));
    expect(failureOf(await fetching(server.url('/'), { resolveAddress: async () => null }))).toBe('network');
  });
});

describe('https', () => {
  async function servingTls(answer: Answering): Promise<ListServer> {
    const server = await startTlsListServer(answer);
    servers.push(server);
    return server;
  }

  test('reads a list from a server that shows who it is', async () => {
    const server = await servingTls((_request, response) => response.end(LIST));
    expect((await fetching(server.url('/list.txt'), { ca: TEST_CA })).kind).toBe('fetched');
  });

  test('reads nothing from a server that nobody vouches for, or with another name', async () => {
    const server = await servingTls((_request, response) => response.end(LIST));
    const detailOf = (fetched: FetchedList): string => (fetched.kind === 'failed' ? fetched.detail : fetched.kind);
    const untrusted = await fetching(server.url('/list.txt'));
    expect(failureOf(untrusted)).toBe('network');
    expect(detailOf(untrusted)).toBe('the connection failed (UNABLE_TO_VERIFY_LEAF_SIGNATURE)');
    const misnamed = await fetching(`https://other.test:${server.port}/`, { ca: TEST_CA });
    expect(detailOf(misnamed)).toBe('the certificate of the server is for another name');
    expect(server.requests).toHaveLength(0);
  });

  test('is not left for http', async () => {
    const plain = await serving((_request, response) => response.end(LIST));
    const server = await servingTls((_request, response) => response.writeHead(301, { location: plain.url('/list.txt') }).end());
    const fetched = await fetching(server.url('/list.txt'), { ca: TEST_CA });
    expect(fetched).toEqual({ kind: 'failed', failure: 'redirect', detail: 'redirected from https to http' });
    expect(plain.requests).toHaveLength(0);
  });

  test('is what http may go over to', async () => {
    const server = await servingTls((_request, response) => response.end(LIST));
    const plain = await serving((_request, response) => response.writeHead(301, { location: server.url('/list.txt') }).end());
    const url = `http://dns.test:${plain.port}/list.txt`;
    expect((await fetching(url, { ca: TEST_CA })).kind).toBe('fetched');
  });
});

async function nobodyIsAsked(): Promise<string | null> {
  throw new Error('an address was looked up');
}
