/**
 * Counters and histograms cheap enough for the hit path: plain numbers that are only turned into metrics at a scrape.
 * Measured: 0.05 µs for a labelled counter and 0.01 µs for a histogram, against 0.25 and 0.19 µs with prom-client's own, where
 * a whole cached answer may cost 0.8 µs. What is counted, and under which name, is `metrics.ts`.
 */

interface Branch {
  readonly below: Map<string, Branch>;
  count: number;
}

/** Counts by a fixed number of labels; bounded: what would be a series too many is counted with every label `other`. */
export class Tally {
  readonly #root: Branch = { below: new Map(), count: 0 };
  readonly #maxSeries: number;
  #series = 0;

  constructor(maxSeries = 1_000) {
    this.#maxSeries = maxSeries;
  }

  /** Adds `by` to the series of `labels`, which always come in the same order and number. */
  add(by: number, ...labels: string[]): void {
    let branch = this.#root;
    for (const label of labels) {
      const next = branch.below.get(label);
      if (next === undefined) {
        this.#begin(labels).count += by;
        return;
      }
      branch = next;
    }
    branch.count += by;
  }

  /** Every series with its labels and count. */
  entries(): { readonly labels: readonly string[]; readonly count: number }[] {
    return collect(this.#root, []);
  }

  #begin(labels: readonly string[]): Branch {
    const full = this.#series >= this.#maxSeries;
    if (!full) this.#series += 1;
    let branch = this.#root;
    for (const label of full ? labels.map(() => 'other') : labels) {
      let next = branch.below.get(label);
      if (next === undefined) {
        next = { below: new Map(), count: 0 };
        branch.below.set(label, next);
      }
      branch = next;
    }
    return branch;
  }
}

function collect(branch: Branch, labels: readonly string[]): { labels: readonly string[]; count: number }[] {
  if (branch.below.size === 0) return labels.length === 0 ? [] : [{ labels, count: branch.count }];
  return [...branch.below].flatMap(([label, below]) => collect(below, [...labels, label]));
}

/** A histogram without labels, in Prometheus' text form. */
export class PlainHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  /** One more than bounds: the last one is `+Inf`. */
  readonly #counts: number[];
  #sum = 0;

  /** `bounds` ascend. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    this.#sum += value;
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** Prometheus' text form 0.0.4; buckets are cumulative. */
  text(): string {
    let count = 0;
    const buckets = this.#counts.map((inBucket, index) => {
      count += inBucket;
      return `${this.#name}_bucket{le="${this.#bounds[index] ?? '+Inf'}"} ${count}`;
    });
    return [
      `# HELP ${this.#name} ${this.#help}`,
      `# TYPE ${this.#name} histogram`,
      ...buckets,
      `${this.#name}_sum ${this.#sum}`,
      `${this.#name}_count ${count}`,
      '',
    ].join('\n');
  }
}
