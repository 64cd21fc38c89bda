/**
 * Cuts a stream of octets into lines and hands each, with its number, to the reader of a log format.
 * Owns the bound on a line; what a line says is the format's.
 */
import type { RecordingReader, RecordingSink } from './recording-reader.ts';
import type { ReplayQuery } from './replay.ts';

/** What a line says: a query, nothing that matters here, or something that cannot be read. */
export type LineReading = ReplayQuery | null | { readonly problem: string };

/** The query log lines with the longest answers are a tenth of this. */
const MAX_LINE_CHARS = 1024 * 1024;

/** Calls `line` for each line without its end (`\n` or `\r\n`), numbers from 1. Octets that are no UTF-8 become U+FFFD. */
export function lineReader(sink: RecordingSink, line: (text: string, number: number) => void, end?: () => void): RecordingReader {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let number = 0;
  let tooLong = false;

  function take(text: string): void {
    number += 1;
    if (tooLong || text.length > MAX_LINE_CHARS) sink.problem(number, 'the line is longer than a mebibyte');
    else line(text.endsWith('\r') ? text.slice(0, -1) : text, number);
    tooLong = false;
  }

  function cut(text: string): void {
    let start = 0;
    for (let newline = text.indexOf('\n'); newline >= 0; newline = text.indexOf('\n', start)) {
      take(text.slice(start, newline));
      start = newline + 1;
    }
    rest = text.slice(start);
    if (rest.length <= MAX_LINE_CHARS) return;
    tooLong = true;
    rest = '';
  }

  return {
    push: (octets) => cut(rest + decoder.decode(octets, { stream: true })),
    end() {
      cut(rest + decoder.decode());
      if (rest !== '' || tooLong) take(rest);
      rest = '';
      end?.();
    },
  };
}

/** The reader of a format in which each line stands for itself. Empty lines are nothing. */
export function readerOfLines(sink: RecordingSink, read: (line: string) => LineReading): RecordingReader {
  return lineReader(sink, (text, number) => {
    if (text === '') return;
    const said = read(text);
    if (said === null) return;
    if ('problem' in said) sink.problem(number, said.problem);
    else sink.query(said);
  });
}
