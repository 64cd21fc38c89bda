/** Kennel before a server of the differential tests: everything may be asked, nothing is judged. */
import { DEFAULT_QTYPES } from '../../src/config/policy-section.ts';
import { type Kennel, startKennelOnLoopback } from '../lab/kennel-process.ts';
import type { LoopbackServer } from '../lab/loopback-servers.ts';

export interface KennelOptions {
  readonly mode: 'observe' | 'enforce';
  /** The names are on the allowlist, so that no floor is put under their TTLs. */
  readonly allowlisted: boolean;
  /** Entries of the cache; as usual when absent. */
  readonly maxEntries?: number;
}

/** All names of the zones but `example` itself, which is a top-level domain and takes no pattern. */
const NAMES = ['zone', 'signed', 'nsec3', 'ns', 'www', 'nothing'].map((label) => `**.${label}.example`);

export function startKennelBefore(upstream: LoopbackServer, { mode, allowlisted, maxEntries }: KennelOptions): Promise<Kennel> {
  const allow = allowlisted ? { allow: [{ section: 'lab', owner: 'lab', reason: 'the zones compared', names: NAMES }] } : {};
  return startKennelOnLoopback({
    mode,
    upstreams: [`udp://${upstream.address}:${upstream.port}`],
    reputation: 'off',
    limits: 'off',
    rebinding: { allow: NAMES },
    cache: maxEntries === undefined ? {} : { maxEntries },
    policies: [{ name: 'everyone', match: {}, default: 'allow', budgets: 'off', qtypes: [...DEFAULT_QTYPES, 'TYPE65280'], ...allow }],
  });
}
