/**
 * The program's own log: JSON lines on stderr (readable ones on a terminal), never on stdout, which belongs to results.
 * Names that clients ask for and tokens are masked here, at the edge, so that no caller can forget it. Not the decision record.
 */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { plainText } from './plain-text.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly level: LogLevel;
  /** Whether `qname` may appear; off unless the operator asks for it. */
  readonly names: boolean;
  /** Readable lines instead of JSON. */
  readonly readable: boolean;
  /** Where lines go; default stderr. */
  readonly write?: (line: string) => void;
}

export interface Log {
  readonly log: Logger;
  /** Lines dropped because stderr could not keep up. */
  dropped(): number;
  /** Writes out what is buffered; before the process ends. */
  flush(): void;
}

/** A reader of stderr that stalls costs lines, never memory or a blocked resolver. */
const MAX_BUFFERED_OCTETS = 1024 * 1024;

const TOKEN_KEYS = ['token', 'authorization', 'cookie'];
const NAME_KEYS = ['qname', 'parent', 'domain'];

export function createLog(options: LogOptions): Log {
  const sink = options.write === undefined ? stderrSink() : { write: options.write, dropped: () => 0, flush: () => undefined };
  const stream: DestinationStream = options.readable
    ? { write: (line) => sink.write(readableLine(line)) }
    : { write: (line) => sink.write(line) };
  const masked = options.names ? TOKEN_KEYS : [...TOKEN_KEYS, ...NAME_KEYS];
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: masked.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[masked]' },
    },
    stream,
  );
  return { log, dropped: () => sink.dropped(), flush: () => sink.flush() };
}

function stderrSink(): { write: (line: string) => void; dropped: () => number; flush: () => void } {
  let dropped = 0;
  const stderr = destination({ fd: 2, sync: false, maxLength: MAX_BUFFERED_OCTETS });
  stderr.on('drop', () => {
    dropped += 1;
  });
  return {
    write: (line) => {
      stderr.write(line);
    },
    dropped: () => dropped,
    flush: () => stderr.flushSync(),
  };
}

const TIME_OF_DAY = /T(\d\d:\d\d:\d\d)/;

/** One JSON line as `12:00:01 warn  message key=value`. Control characters are escaped: values may come from the network. */
export function readableLine(json: string): string {
  const { time, level, msg, ...rest }: Record<string, unknown> = JSON.parse(json);
  const clock = TIME_OF_DAY.exec(String(time))?.[1] ?? '';
  const details = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return `${plainText([clock, String(level).padEnd(5), msg ?? '', ...details].join(' '))}\n`;
}

/**
 * Logs bugs, at most `perMinute` of them: whoever finds one query that trips over a bug can send it a thousand times a second.
 * Those left out are counted in the next line.
 */
export function limitedErrorLog(
  log: Pick<Logger, 'error'>,
  nowMs: () => number,
  perMinute = 10,
): (message: string, cause: unknown) => void {
  let windowStartMs = Number.NEGATIVE_INFINITY;
  let logged = 0;
  let leftOut = 0;
  return (message, cause) => {
    if (nowMs() - windowStartMs >= 60_000) {
      windowStartMs = nowMs();
      logged = 0;
    }
    if (logged >= perMinute) {
      leftOut += 1;
      return;
    }
    logged += 1;
    log.error(leftOut === 0 ? { err: cause } : { err: cause, leftOut }, message);
    leftOut = 0;
  };
}
