import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openControlApi } from '../../../src/control/api.ts';
import { loadOrCreateToken } from '../../../src/control/token.ts';
import * as explain from '../../../src/verbs/explain.ts';
import * as healthcheck from '../../../src/verbs/healthcheck.ts';
import * as quarantine from '../../../src/verbs/quarantine.ts';
import * as sessions from '../../../src/verbs/sessions.ts';
import { EXPLANATION, FakeControlPort } from '../control/fake-control-port.ts';

const cleanUps: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

let folder: string;
let port: FakeControlPort;
let control: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-verbs-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  const token = loadOrCreateToken(folder, (count) => new Uint8Array(count).fill(7));
  if (token.kind === 'token-error') throw new Error(token.message);
  port = new FakeControlPort();
  const onError = (error: unknown) => {
    throw error;
  };
  const api = await openControlApi({ endpoint: { kind: 'unix', path: join(folder, 'control.sock') }, token: token.token, port, onError });
  if (api.kind === 'listen-error') throw new Error(api.message);
  cleanUps.push(() => api.close());
  control = api.address;
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

type Verb = typeof quarantine | typeof sessions | typeof explain | typeof healthcheck;

async function runWith(verb: Verb, args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const written = { out: '', err: '' };
  const io = {
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.err += text) },
    env: { HOME: folder, USER: 'ada', ...env },
  };
  return { code: await verb.run(args, io), ...written };
}

/** Runs a verb against the API of this test. */
function run(verb: Verb, ...args: string[]): Promise<Outcome> {
  return runWith(verb, [...args, '--control', control, '--state', folder]);
}

function jsonOf(outcome: Outcome): unknown {
  expect(outcome.err).toBe('');
  return JSON.parse(outcome.out);
}

describe('kennel quarantine', () => {
  test('list shows what is open, --all the rest too', async () => {
    const open = await run(quarantine, 'list');
    expect(open).toMatchObject({ code: 0, err: '' });
    expect(open.out).toMatch(
      /^ID +SESSION +STATE +SINCE +SCORE +PARENT +REASON\nq-open +10\.0\.0\.5 +quarantined +2026-01-02T03:04:05Z +91\.23 +evil\.example +score\n$/,
    );
    expect((await run(quarantine, 'list', '--all')).out).toContain('q-over');
  });

  test('list says so when there is nothing', async () => {
    port.records = [];
    expect(await run(quarantine, 'list')).toEqual({ code: 0, out: 'No session is in quarantine.\n', err: '' });
    expect(jsonOf(await run(quarantine, 'list', '--json'))).toEqual({ quarantines: [] });
  });

  test('list --json prints only JSON', async () => {
    expect(jsonOf(await run(quarantine, 'list', '--json'))).toMatchObject({
      quarantines: [{ id: 'q-open', at: '2026-01-02T03:04:05.678Z' }],
    });
  });

  test('show prints evidence and history', async () => {
    const { code, out } = await run(quarantine, 'show', 'q-open');
    expect(code).toBe(0);
    expect(out).toContain('quarantined until 2026-01-02T04:04:05Z');
    expect(out).toContain('c2VjcmV0.evil.example TXT');
    expect(out).toMatch(/information volume +900 +41\.23/);
    expect(out).toMatch(/2026-01-02T03:04:05Z +normal +quarantined +kennel +score/);
    expect(jsonOf(await run(quarantine, 'show', 'q-open', '--json'))).toMatchObject({ id: 'q-open', history: [{ to: 'quarantined' }] });
  });

  test('release tells the server who and why', async () => {
    const outcome = await run(quarantine, 'release', 'q-open', '--reason', 'a false alarm');
    expect(outcome).toEqual({ code: 0, out: 'released: 10.0.0.5 (q-open)\n', err: '' });
    expect(port.changes.at(-1)).toMatchObject({ to: 'released', actor: 'ada', reason: 'a false alarm' });
  });

  test('release names the person behind sudo, or whom it is told to', async () => {
    const args = ['release', 'q-open', '--reason', 'x', '--control', control, '--state', folder];
    await runWith(quarantine, args, { USER: 'root', SUDO_USER: 'grace' });
    expect(port.changes.at(-1)?.actor).toBe('grace');
    port.records = new FakeControlPort().records;
    await runWith(quarantine, [...args, '--actor', 'night shift'], { SUDO_USER: 'grace' });
    expect(port.changes.at(-1)?.actor).toBe('night shift');
  });

  test('release without a reason is wrong usage and releases nothing', async () => {
    expect(await run(quarantine, 'release', 'q-open')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('--reason TEXT is needed'),
    });
    expect((await run(quarantine, 'release', 'q-open', '--reason', ' ')).code).toBe(2);
    expect(port.records[0]?.state).toBe('quarantined');
  });

  test('an unknown quarantine, and one that is over, are findings', async () => {
    expect(await run(quarantine, 'show', 'q-none')).toMatchObject({ code: 1, out: '', err: 'no such quarantine\n' });
    expect(await run(quarantine, 'release', 'q-over', '--reason', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('it is released'),
    });
  });

  test('a release that cannot be written is a runtime failure', async () => {
    port.unwritable = 'no space left';
    expect(await run(quarantine, 'release', 'q-open', '--reason', 'x')).toMatchObject({
      code: 3,
      err: expect.stringContaining('no space left'),
    });
  });

  test('an id cannot reach another resource', async () => {
    expect((await run(quarantine, 'show', '../sessions')).code).toBe(1);
  });
});

describe('kennel sessions', () => {
  test('lists them', async () => {
    const { code, out } = await run(sessions);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^SESSION +STATE +SCORE +QUERIES +LEAK BITS +POLICY +LAST SEEN\n10\.0\.0\.5 +quarantined +91\.23 +120 +640 +everyone +2026-01-02T03:04:05Z\n/,
    );
    expect(jsonOf(await run(sessions, '--json'))).toMatchObject({ sessions: [{ session: '10.0.0.5' }, { session: '10.0.0.0/24' }] });
  });

  test('show has the meter below each parent', async () => {
    const { code, out } = await run(sessions, 'show', '10.0.0.0/24');
    expect(code).toBe(0);
    expect(out).toMatch(/evil\.example +100 +99 +640 +512/);
    expect(jsonOf(await run(sessions, 'show', '10.0.0.5', '--json'))).toMatchObject({ parents: [{ parent: 'evil.example' }] });
    const withParents = (await run(sessions, 'show', '10.0.0.5')).out;
    expect(withParents).toMatch(/leaked: +640 of 2048 bits below unlisted parents/);
    expect(withParents).toMatch(/evil\.example +100 +99 +640 +512 +700 +1024/);
  });

  test('an unknown session is a finding', async () => {
    expect(await run(sessions, 'show', '192.0.2.1')).toMatchObject({ code: 1, err: 'no such session\n' });
  });
});

describe('kennel explain', () => {
  test('a query that enforcing refuses is a finding, explained', async () => {
    const { code, out } = await run(explain, 'c2VjcmV0.evil.example', '--type', 'TXT', '--session', '10.0.0.5');
    expect(code).toBe(1);
    expect(out).toContain('quarantine when enforcing; now: flag');
    expect(out).toMatch(/entropy +4\.13 +50/);
    expect(port.explained).toEqual([['c2VjcmV0.evil.example', 'TXT', '10.0.0.5']]);
  });

  test('--json prints the contract shape', async () => {
    expect(jsonOf(await run(explain, 'a.example', '--json'))).toEqual(EXPLANATION);
  });

  test('an allowed query is no finding', async () => {
    port.explanation = { ...EXPLANATION, verdict: 'allow', acting: 'allow', signals: [] };
    expect((await run(explain, 'www.example.com')).code).toBe(0);
  });

  test('a name that is none is wrong usage', async () => {
    expect(await run(explain, 'a..example')).toMatchObject({ code: 2, out: '', err: 'not a domain name\n' });
  });

  test('what a hostile name or reason holds cannot steer the terminal, nor leave JSON as it is', async () => {
    port.explanation = { ...EXPLANATION, reason: 'a\u001b]0;owned\u0007\u009b2J\u202eb\nc' };
    const { out } = await run(explain, 'a.example');
    expect(out).toContain('a\\u001b]0;owned\\u0007\\u009b2J\\u202eb\\u000ac');
    const json = await run(explain, 'a.example', '--json');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    expect(json.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(jsonOf(json)).toEqual(port.explanation);
  });
});

describe('kennel healthcheck', () => {
  test('ready is 0, and needs no token', async () => {
    expect(await runWith(healthcheck, ['--control', control])).toEqual({ code: 0, out: 'ready; storage: ok; upstreams: ok\n', err: '' });
    expect(jsonOf(await run(healthcheck, '--json'))).toEqual({ ready: true, details: { storage: 'ok', upstreams: 'ok' } });
  });

  test('not ready is a finding', async () => {
    port.readiness = { ready: false, details: { storage: 'not writable' } };
    expect(await run(healthcheck)).toEqual({ code: 1, out: 'not ready; storage: not writable\n', err: '' });
  });

  test('nothing there is a runtime failure that says what to do', async () => {
    const outcome = await runWith(healthcheck, ['--control', `unix:${join(folder, 'none.sock')}`]);
    expect(outcome).toMatchObject({ code: 3, out: '', err: expect.stringContaining('Is it running? Start it with "npm start"') });
  });

  test('something else that answers there is a runtime failure', async () => {
    const other = http.createServer((_request, response) => response.end('<html>hello</html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    cleanUps.push(() => other.close());
    const address = other.address() as net.AddressInfo;
    expect(await runWith(healthcheck, ['--control', `127.0.0.1:${address.port}`])).toMatchObject({
      code: 3,
      err: expect.stringContaining('not Kennel'),
    });
  });
});

describe('every verb', () => {
  const VERBS: [string, Verb, string[]][] = [
    ['quarantine', quarantine, ['list']],
    ['sessions', sessions, []],
    ['explain', explain, ['a.example']],
    ['healthcheck', healthcheck, []],
  ];

  test.each(VERBS)('%s refuses an unknown option with its usage', async (_name, verb, args) => {
    const outcome = await run(verb, ...args, '--frobnicate');
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toContain('--frobnicate');
    expect(outcome.err).toContain(verb.usage);
  });

  test.each(VERBS)('%s refuses what it does not understand', async (_name, verb, args) => {
    expect(await run(verb, ...args, 'surplus')).toMatchObject({ code: 2, out: '' });
  });

  test.each(VERBS)('%s refuses an address that is none', async (_name, verb, args) => {
    expect(await runWith(verb, [...args, '--state', folder, '--control', 'evil.example:80'])).toMatchObject({ code: 2, out: '' });
  });

  test.each(VERBS.filter(([name]) => name !== 'healthcheck'))(
    '%s says when nothing answers, when the token is missing and when it is wrong',
    async (_name, verb, args) => {
      const nobody = `unix:${join(folder, 'none.sock')}`;
      expect(await runWith(verb, [...args, '--state', folder, '--control', nobody])).toMatchObject({
        code: 3,
        out: '',
        err: expect.stringContaining(`no Kennel answers on ${nobody}`),
      });
      const empty = join(folder, 'empty');
      expect(await runWith(verb, [...args, '--state', empty, '--control', control])).toMatchObject({
        code: 3,
        out: '',
        err: expect.stringContaining(join(empty, 'control-token')),
      });
      const wrong = join(folder, 'wrong-token');
      writeFileSync(wrong, 'another-token-another-token');
      expect(await runWith(verb, [...args, '--token-file', wrong, '--control', control])).toMatchObject({
        code: 3,
        out: '',
        err: expect.stringContaining('does not accept the token'),
      });
    },
  );
});

describe('where a verb finds the API and its token', () => {
  test('in the config file', async () => {
    const config = join(folder, 'kennel.yaml');
    writeFileSync(config, `mode: enforce\nstate: ${folder}\nlisten:\n  control: "${control}"\n`);
    expect((await runWith(sessions, ['--config', config])).code).toBe(0);
  });

  test('below the XDG state folder, or the home folder, without any option', async () => {
    const { code, err } = await runWith(sessions, [], { XDG_STATE_HOME: '/nowhere/state' });
    expect([code, err]).toEqual([3, expect.stringContaining('/nowhere/state/kennel/control-token')]);
    expect((await runWith(sessions, [], { XDG_STATE_HOME: '' })).err).toContain(join(folder, '.local/state/kennel/control-token'));
  });

  test.each([
    ['is missing', null, 'ENOENT'],
    ['is no YAML', 'listen: [', 'kennel.yaml:1'],
  ])('a config file that %s is wrong usage', async (_what, content, expected) => {
    const config = join(folder, 'kennel.yaml');
    if (content !== null) writeFileSync(config, content);
    expect(await runWith(sessions, ['--config', config])).toMatchObject({ code: 2, out: '', err: expect.stringContaining(expected) });
  });
});
