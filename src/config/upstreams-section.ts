/**
 * Everything in a config file that names upstreams, normalised: `upstreams`, `lanUpstreams`, `zones` and `forwarding.bootstrap`, and what
 * must hold between them and the listeners. What a URL means is `upstream/upstream-url.ts`.
 */
import { isPrivate } from '../policy/address-set.ts';
import { isPublicSuffix } from '../policy/registrable-domain.ts';
import { parseUpstreamUrl, type UpstreamUrl } from '../upstream/upstream-url.ts';
import { addressAndPort } from '../wire/address.ts';
import { fromPresentation } from '../wire/name.ts';
import type { Config, UpstreamStrategy, ZoneConfig } from './config.ts';
import { listenerAskedBy } from './listen-addresses.ts';
import type { Problems } from './problems.ts';
import { salvage } from './salvage.ts';
import { zoneSchema } from './schema.ts';
import { parseName } from './values.ts';
import type { Path } from './yaml-source.ts';

/** Reads upstreams of one config and remembers where each was written, so that what is wrong between them can be told at its place. */
export class WrittenUpstreams {
  readonly #problems: Problems;
  readonly #places = new Map<UpstreamUrl, Path>();

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  /** The list of upstreams that stands at `path`. */
  read(texts: readonly string[], path: Path): UpstreamUrl[] {
    const seen = new Set<string>();
    return texts.flatMap((text, index) => {
      const read = parseUpstreamUrl(text);
      if (read.kind === 'error') this.#problems.add([...path, index], read.message);
      else if (seen.has(read.url.text)) this.#problems.add([...path, index], `${read.url.text} is listed twice`);
      else {
        seen.add(read.url.text);
        this.#places.set(read.url, [...path, index]);
        return [read.url];
      }
      return [];
    });
  }

  /** Names of the site are told to servers of the site only. */
  readLan(texts: readonly string[]): UpstreamUrl[] {
    const upstreams = this.read(texts, ['lanUpstreams']);
    for (const upstream of upstreams) {
      if (upstream.address !== null && isPrivate(upstream.address)) continue;
      this.#problems.add(
        this.#places.get(upstream) ?? ['lanUpstreams'],
        `${upstream.text} is not a private address: names of this site would leave it`,
      );
    }
    return upstreams;
  }

  /** The value of `zones`; what in it has the wrong shape was reported. `strategy`: of zones that name none. */
  readZones(raw: unknown, strategy: UpstreamStrategy): ZoneConfig[] {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return [];
    const zones = Object.entries(raw).flatMap(([key, value]: [string, unknown]) => {
      const zone = salvage(zoneSchema, value);
      if (zone === undefined) return [];
      return Array.isArray(zone)
        ? this.#readZone(key, { upstreams: zone, strategy }, ['zones', key])
        : this.#readZone(key, { ...zone, strategy: zone.strategy ?? strategy }, ['zones', key, 'upstreams']);
    });
    for (const [i, { name }] of zones.entries()) {
      if (zones.findIndex((other) => other.name === name) !== i) this.#problems.add(['zones'], `the zone ${name} is written twice`);
    }
    return zones;
  }

  #readZone(
    key: string,
    written: { upstreams: string[]; trusted?: boolean | undefined; strategy: UpstreamStrategy },
    upstreamsPath: Path,
  ): ZoneConfig[] {
    const path = ['zones', key];
    const [name] = this.#problems.take(parseName(key), path);
    const upstreams = this.read(written.upstreams, upstreamsPath);
    if (name === undefined) return [];
    const parsed = fromPresentation(name);
    // Trusting a public suffix would take the budget off every name that anybody can register below it.
    const tooWide = parsed !== null && isPublicSuffix(parsed);
    if (tooWide && written.trusted === true)
      this.#problems.add([...path, 'trusted'], `${name} is a public suffix and cannot be trusted as a whole`);
    const trusted =
      written.trusted ?? (!tooWide && upstreams.every((upstream) => upstream.address !== null && isPrivate(upstream.address)));
    return [{ name, upstreams, strategy: written.strategy, trusted }];
  }

  /** What holds between them, once all have been read. */
  check(config: Config): void {
    const placeOf = (upstream: UpstreamUrl): Path => this.#places.get(upstream) ?? ['upstreams'];
    checkLoops(config, this.#problems, placeOf);
    checkAddresses(config, this.#problems, placeOf);
  }
}

/** Kennel asking itself, directly: the query would go round until its sockets run out. */
export function checkLoops(
  config: Pick<Config, 'listen' | 'upstreams' | 'zones' | 'lanUpstreams' | 'forwarding'>,
  problems: Problems,
  placeOf: (upstream: UpstreamUrl) => Path,
): void {
  const { upstreams, zones, lanUpstreams, forwarding } = config;
  for (const upstream of [...upstreams, ...lanUpstreams, ...forwarding.bootstrap, ...zones.flatMap((zone) => zone.upstreams)]) {
    const listener = listenerAskedBy(upstream, config.listen.dns);
    if (listener === null) continue;
    const message = `${upstream.text} is Kennel's own listener (${addressAndPort(listener)}): it would ask itself; name the resolver to ask instead`;
    problems.add(placeOf(upstream), message);
  }
}

/** An upstream without an address needs somebody to ask for it, who must have one: the system's resolver may be Kennel itself. */
export function checkAddresses(
  config: Pick<Config, 'upstreams' | 'zones' | 'lanUpstreams' | 'forwarding'>,
  problems: Problems,
  placeOf: (upstream: UpstreamUrl) => Path,
): void {
  const { upstreams, zones, lanUpstreams, forwarding } = config;
  for (const upstream of forwarding.bootstrap) {
    if (upstream.address === null)
      problems.add(placeOf(upstream), `${upstream.text} has no IP address itself; bootstrap upstreams need one`);
  }
  if (forwarding.bootstrap.length > 0) return;
  for (const upstream of [...upstreams, ...lanUpstreams, ...zones.flatMap((zone) => zone.upstreams)]) {
    if (upstream.address !== null) continue;
    const message = `${upstream.text} has no IP address; write it after an @ at the end, or a resolver to ask for it under forwarding.bootstrap`;
    problems.add(placeOf(upstream), message);
  }
}
