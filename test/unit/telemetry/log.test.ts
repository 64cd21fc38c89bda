import { describe, expect, test } from 'vitest';
import { createLog, type LogOptions, limitedErrorLog, readableLine } from '../../../src/telemetry/log.ts';

function logTo(lines: string[], options: Partial<LogOptions> = {}) {
  return createLog({ level: 'info', names: false, readable: false, write: (line) => lines.push(line), ...options }).log;
}

describe('log', () => {
  test('writes one JSON object per line with time, level and message', () => {
    const lines: string[] = [];
    logTo(lines).warn({ listener: '127.0.0.1:5300' }, 'listening');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      listener: '127.0.0.1:5300',
      msg: 'listening',
    });
  });

  test('masks tokens at every depth that is logged, and names unless they are asked for', () => {
    const lines: string[] = [];
    const fields = { qname: 'secret.example', token: 't0ken', headers: { authorization: 'Bearer t0ken' }, a: { b: { token: 't0ken' } } };
    logTo(lines).info(fields, 'query');
    logTo(lines, { names: true }).info(fields, 'query');
    expect(lines.join('')).not.toContain('t0ken');
    expect(lines[0]).not.toContain('secret.example');
    expect(lines[1]).toContain('secret.example');
  });

  test('leaves out what is below the level', () => {
    const lines: string[] = [];
    logTo(lines).debug('too fine');
    expect(lines).toEqual([]);
  });

  test('readable lines have the time of day, the level, the message and the details', () => {
    const lines: string[] = [];
    logTo(lines, { readable: true }).info({ mode: 'observe', upstreams: ['udp://192.0.2.53'] }, 'started');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}started mode=observe upstreams=\["udp:\/\/192\.0\.2\.53"\]\n$/);
  });

  test('readable lines escape what could steer a terminal or forge a line', () => {
    const line = readableLine(JSON.stringify({ time: '2026-01-01T10:00:00Z', level: 'info', msg: 'a\u001b[2Jb\nc\u202ed' }));
    expect(line).toBe('10:00:00 info  a\\u001b[2Jb\\u000ac\\u202ed\n');
  });

  test('a flood of bugs is logged within the limit, and says how many were left out', () => {
    const lines: string[] = [];
    let nowMs = 0;
    const error = limitedErrorLog(logTo(lines), () => nowMs, 3);
    for (let i = 0; i < 100; i += 1) error('a query was refused', new Error(`bug ${i}`));
    expect(lines).toHaveLength(3);
    nowMs = 60_000;
    error('a query was refused', new Error('later'));
    expect(JSON.parse(lines[3] ?? '')).toMatchObject({ leftOut: 97, err: { message: 'later' } });
  });
});
