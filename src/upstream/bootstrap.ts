/**
 * An upstream that the config names without an address: the address is asked of the bootstrap upstreams, before anything is sent to
 * it, and again when its TTL has ended. Owns the address, the one upstream opened for it and the pauses between look-ups; the look-up
 * itself is an argument, and never the operating system's resolver, which may be Kennel.
 */
import ipaddr from 'ipaddr.js';
import type { SendPermit } from '../pipeline/permit.ts';
import type { Clock } from '../pipeline/ports.ts';
import type { Attempt, Upstream } from './upstream.ts';
import type { PinnedUpstream, UpstreamUrl } from './upstream-url.ts';

/** The addresses of a host, at least one, literal, and how long they hold. */
export interface HostAddresses {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/** Null: nobody knows, or nobody answers. Never rejects for network reasons. */
export type LookUpHost = (host: string) => Promise<HostAddresses | null>;

/** A TTL of seconds must not mean a look-up with every question, nor one of weeks an address for ever. */
const MIN_HOLD_MS = 60_000;
const MAX_HOLD_MS = 86_400_000;

/** After a look-up that failed, or one whose addresses all failed; doubled each time, until an answer comes. */
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** More addresses than anyone tries. */
const MAX_ADDRESSES = 8;

const UNUSABLE_RANGES = new Set(['unspecified', 'multicast', 'broadcast']);

/** The upstream for one address, and the questions that wait on it. */
interface Opened {
  readonly upstream: Upstream;
  readonly address: string;
  waiting: number;
  lastAnswerMs: number;
}

/** Throws when the URL names no host to look up. Opens nothing and asks nobody before its first question. */
export function createBootstrappedUpstream(
  url: UpstreamUrl,
  lookUpHost: LookUpHost,
  openPinned: (url: PinnedUpstream) => Upstream,
  clock: Clock,
): Upstream {
  const { serverName } = url;
  if (serverName === null) throw new Error(`${url.text} names no host`);
  return new BootstrappedUpstream(url, () => lookUpHost(serverName), openPinned, clock);
}

class BootstrappedUpstream implements Upstream {
  /** Only TLS and HTTPS go without an address. */
  readonly losesDatagrams = false;
  readonly #url: UpstreamUrl;
  readonly #resolve: () => Promise<HostAddresses | null>;
  readonly #openPinned: (url: PinnedUpstream) => Upstream;
  readonly #clock: Clock;
  /** As they were last learned; kept while later look-ups fail. */
  #addresses: readonly string[] = [];
  #opened: Opened | null = null;
  /** Replaced, but questions still wait on them. */
  readonly #leaving = new Set<Opened>();
  #lookUp: Promise<void> | null = null;
  #nextLookUpMs = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;
  #earlierStrays = 0;
  #closed = false;

  constructor(url: UpstreamUrl, resolve: () => Promise<HostAddresses | null>, openPinned: (url: PinnedUpstream) => Upstream, clock: Clock) {
    this.#url = url;
    this.#resolve = resolve;
    this.#openPinned = openPinned;
    this.#clock = clock;
  }

  get url(): string {
    return this.#url.text;
  }

  get strayMessages(): number {
    const open = [...this.#leaving, ...(this.#opened === null ? [] : [this.#opened])];
    return open.reduce((sum, { upstream }) => sum + upstream.strayMessages, this.#earlierStrays);
  }

  /** With no address yet, waits for one as long as the question itself may wait. */
  async ask(permit: SendPermit, timeoutMs: number): Promise<Attempt> {
    if (this.#closed) return failure('overloaded', 'the upstream was closed');
    const startedMs = this.#clock.monotonicMs();
    if (this.#lookUp === null && startedMs >= this.#nextLookUpMs) this.#startLookUp();
    if (this.#opened === null) {
      if (this.#lookUp === null) return failure('unreachable', 'its address is not known');
      if (!(await endsWithin(this.#lookUp, timeoutMs))) return failure('timeout', 'its address was not found in time');
    }
    const leftMs = timeoutMs - (this.#clock.monotonicMs() - startedMs);
    const opened = this.#opened;
    if (this.#closed) return failure('overloaded', 'the upstream was closed');
    if (opened === null) return failure('unreachable', 'its address is not known');
    if (leftMs <= 0) return failure('timeout', 'its address was found too late');
    return this.#askOpened(opened, permit, leftMs);
  }

  close(): void {
    this.#closed = true;
    for (const { upstream } of this.#leaving) upstream.close();
    this.#opened?.upstream.close();
  }

  async #askOpened(opened: Opened, permit: SendPermit, timeoutMs: number): Promise<Attempt> {
    const askedAtMs = this.#clock.monotonicMs();
    opened.waiting++;
    const attempt = await opened.upstream.ask(permit, timeoutMs);
    opened.waiting--;
    if (attempt.kind === 'response') {
      opened.lastAnswerMs = this.#clock.monotonicMs();
      this.#pauseMs = 0;
    } else if (opened === this.#opened && attempt.reason !== 'overloaded' && opened.lastAnswerMs <= askedAtMs) {
      this.#useNextAddress();
    }
    if (this.#leaving.has(opened) && opened.waiting === 0) this.#drop(opened);
    return attempt;
  }

  /** In the background of whoever asks; one at a time. */
  #startLookUp(): void {
    const lookUp = this.#resolve().then((found) => this.#learn(found));
    this.#lookUp = lookUp;
    const over = (): void => {
      if (this.#lookUp === lookUp) this.#lookUp = null;
    };
    lookUp.then(over, over);
  }

  #learn(found: HostAddresses | null): void {
    const nowMs = this.#clock.monotonicMs();
    const addresses = (found?.addresses ?? []).filter(isUsable).slice(0, MAX_ADDRESSES);
    if (found === null || addresses.length === 0) {
      this.#nextLookUpMs = nowMs + this.#longerPause();
      return;
    }
    this.#nextLookUpMs = nowMs + Math.min(Math.max(found.ttlSeconds * 1000, MIN_HOLD_MS), MAX_HOLD_MS);
    this.#addresses = addresses;
    // A host with several addresses is not left because its name server shuffles them.
    const [first] = addresses;
    if (first !== undefined && !addresses.includes(this.#opened?.address ?? '')) this.#open(first);
  }

  /** The address did not answer: the host's next one from now on, and after the last of them the host may have moved. */
  #useNextAddress(): void {
    const at = this.#addresses.indexOf(this.#opened?.address ?? '') + 1;
    const next = this.#addresses[at % this.#addresses.length];
    if (at >= this.#addresses.length) {
      this.#nextLookUpMs = Math.min(this.#nextLookUpMs, this.#clock.monotonicMs() + this.#longerPause());
    }
    if (next !== undefined && next !== this.#opened?.address) this.#open(next);
  }

  #longerPause(): number {
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), MAX_PAUSE_MS);
    return this.#pauseMs;
  }

  #open(address: string): void {
    if (this.#closed) return;
    const earlier = this.#opened;
    this.#opened = { upstream: this.#openPinned({ ...this.#url, address }), address, waiting: 0, lastAnswerMs: Number.NEGATIVE_INFINITY };
    if (earlier === null) return;
    this.#leaving.add(earlier);
    if (earlier.waiting === 0) this.#drop(earlier);
  }

  #drop(opened: Opened): void {
    this.#leaving.delete(opened);
    this.#earlierStrays += opened.upstream.strayMessages;
    opened.upstream.close();
  }
}

/** Filtering resolvers answer with 0.0.0.0 and `::` for what they block: that would be this machine. */
function isUsable(address: string): boolean {
  return ipaddr.isValid(address) && !UNUSABLE_RANGES.has(ipaddr.parse(address).range());
}

function failure(reason: 'timeout' | 'unreachable' | 'overloaded', detail: string): Attempt {
  return { kind: 'failure', reason, detail };
}

/** Whether it did; rejects with what it rejects. */
async function endsWithin(work: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
