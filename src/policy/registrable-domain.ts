/**
 * Where a name is cut into the part somebody registered and the labels below it. Two keys: the metering key honours private
 * suffixes (every tenant of github.io is a parent of its own), the age key is the ICANN registrable domain only.
 *
 * Always works on canonical labels: tldts gets host-name characters only, never text in which a dot or slash inside a label could
 * move the cut (`allowed.com/x.evil.com` is below evil.com).
 */
import { parse } from 'tldts';
import { labelCount, labelsOf, type QName, suffixOf, toPresentation } from '../wire/name.ts';

export interface RegistrableDomain {
  /** Key of meters and fan-out, presentation form. The name itself where nothing can be registered above it. */
  readonly parent: string;
  readonly parentName: QName;
  /** Labels below the parent, leftmost first, as octet strings. */
  readonly labels: readonly string[];
  /** What RDAP and WHOIS may be asked for; null for tenants of private suffixes, local names and names nobody can register. */
  readonly icannDomain: string | null;
}

/** The defaults of tldts would parse URLs and reject underscores: a different name than the one forwarded. */
const TLDTS_OPTIONS = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false };

/** Reverse zones are delegated on these borders at the widest: /16 for IPv4, /32 for IPv6 (a nibble a label). */
const REVERSE_ZONES = [
  { zone: ['in-addr', 'arpa'], cut: 2 },
  { zone: ['ip6', 'arpa'], cut: 8 },
] as const;

const HOST_LABEL = /^[a-z0-9_-]+$/;
const REGISTRABLE = /^[a-z0-9.-]+$/;

const REMEMBERED_NAMES = 4096;
const remembered = new Map<QName, RegistrableDomain>();

/** Cuts a name. Never throws, whatever its octets; the parent is always a suffix of the name at a label boundary. */
export function registrableDomain(qname: QName): RegistrableDomain {
  const known = remembered.get(qname);
  if (known !== undefined) return known;
  const labels = labelsOf(qname);
  const { parentLabels, icannDomain } = cut(labels);
  const parentName = suffixOf(qname, parentLabels);
  const domain = { parent: toPresentation(parentName), parentName, labels: labels.slice(0, labels.length - parentLabels), icannDomain };
  if (remembered.size >= REMEMBERED_NAMES) remembered.clear();
  remembered.set(qname, domain);
  return domain;
}

/** The name cut at a parent that a list names, at or above it. Nothing is ever asked about the age of such a parent. */
export function domainBelow(qname: QName, parentName: QName): RegistrableDomain {
  const labels = labelsOf(qname);
  return {
    parent: toPresentation(parentName),
    parentName,
    labels: labels.slice(0, labels.length - labelCount(parentName)),
    icannDomain: null,
  };
}

/**
 * Whether the name is the reverse form of one whole address (RFC 1035 §3.5, RFC 3596 §2.5) and nothing else: four octets, or 32
 * nibbles. Whoever owns a reverse zone may put any label below it, and such names get no favour.
 */
export function isReverseOfAddress(qname: QName): boolean {
  if (!qname.endsWith(ARPA)) return false;
  const labels = labelsOf(qname);
  const address = labels.slice(0, -2);
  if (labels.at(-2) === 'in-addr')
    return address.length === 4 && address.every((label) => DECIMAL_OCTET.test(label) && Number(label) <= 255);
  return labels.at(-2) === 'ip6' && address.length === 32 && address.every((label) => NIBBLE.test(label));
}

/** The last label in wire form. */
const ARPA = '\x04arpa\0';
const DECIMAL_OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const NIBBLE = /^[0-9a-f]$/;

/** Whether anybody may register names directly below this one (ICANN or private section of the Public Suffix List). */
export function isPublicSuffix(name: QName): boolean {
  const labels = labelsOf(name);
  if (labels.length === 0) return true;
  if (!labels.every((label) => HOST_LABEL.test(label))) return false;
  const text = labels.join('.');
  const result = parse(text, TLDTS_OPTIONS);
  return (result.isIcann === true || result.isPrivate === true) && result.publicSuffix === text;
}

/** Whether the last label is a top-level domain of the public DNS. */
export function hasPublicTopLevel(name: QName): boolean {
  const topLevel = labelsOf(name).at(-1);
  return topLevel !== undefined && HOST_LABEL.test(topLevel) && parse(topLevel, TLDTS_OPTIONS).isIcann === true;
}

function cut(labels: readonly string[]): { parentLabels: number; icannDomain: string | null } {
  for (const { zone, cut: below } of REVERSE_ZONES) {
    if (labels.length >= zone.length && zone.every((label, i) => labels[labels.length - zone.length + i] === label)) {
      return { parentLabels: Math.min(labels.length, zone.length + below), icannDomain: null };
    }
  }

  // The suffix depends on the rightmost labels alone, so a label with other octets ends what tldts needs to see.
  let clean = 0;
  while (clean < labels.length && HOST_LABEL.test(labels[labels.length - 1 - clean] ?? '')) clean += 1;
  if (clean === 0) return { parentLabels: Math.min(1, labels.length), icannDomain: null };

  const tail = labels.slice(labels.length - clean);
  const { domain, isIcann, publicSuffix } = parse(tail.join('.'), TLDTS_OPTIONS);
  if (domain !== null) {
    return { parentLabels: countLabels(domain), icannDomain: isIcann === true && REGISTRABLE.test(domain) ? domain : null };
  }
  // A public suffix or a single label: the odd label left of it (or nothing) completes the parent.
  const suffixLabels = publicSuffix === null ? clean : countLabels(publicSuffix);
  return { parentLabels: Math.min(labels.length, suffixLabels + 1), icannDomain: null };
}

function countLabels(text: string): number {
  let count = 1;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) === 0x2e) count += 1;
  return count;
}
