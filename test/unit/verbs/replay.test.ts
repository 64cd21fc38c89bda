/** `kennel replay` from argument to exit code, over the recordings in fixtures/replay. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../../src/verbs/replay.ts';

const FIXTURES = new URL('../../../fixtures/replay/', import.meta.url).pathname;
const CAPTURE = `${FIXTURES}theft.pcap`;
const LINES = `${FIXTURES}theft.jsonl.gz`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kennel-replay-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function replay(args: readonly string[], terminal = false): Promise<Finished> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const code = await run(args, {
    stdout: { write: (text) => stdout.push(text) },
    stderr: Object.assign({ write: (text: string) => stderr.push(text) }, { isTTY: terminal }),
    env: { XDG_STATE_HOME: folder },
  });
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}

interface Summary {
  readonly mode: string;
  readonly queries: number;
  readonly sessions: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly acting: Readonly<Record<string, number>>;
  readonly quarantines: readonly Readonly<Record<string, unknown>>[];
  readonly parents: readonly Readonly<Record<string, unknown>>[];
  readonly outOfOrder: number;
}

function summaryOf({ stdout }: Finished): Summary {
  return JSON.parse(stdout) as Summary;
}

function decisionsIn(path: string): Readonly<Record<string, unknown>>[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

describe('kennel replay', () => {
  test('finds the theft in a capture, refuses the session from there on, and leaves its neighbour alone', async () => {
    const out = join(folder, 'decisions.jsonl');
    const finished = await replay([CAPTURE, '--json', '--decisions', out]);
    expect(finished.code).toBe(1);
    expect(finished.stderr).toBe('');

    const summary = summaryOf(finished);
    expect(summary).toMatchObject({ mode: 'enforce', queries: 121, sessions: 2, verdicts: { quarantine: 1 } });
    const [quarantine] = summary.quarantines;
    expect(quarantine).toMatchObject({ session: '10.0.0.5', parent: 'notes-and-more.net', reason: 'score', enforced: true });
    expect(Object.keys(quarantine ?? {})).toEqual(
      expect.arrayContaining(['session', 'at', 'queryIndex', 'parent', 'score', 'reason', 'signals', 'leakBits']),
    );
    expect(summary.parents).toHaveLength(4);
    const theft = summary.parents.find(({ parent }) => parent === 'notes-and-more.net');
    expect(theft).toMatchObject({ session: '10.0.0.5', queries: 60, uniqueNames: 60 });

    const decisions = decisionsIn(out);
    expect(decisions.map(({ index }) => index)).toEqual(Array.from({ length: 121 }, (_, index) => index));
    expect(Object.keys(decisions[0] ?? {})).toEqual(
      expect.arrayContaining(['index', 'ts', 'session', 'qname', 'qtype', 'parent', 'score', 'verdict', 'forwarded', 'reason']),
    );
    expect(decisions[0]).toMatchObject({ ts: '2026-01-06T12:00:00.000Z', qname: 'www.wikipedia.org', qtype: 'A', forwarded: true });
    const at = Number(quarantine?.['queryIndex']);
    expect(decisions[at]).toMatchObject({ verdict: 'quarantine', forwarded: false });
    for (const decision of decisions.slice(at + 1)) {
      const quarantined = decision['session'] === '10.0.0.5';
      expect(decision).toMatchObject(quarantined ? { verdict: 'refuse', reason: 'quarantined', forwarded: false } : { verdict: 'allow' });
    }
  });

  test('the same queries as a capture and as gzipped JSONL of two members get the same verdicts', async () => {
    const [one, other] = [join(folder, 'pcap.jsonl'), join(folder, 'lines.jsonl')];
    await replay([CAPTURE, '--decisions', one]);
    await replay([LINES, '--decisions', other]);
    expect(decisionsIn(other)).toEqual(decisionsIn(one));
  });

  test('in observe mode it says the same and nobody is refused', async () => {
    const summary = summaryOf(await replay([CAPTURE, '--mode', 'observe', '--json']));
    expect(summary.acting).toMatchObject({ refuse: 0, quarantine: 0 });
    expect(summary.quarantines).toMatchObject([{ session: '10.0.0.5', enforced: false }]);
    expect(summary.verdicts['quarantine']).toBeGreaterThan(1);
  });

  test('a config decides mode and lists', async () => {
    const config = join(folder, 'kennel.yaml');
    writeFileSync(
      config,
      'mode: enforce\nupstreams: ["udp://192.0.2.53"]\npolicies:\n  - { name: all, match: {}, default: deny, allow: [{ section: s, owner: o, reason: r, names: ["www.wikipedia.org"] }] }\n',
    );
    const summary = summaryOf(await replay([LINES, '--config', config, '--json']));
    expect(summary.mode).toBe('enforce');
    expect(summary.verdicts['allow']).toBe(30);
  });

  test('a secret of the config that is found quarantines at once and is written nowhere', async () => {
    const secret = 'zQ4vT9kLw2Xr7Bn5Hd8Jm3Fs6Py1Gc0A';
    const config = join(folder, 'kennel.yaml');
    writeFileSync(join(folder, 'token'), `${secret}\n`);
    writeFileSync(
      config,
      `mode: enforce\nupstreams: ["udp://192.0.2.53"]\nsecrets: [{ name: deploy-token, file: ${join(folder, 'token')} }]\n`,
    );
    const file = write(
      'log',
      `{"ts":1,"client":"10.0.0.5","qname":"${Buffer.from(secret).toString('hex').slice(0, 60)}.example.com","qtype":"A"}\n`,
    );
    const out = join(folder, 'out');
    const finished = await replay([file, '--config', config, '--json', '--decisions', out]);
    expect(summaryOf(finished).quarantines).toMatchObject([{ reason: 'secret', qname: '(redacted).example.com' }]);
    expect(decisionsIn(out)).toMatchObject([{ verdict: 'quarantine', forwarded: false, qname: '(redacted).example.com' }]);
    expect(finished.stdout + readFileSync(out, 'utf8')).not.toContain(Buffer.from(secret).toString('hex').slice(0, 16));
  });

  test('several files are merged by time, whatever their format', async () => {
    const lines = readFileSync(join(FIXTURES, 'kennel.jsonl'), 'utf8').split('\n').slice(0, 5);
    const [even, odd] = [join(folder, 'even'), join(folder, 'odd')];
    writeFileSync(even, `${lines[0]}\n${lines[2]}\n${lines[4]}\n`);
    writeFileSync(odd, gzipSync(`${lines[1]}\n${lines[3]}\n`));
    const out = join(folder, 'out');
    const finished = await replay([odd, even, '--decisions', out, '--json']);
    expect(summaryOf(finished)).toMatchObject({ queries: 5, outOfOrder: 0 });
    expect(decisionsIn(out).map(({ ts }) => ts)).toEqual(
      decisionsIn(out)
        .map(({ ts }) => ts)
        .toSorted(),
    );
  });

  test('bad lines are told by number, a few of them printed, and replay goes on', async () => {
    const file = join(folder, 'log');
    const good = readFileSync(join(FIXTURES, 'kennel.jsonl'), 'utf8').split('\n')[0];
    writeFileSync(file, `${good}\n${'\u001b[2Jnonsense\n'.repeat(500)}${good}\n`);
    const { code, stdout, stderr } = await replay([file]);
    expect(code).toBe(0);
    expect(stderr.split('\n')).toHaveLength(12);
    expect(stderr).toContain(`${file}:2: not a JSON object`);
    expect(stdout).toContain('500 lines or packets');
  });

  test('times that go back are taken as simultaneous and counted', async () => {
    const file = join(folder, 'log');
    writeFileSync(file, [3, 1, 2].map((ts) => `{"ts":${ts},"client":"10.0.0.5","qname":"a.example.com","qtype":"A"}\n`).join(''));
    expect(summaryOf(await replay([file, '--json']))).toMatchObject({ queries: 3, outOfOrder: 2 });
  });

  test('nothing but the decisions is written, and they are for their owner alone', async () => {
    const out = join(folder, 'decisions.jsonl');
    await replay([CAPTURE, '--decisions', out]);
    expect(readdirSync(folder)).toEqual(['decisions.jsonl']);
    expect(statSync(out).mode & 0o077).toBe(0);
  });

  test('an input is never written over', async () => {
    const copy = join(folder, 'log');
    writeFileSync(copy, readFileSync(LINES));
    const finished = await replay([copy, '--decisions', copy]);
    expect(finished.code).toBe(2);
    expect(readFileSync(copy)).toEqual(readFileSync(LINES));
  });

  test.each([
    ['a file that is not there', (): string => join(folder, 'absent'), 'ENOENT'],
    ['a folder', (): string => folder, 'EISDIR'],
    ['another format', (): string => write('letter', 'Dear all,\n'), 'none of the formats'],
    ['gzip that was cut', (): string => write('cut.gz', gzipSync('x'.repeat(1000)).subarray(0, 15)), 'unexpected end of file'],
    ['gzip that is damaged', (): string => write('bad.gz', Buffer.from('1f8b0800000000000003ffffffff', 'hex')), 'bad.gz'],
  ])('%s: exit code 3', async (_what, file, message) => {
    const { code, stderr, stdout } = await replay([file()]);
    expect(code).toBe(3);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
  });

  test('wrong usage and a wrong config: exit code 2', async () => {
    const wrong = [
      [],
      [CAPTURE, CAPTURE],
      [CAPTURE, '--mode', 'guess'],
      [CAPTURE, '--port', '0'],
      [CAPTURE, '--config', '/nowhere'],
      [CAPTURE, '--nonsense'],
    ];
    for (const args of wrong) expect((await replay(args)).code).toBe(2);
  });

  test('an empty file holds no queries', async () => {
    expect(await replay([write('empty', ''), '--json'])).toMatchObject({ code: 0 });
  });

  test('progress is shown on a terminal only', async () => {
    expect((await replay([CAPTURE], true)).stderr).toContain('100 %');
    expect((await replay([CAPTURE], false)).stderr).toBe('');
  });
});

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
