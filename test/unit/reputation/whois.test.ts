/** WHOIS against a real TCP server on loopback, friendly and hostile. */
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Registration } from '../../../src/reputation/registration.ts';
import { createWhois, readIanaAnswer, readWhois } from '../../../src/reputation/whois.ts';
import { drip, type FakeServer, fakeWhois, resolveNothing } from './fake-servers.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const TIMEOUT_MS = 400;

async function ask(answer: (socket: Socket) => void): Promise<{ result: Registration; server: FakeServer; tookMs: number }> {
  const server = await fakeWhois(answer);
  const whois = createWhois({
    resolveAddress: resolveNothing,
    wallMs: () => NOW_MS,
    server: { host: '127.0.0.1', port: server.port },
    timeoutMs: TIMEOUT_MS,
    maxOctets: 10_000,
  });
  const startMs = performance.now();
  const result = await whois.lookUp('example.com');
  return { result, server, tookMs: performance.now() - startMs };
}

const VERISIGN = [
  '   Domain Name: EXAMPLE.COM',
  '   Registrar WHOIS Server: whois.attacker.example',
  '   Updated Date: 2024-08-14T07:01:34Z',
  '   Creation Date: 1995-08-14T04:00:00Z',
  '   Registry Expiry Date: 2027-08-13T04:00:00Z',
  '>>> Last update of whois database <<<',
  '',
].join('\r\n');

describe('a WHOIS look-up', () => {
  test('asks for the domain, reads the creation date, and follows no referral', async () => {
    const { result, server } = await ask((socket) => socket.end(VERISIGN));
    expect(result).toEqual({ kind: 'registered', atMs: Date.UTC(1995, 7, 14) });
    expect(server.asked).toEqual(['example.com\r\n']);
  });

  test('is finished without a date when the registry knows none', async () => {
    expect((await ask((socket) => socket.end('No match for "EXAMPLE.COM".\r\n'))).result).toEqual({ kind: 'no-date' });
    expect((await ask((socket) => socket.end(VERISIGN.replace('1995-08-14', '2095-08-14')))).result).toEqual({ kind: 'no-date' });
  });

  test.each<readonly [string, (socket: Socket) => void]>([
    ['an empty answer', (socket) => socket.end()],
    ['an answer about another domain', (socket) => socket.end(VERISIGN.replace('EXAMPLE.COM', 'OTHER.COM'))],
    ['more than the cap', (socket) => socket.end(VERISIGN + 'x'.repeat(20_000))],
    ['a slow drip, which an idle timeout would wait for', (socket) => drip(socket)],
    ['silence', () => undefined],
    ['a reset', (socket) => socket.resetAndDestroy()],
  ])('fails within its deadline on %s', async (_, answer) => {
    const { result, tookMs } = await ask(answer);
    expect(result.kind).toBe('failed');
    expect(tookMs).toBeLessThan(TIMEOUT_MS + 600);
  });

  test('never connects to a private address for a server of its map or of IANA’s', async () => {
    const resolved: string[] = [];
    const resolveAddress = (host: string): Promise<string> => {
      resolved.push(host);
      return Promise.resolve('10.0.0.1');
    };
    const whois = createWhois({ resolveAddress, wallMs: () => NOW_MS, timeoutMs: TIMEOUT_MS });
    expect(await whois.lookUp('example.com')).toEqual({
      kind: 'failed',
      detail: 'whois.verisign-grs.com has the private address 10.0.0.1',
    });
    expect((await whois.lookUp('example.es')).kind).toBe('failed');
    expect(resolved).toEqual(['whois.verisign-grs.com', 'whois.iana.org']);
  });

  test('refuses to ask for anything longer than a registrable domain, or with a second line', async () => {
    const whois = createWhois({ resolveAddress: resolveNothing, wallMs: () => NOW_MS });
    await expect(whois.lookUp('secret.example.com')).rejects.toThrow('registrable domains only');
    await expect(whois.lookUp('example.com\r\nsecret')).rejects.toThrow('registrable domains only');
  });

  test('reads the forms of several registries', () => {
    const nominet =
      '\r\n    Domain name:\r\n        example.uk\r\n\r\n    Relevant dates:\r\n        Registered on: 14-Jun-2014\r\n        Expiry date:  14-Jun-2027\r\n';
    expect(readWhois(nominet, 'example.uk', NOW_MS)).toEqual({ kind: 'registered', atMs: Date.UTC(2014, 5, 14) });
    const tcinet =
      'domain:        EXAMPLE.RU\nnserver:       ns.example.ru.\ncreated:       1998-12-01T10:00:00Z\npaid-till:     2026-12-31T21:00:00Z\n';
    expect(readWhois(tcinet, 'example.ru', NOW_MS)).toEqual({ kind: 'registered', atMs: Date.UTC(1998, 11, 1) });
  });

  test('takes nothing but a host name from IANA', () => {
    expect(readIanaAnswer('domain:       ES\n\nwhois:        whois.nic.es\n\nstatus: ACTIVE\n')).toBe('whois.nic.es');
    for (const host of ['', '127.0.0.1', 'localhost', 'whois.nic.es:79', 'http://whois.nic.es', '[::1]', 'a b']) {
      expect(readIanaAnswer(`whois:        ${host}\n`)).toBeNull();
    }
  });
});
