/**
 * Undoes what a stub resolver's search list did: `secret.evil.com.ns.svc.cluster.local` was meant as `secret.evil.com`, and where
 * that name is refused, its octets must not leave by the suffix's road either (threat 15,
 * docs/threats.md).
 *
 * Only a rest that ends in a top-level domain of the public DNS (or in one reserved for examples) counts: `db.prod.corp.example`
 * is a host two levels down in the intranet, not a stranger's name in disguise.
 */
import { isAtOrBelow, labelCount, labelsOf, parentName, type QName, requireName } from '../wire/name.ts';
import { hasPublicTopLevel } from './registrable-domain.ts';

interface Suffix {
  readonly name: QName;
  readonly labels: number;
}

/** Kubernetes searches `NAMESPACE.svc.cluster.local`, `svc.cluster.local` and `cluster.local`; the namespace is not ours to know. */
const CLUSTER = 'cluster.local';

const EXAMPLE_TOP_LEVELS = new Set(['example', 'test']);

export interface Unsuffixed {
  /** What is left without the suffix. */
  readonly name: QName;
  /** Labels of the suffix that was cut off. */
  readonly suffixLabels: number;
}

export class SearchSuffixes {
  /** Longest first: the longest suffix is what the search list added. */
  readonly #suffixes: readonly Suffix[];
  readonly #services: Suffix;

  /** `names` in presentation form. */
  constructor(names: readonly string[]) {
    const all = [...new Set([...names, CLUSTER])].map(suffixOfText);
    this.#suffixes = all.sort((a, b) => b.labels - a.labels);
    this.#services = suffixOfText(`svc.${CLUSTER}`);
  }

  /** Whether a search list of this site ends in this name's domain. */
  covers(qname: QName): boolean {
    return this.#suffixes.some((suffix) => isAtOrBelow(qname, suffix.name));
  }

  /**
   * The name behind the suffixes, the longest first, as long as what is left (two labels at least) ends in a public top-level domain;
   * null when there is none. Suffixes may stand behind each other: a second resolver on the way has a search list too.
   */
  strip(qname: QName): Unsuffixed | null {
    let found: Unsuffixed | null = null;
    let suffixLabels = 0;
    for (let step = this.#stripOnce(qname); step !== null; step = this.#stripOnce(step.name)) {
      suffixLabels += step.suffixLabels;
      if (isForeign(step.name)) found = { name: step.name, suffixLabels };
    }
    return found;
  }

  #stripOnce(qname: QName): Unsuffixed | null {
    const total = labelCount(qname);
    return isAtOrBelow(qname, this.#services.name) ? this.#stripService(qname, total) : this.#stripListed(qname, total);
  }

  #stripListed(qname: QName, total: number): Unsuffixed | null {
    for (const { name, labels } of this.#suffixes) {
      if (!isAtOrBelow(qname, name)) continue;
      const rest = withoutLast(qname, labels, total);
      if (rest !== null && this.#mayHide(rest)) return { name: rest, suffixLabels: labels };
    }
    return null;
  }

  /** Below `svc.cluster.local` the first cut takes the namespace along; `SERVICE.NAMESPACE` itself is the regular form of a service. */
  #stripService(qname: QName, total: number): Unsuffixed | null {
    const { labels } = this.#services;
    const behindNamespace = withoutLast(qname, labels + 1, total);
    if (behindNamespace !== null && isPodOrPort(labelsOf(behindNamespace))) return null;
    if (behindNamespace !== null && this.#mayHide(behindNamespace)) return { name: behindNamespace, suffixLabels: labels + 1 };
    const behindServices = withoutLast(qname, labels, total);
    if (behindServices !== null && total - labels > 2 && this.#mayHide(behindServices)) {
      return { name: behindServices, suffixLabels: labels };
    }
    return null;
  }

  /** A stranger's name, or one that may be found behind a further suffix. */
  #mayHide(rest: QName): boolean {
    return isForeign(rest) || this.covers(rest);
  }
}

/** `web-0.web`, `10-0-0-5.web` and `_http._tcp.web`: what Kubernetes itself puts before a namespace besides a service. */
function isPodOrPort(labels: readonly string[]): boolean {
  const [first = '', second = ''] = labels;
  return labels.length === 2 ? /-\d+$/.test(first) : labels.length === 3 && first.startsWith('_') && second.startsWith('_');
}

function suffixOfText(text: string): Suffix {
  const name = requireName(text);
  return { name, labels: labelCount(name) };
}

/** The name without its last `count` labels; null unless at least two remain. */
function withoutLast(qname: QName, count: number, total: number): QName | null {
  if (total - count < 2) return null;
  let tail: QName | null = qname;
  for (let i = 0; i < total - count && tail !== null; i++) tail = parentName(tail);
  return tail === null ? null : (`${qname.slice(0, qname.length - tail.length)}\0` as QName);
}

/** Whether it ends like a name that somebody outside can own. */
function isForeign(name: QName): boolean {
  return hasPublicTopLevel(name) || EXAMPLE_TOP_LEVELS.has(labelsOf(name).at(-1) ?? '');
}
