/** RDAP against a real HTTP server on loopback, friendly and hostile. Whatever it does, the answer comes within the deadline. */
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createRdap, readRegistration, redirectTarget } from '../../../src/reputation/rdap.ts';
import type { Registration } from '../../../src/reputation/registration.ts';
import { drip, type FakeServer, fakeRdap, resolveNothing } from './fake-servers.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const TIMEOUT_MS = 400;

function domainObject(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    objectClassName: 'domain',
    ldhName: 'EXAMPLE.COM',
    events: [
      { eventAction: 'expiration', eventDate: '2027-08-13T04:00:00Z' },
      { eventAction: 'registration', eventDate: '1995-08-14T04:00:00Z' },
    ],
    ...changes,
  });
}

async function ask(answer: (response: ServerResponse) => void): Promise<{ result: Registration; server: FakeServer; tookMs: number }> {
  const server = await fakeRdap(answer);
  const rdap = createRdap({
    resolveAddress: resolveNothing,
    wallMs: () => NOW_MS,
    baseUrl: `http://127.0.0.1:${server.port}/rdap`,
    timeoutMs: TIMEOUT_MS,
    maxOctets: 10_000,
  });
  const startMs = performance.now();
  const result = await rdap.lookUp('example.com');
  return { result, server, tookMs: performance.now() - startMs };
}

describe('an RDAP look-up', () => {
  test('asks for the domain and reads the registration date', async () => {
    const { result, server } = await ask((response) => response.end(domainObject()));
    expect(result).toEqual({ kind: 'registered', atMs: Date.UTC(1995, 7, 14) });
    expect(server.asked).toEqual(['/rdap/domain/example.com']);
  });

  test('is finished without a date when the registry has none', async () => {
    expect((await ask((response) => response.end(domainObject({ events: [] })))).result).toEqual({ kind: 'no-date' });
  });

  test('tells a domain that does not exist from one without a date', async () => {
    expect((await ask((response) => response.writeHead(404).end('{}'))).result).toEqual({ kind: 'unregistered' });
  });

  test.each<readonly [string, (response: ServerResponse) => void]>([
    ['an error status', (response) => response.writeHead(500).end()],
    ['a body that is not JSON', (response) => response.end('<html>')],
    ['JSON nested a thousand deep', (response) => response.end('['.repeat(1_000) + ']'.repeat(1_000))],
    ['JSON that is cut off', (response) => response.end(domainObject().slice(0, 80))],
    ['an answer about another domain', (response) => response.end(domainObject({ ldhName: 'other.com' }))],
    ['an answer about nothing', (response) => response.end(domainObject({ ldhName: undefined }))],
    ['a body over the cap', (response) => response.end(`${' '.repeat(20_000)}${domainObject()}`)],
    ['a body without end', (response) => drip(response, 'x'.repeat(1_000))],
    ['a slow drip', (response) => drip(response)],
    ['silence', () => undefined],
    ['a closed connection', (response) => response.destroy()],
    ['a body that stops', (response) => response.writeHead(200, { 'content-length': '5000' }).write('{')],
    ['a redirect to an address inside', (response) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()],
    ['a redirect to another host', (response) => response.writeHead(301, { location: 'https://attacker.example/rdap' }).end()],
    ['headers without end', (response) => response.writeHead(200, { x: 'y'.repeat(60_000) }).end(domainObject())],
  ])('fails within its deadline on %s', async (_, answer) => {
    const { result, tookMs } = await ask(answer);
    expect(result.kind).toBe('failed');
    expect(tookMs).toBeLessThan(TIMEOUT_MS + 600);
  });

  test('takes no date that lies in the future or makes no sense', () => {
    for (const eventDate of ['2030-01-01T00:00:00Z', '0000-00-00T00:00:00Z', 12, null, ['1995-08-14T04:00:00Z']]) {
      expect(readRegistration(domainObject({ events: [{ eventAction: 'registration', eventDate }] }), 'example.com', NOW_MS)).toEqual({
        kind: 'no-date',
      });
    }
    for (const events of [null, 'x', { length: 3 }, [null, 1, []]]) {
      expect(readRegistration(domainObject({ events }), 'example.com', NOW_MS)).toEqual({ kind: 'no-date' });
    }
  });

  test('has no server for a top-level domain that the map does not know', async () => {
    const rdap = createRdap({ resolveAddress: resolveNothing, wallMs: () => NOW_MS });
    expect(await rdap.lookUp('example.de')).toEqual({ kind: 'unsupported' });
  });

  test('refuses to ask for anything longer than a registrable domain', async () => {
    const rdap = createRdap({ resolveAddress: resolveNothing, wallMs: () => NOW_MS });
    await expect(rdap.lookUp('secret.example.com')).rejects.toThrow('registrable domains only');
  });

  test('resolves through the resolver it is given, and never connects to a private address', async () => {
    const resolved: string[] = [];
    const rdap = createRdap({
      resolveAddress: (host) => {
        resolved.push(host);
        return Promise.resolve('127.0.0.1');
      },
      wallMs: () => NOW_MS,
      timeoutMs: TIMEOUT_MS,
    });
    expect(await rdap.lookUp('example.com')).toEqual({ kind: 'failed', detail: 'rdap.verisign.com has the private address 127.0.0.1' });
    expect(resolved).toEqual(['rdap.verisign.com']);
  });

  test('follows a redirect only over HTTPS to a registry of its map', () => {
    const from = new URL('https://rdap.verisign.com/com/v1/domain/example.com');
    expect(redirectTarget('https://rdap.nominet.uk/uk/domain/x.uk', from)?.hostname).toBe('rdap.nominet.uk');
    expect(redirectTarget('/elsewhere', from)?.href).toBe('https://rdap.verisign.com/elsewhere');
    for (const location of [
      'http://rdap.nominet.uk/',
      'https://rdap.nominet.uk:8443/',
      'https://user@rdap.nominet.uk/',
      'https://rdap.nominet.uk.attacker.example/',
      'https://127.0.0.1/',
      'file:///etc/passwd',
      '//attacker.example/',
      'http://[',
      undefined,
    ]) {
      expect(redirectTarget(location, from)).toBeNull();
    }
  });
});
