/**
 * Text for terminals and pipes: tables, JSON, times. Every cell and value goes through `plainText`.
 */
import type { Signal } from '../../scoring/observation.ts';
import { plainText } from '../telemetry/plain-text.ts';

/** A JSON document without characters that steer a terminal; still the same value when parsed. */
export function jsonText(value: unknown): string {
  const lines = JSON.stringify(value, null, 2).split('\n');
  return `${lines.map(plainText).join('\n')}\n`;
}

/** Rows below a header, columns padded to their widest cell. Every cell is made plain. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(plainText));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return cells.map((row) => `${line(row).trimEnd()}\n`).join('');
}

/** `label: value` lines, labels padded. */
export function fields(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([label]) => label.length));
  return pairs.map(([label, value]) => `${`${label}:`.padEnd(width + 2)}${plainText(value)}\n`).join('');
}

/** Signals of an assessment, with the points each adds. */
export function signalTable(signals: readonly Signal[]): string {
  return table(
    ['SIGNAL', 'VALUE', 'POINTS'],
    signals.map((signal) => [signal.name, number(signal.value), number(signal.contribution)]),
  );
}

/** ISO 8601 text to the second. */
export function time(iso: string): string {
  return iso.replace(/\.\d+Z$/, 'Z');
}

/** At most two decimals. */
export function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}
