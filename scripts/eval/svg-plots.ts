/**
 * Two kinds of plot as SVG text: lines with axes, and horizontal bars. Colours are of Okabe and Ito (distinguishable by the colour-blind),
 * each line has its own dash too, and text follows the reader's light or dark scheme.
 */

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axis {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  /** Base 10; values at or below `from` are drawn at `from`. */
  readonly logarithmic?: boolean;
}

export interface LinePlot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
  /** Vertical lines with a text: targets. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
}

const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const DASHES = ['', '7 4', '2 4', '10 3 2 3', '4 2', '1 3'];

const WIDTH = 760;
const HEIGHT = 420;
const BOX = { left: 78, top: 46, right: 20, bottom: 58 };

const STYLE = `<style>
text{font:13px system-ui,sans-serif;fill:#222}.title{font-size:16px;font-weight:600}.grid{stroke:#8888;stroke-width:.5}
.axis{stroke:#555;fill:none}.back{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#eee}.axis{stroke:#bbb}.back{fill:#15181c}}
</style>`;

export function linePlot({ title, x, y, lines, marks = [] }: LinePlot): string {
  const plotWidth = WIDTH - BOX.left - BOX.right;
  const plotHeight = HEIGHT - BOX.top - BOX.bottom;
  const atX = (value: number): string => number(BOX.left + place(x, value) * plotWidth);
  const atY = (value: number): string => number(BOX.top + (1 - place(y, value)) * plotHeight);
  const bottom = HEIGHT - BOX.bottom;
  const parts = [
    ...x.ticks.map(
      (tick) =>
        `<path class="grid" d="M${atX(tick)} ${BOX.top}V${bottom}"/><text x="${atX(tick)}" y="${bottom + 18}" text-anchor="middle">${tick}</text>`,
    ),
    ...y.ticks.map(
      (tick) =>
        `<path class="grid" d="M${BOX.left} ${atY(tick)}H${WIDTH - BOX.right}"/><text x="${BOX.left - 8}" y="${atY(tick)}" dy="4" text-anchor="end">${tick}</text>`,
    ),
    `<path class="axis" d="M${BOX.left} ${BOX.top}V${bottom}H${WIDTH - BOX.right}"/>`,
    ...marks.map(
      ({ x: mark, label }) =>
        `<path class="axis" stroke-dasharray="3 3" d="M${atX(mark)} ${BOX.top}V${bottom}"/><text x="${atX(mark)}" y="${BOX.top - 6}" text-anchor="middle">${escaped(label)}</text>`,
    ),
    ...lines.map(({ points }, at) => {
      const d = points.map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${atX(px)} ${atY(py)}`).join('');
      return `<path fill="none" stroke="${COLOURS[at % COLOURS.length]}" stroke-width="2.2" stroke-dasharray="${DASHES[at % DASHES.length]}" d="${d}"/>`;
    }),
    ...lines.map(({ label }, at) => {
      const top = bottom - 14 - (lines.length - 1 - at) * 19;
      const left = WIDTH - BOX.right - 250;
      return `<path stroke="${COLOURS[at % COLOURS.length]}" stroke-width="2.2" stroke-dasharray="${DASHES[at % DASHES.length]}" d="M${left} ${top}h34"/><text x="${left + 42}" y="${top + 4}">${escaped(label)}</text>`;
    }),
    `<text x="${BOX.left + plotWidth / 2}" y="${HEIGHT - 14}" text-anchor="middle">${escaped(x.label)}</text>`,
    `<text transform="translate(18 ${BOX.top + plotHeight / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`,
  ];
  return drawing(title, HEIGHT, parts);
}

export interface Bar {
  readonly label: string;
  /** Where the bar ends. */
  readonly value: number;
  /** A thin line goes on to here. */
  readonly most: number;
}

/** Bars to `value` with a line to `most`; one vertical line at `mark`. */
export function barPlot(
  title: string,
  unit: string,
  bars: readonly Bar[],
  mark: { readonly value: number; readonly label: string },
): string {
  const left = 250;
  const rowHeight = 21;
  const height = BOX.top + bars.length * rowHeight + 52;
  const bottom = BOX.top + bars.length * rowHeight + 4;
  const highest = Math.max(mark.value, ...bars.map((bar) => bar.most)) * 1.08;
  const at = (value: number): string => number(left + (value / highest) * (WIDTH - left - 60));
  const step = highest > 200 ? 50 : 20;
  const ticks = Array.from({ length: Math.floor(highest / step) + 1 }, (_unused, index) => index * step);
  const parts = [
    ...ticks.map(
      (tick) =>
        `<path class="grid" d="M${at(tick)} ${BOX.top}V${bottom}"/><text x="${at(tick)}" y="${bottom + 17}" text-anchor="middle">${tick}</text>`,
    ),
    ...bars.map(({ label, value, most }, index) => {
      const top = BOX.top + index * rowHeight;
      const middle = number(top + rowHeight / 2);
      return (
        `<text x="${left - 8}" y="${middle}" dy="4" text-anchor="end">${escaped(label)}</text>` +
        `<rect x="${left}" y="${top + 4}" width="${number(Math.max(0, Number(at(value)) - left))}" height="${rowHeight - 8}" fill="${COLOURS[0]}"/>` +
        `<path stroke="${COLOURS[1]}" stroke-width="2" d="M${at(value)} ${middle}H${at(most)}m0 -5v10"/>` +
        `<text x="${at(most)}" y="${middle}" dx="7" dy="4">${number(most)}</text>`
      );
    }),
    `<path class="axis" stroke-dasharray="3 3" d="M${at(mark.value)} ${BOX.top - 4}V${bottom}"/><text x="${at(mark.value)}" y="${BOX.top - 8}" text-anchor="middle">${escaped(mark.label)}</text>`,
    `<text x="${(left + WIDTH) / 2}" y="${bottom + 38}" text-anchor="middle">${escaped(unit)}</text>`,
  ];
  return drawing(title, height, parts);
}

function drawing(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    STYLE,
    `<rect class="back" width="${WIDTH}" height="${height}" rx="6"/>`,
    `<text class="title" x="16" y="24">${escaped(title)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** From 0 at the axis's beginning to 1 at its end; what lies outside is drawn at the border. */
function place({ from, to, logarithmic = false }: Axis, value: number): number {
  const share = logarithmic
    ? (Math.log10(Math.max(value, from)) - Math.log10(from)) / (Math.log10(to) - Math.log10(from))
    : (value - from) / (to - from);
  return Math.min(1, Math.max(0, share));
}

/** Two decimals at most: the same picture is the same text. */
function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
