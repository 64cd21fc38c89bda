/**
 * What the configs of other resolvers spell alike: upstreams, listening addresses, lines of hosts files, filter rules, durations.
 * Each reader gives what Kennel writes or says in words why it cannot. Pure; none throws.
 */
import { canonicalAddress, canonicalPrefix } from '../policy/address-set.ts';
import { parseHosts } from '../policy/hosts-file.ts';
import { parsePattern } from '../policy/name-pattern.ts';
import { parseUpstreamUrl } from '../upstream/upstream-url.ts';
import { bracketed } from '../wire/address.ts';
import { toPresentation } from '../wire/name.ts';

export type Spelled<T> = { readonly value: T } | { readonly problem: string };

/** Blocky's transports in front of a host (`tcp-tls:dns.example:853`). */
const BLOCKY_TRANSPORT = /^(tcp\+udp|tcp|udp|tcp-tls):(?!\/\/)(.+)$/;

/**
 * An upstream as AdGuard Home (`1.1.1.1:53`, `tls://dns.example`), Pi-hole (`127.0.0.1#5335`) and Blocky (`tcp-tls:dns.example:853`) write it.
 */
export function upstreamOf(text: string): Spelled<string> {
  const written = text.trim();
  const blocky = BLOCKY_TRANSPORT.exec(written);
  const url =
    blocky === null
      ? urlOf(written)
      : `${blocky[1] === 'tcp-tls' ? 'tls' : blocky[1] === 'tcp' ? 'tcp' : 'udp'}://${hostOf(blocky[2] ?? '')}`;
  if (/^(h3|quic|sdns|doq):\/\//i.test(url))
    return { problem: 'this transport does not exist in Kennel; name the same server as https:// or tls://' };
  const read = parseUpstreamUrl(url);
  if (read.kind === 'ok') return { value: read.url.text };
  if (/^(udp|tcp):\/\//.test(url)) return { problem: 'plain DNS is asked by IP address: write the address of this server' };
  return { problem: read.message.slice(0, 300) };
}

function urlOf(written: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(written))
    return written.replace(/^[A-Za-z0-9+.-]+/, (scheme) => scheme.toLowerCase()).replace(/(\/\/[^/]*):853\/?$/, '$1:853');
  return `udp://${hostOf(written.replace('#', ':'))}`;
}

/** A host with or without port, IPv6 in brackets. */
function hostOf(written: string): string {
  const [, address, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(written) ?? [];
  // All colons may belong to an IPv6 address.
  const whole = canonicalAddress(written);
  if (whole !== null) return bracketed(whole);
  const before = address === undefined ? null : canonicalAddress(address.replace(/^\[|\]$/g, ''));
  if (before === null || port === undefined) return written;
  return `${bracketed(before)}:${port}`;
}

/** Go durations (`1h30m`, `90s`, `2160h`), and numbers of seconds: seconds. */
export function secondsOf(text: string): number | null {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d{1,12}(?:\.\d{1,6})?)(ms|[smhd])/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) return null;
  return Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0));
}

/** Seconds as Kennel writes them; nothing longer than a year makes sense in a resolver. */
export function durationText(seconds: number): string {
  return `${Math.min(31_536_000, Math.max(0, Math.round(seconds)))}s`;
}

/** An address or CIDR prefix, host bits cut; null for everything else (a name, a MAC address). */
export function prefixOf(text: string): string | null {
  const read = canonicalPrefix(text.trim());
  if ('prefix' in read) return read.prefix;
  const meant = /did you mean (\S+)\?$/.exec(read.problem)?.[1];
  return meant ?? null;
}

export type FilterRule =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'block' | 'allow'; readonly patterns: readonly string[] }
  | { readonly kind: 'records'; readonly address: string; readonly names: readonly string[] }
  | { readonly kind: 'other'; readonly problem: string };

/** Addresses that stand for "nowhere" in lists of blocked hosts. */
const NOWHERE = ['0.0.0.0', '127.0.0.1', '::', '::1'];
const OWN_NAMES = ['localhost', 'localhost.localdomain', 'local', 'broadcasthost', '0.0.0.0', 'ip6-localhost', 'ip6-loopback'];

/** What a rule of a list may say beyond a name. */
const LIST_MODIFIERS = /^(?:important|badfilter|dnstype=[^,]*|denyallow=[^,]*)(?:,(?:important|badfilter|dnstype=[^,]*|denyallow=[^,]*))*$/;

/** A rule as users of AdGuard Home, Pi-hole and Blocky write them by hand: names, hosts lines, `||a.b^`, `@@||a.b^`, `*.a.b`. */
export function filterRule(written: string): FilterRule {
  const line = written.trim();
  if (line === '' || line.startsWith('!') || /^#(?!#)/.test(line) || /^\[.*\]$/.test(line)) return { kind: 'nothing' };
  if (line.length > 1000) return { kind: 'other', problem: 'it is too long to be about a name' };
  if (/^\S+\s+[^\s#]/.test(line)) return hostsRule(line);
  const exception = line.startsWith('@@');
  const [rule = '', modifiers = null] = splitModifiers((exception ? line.slice(2) : line).replace(/\s+#.*$/, ''));
  if (modifiers !== null && modifiers !== 'important')
    return {
      kind: 'other',
      problem: `the modifier $${modifiers} has no counterpart in a policy${LIST_MODIFIERS.test(modifiers) ? '; a file with such rules can be named under lists' : ''}`,
    };
  if (/^\/.*\/$/.test(rule)) return { kind: 'other', problem: 'a regular expression has no counterpart; name the domains' };
  const text = patternText(rule);
  const pattern = text === null ? { problem: 'it is not about a name and what is below it' } : parsePattern(text);
  if ('problem' in pattern) return { kind: 'other', problem: pattern.problem };
  return { kind: exception ? 'allow' : 'block', patterns: [pattern.text] };
}

function splitModifiers(rule: string): [string, string?] {
  const at = rule.lastIndexOf('$');
  return at > 0 && !rule.endsWith('/') ? [rule.slice(0, at), rule.slice(at + 1)] : [rule];
}

/** `||a.b^` covers the name and all below; `|a.b^` and `a.b` the name alone; `*.a.b` in lists of wildcards all below. */
function patternText(rule: string): string | null {
  const name = /^(\|\|?|)((?:\*\.)?[^|^*/]+)\^?\|?$/.exec(rule);
  if (name === null) return null;
  const [, anchor, host = ''] = name;
  if (host.startsWith('*.')) return `**.${host.slice(2)}`;
  return anchor === '||' ? `**.${host}` : host;
}

function hostsRule(line: string): FilterRule {
  const [{ address, names } = { address: '', names: [] }] = parseHosts(line).lines;
  const known = names.map(toPresentation).filter((name) => !OWN_NAMES.includes(name));
  if (address === '') return { kind: 'other', problem: 'it is neither a name nor a line of a hosts file' };
  if (known.length === 0) return { kind: 'nothing' };
  return NOWHERE.includes(address) ? { kind: 'block', patterns: known } : { kind: 'records', address, names: known };
}
