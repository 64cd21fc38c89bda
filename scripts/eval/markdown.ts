/**
 * Tables and numbers of the report, written the same way everywhere.
 */

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line), ''].join('\n');
}

/** At most one decimal, thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return (Math.round(value * 10) / 10).toLocaleString('en-GB', { maximumFractionDigits: 1 });
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 1_000) / 10} %` : '-';
}

/** A name as it may stand in a table: bounded, and nothing in it is markup. */
export function shownName(name: string): string {
  const short = name.length > 70 ? `${name.slice(0, 67)}…` : name;
  return `\`${short.replaceAll('`', "'")}\``;
}
