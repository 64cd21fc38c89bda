/**
 * The open listeners of one Kennel across configs: what both configs name stays open, what is new is bound before anything is
 * changed and answers from the change on, what is gone answers what it has taken. How one is opened is `listeners.ts`.
 */
import type { Config, Endpoint } from '../config/config.ts';
import type { Listener } from '../listener/listener.ts';
import { addressAndPort } from '../wire/address.ts';
import { type ListenerParts, openListeners } from './listeners.ts';

export interface PreparedListeners {
  readonly kind: 'prepared';
  /** Lets the new ones answer and the others go. */
  commit(): void;
  /** Closes what was opened for it. */
  abandon(): Promise<void>;
}

/** What could not be bound; nothing was opened. */
export type ListenFailure = { readonly kind: 'failed'; readonly messages: readonly string[] };

/** As long as an upstream exchange may take: what was asked before is still answered. */
const DRAIN_MS = 5_000;

export class ListenerSet {
  readonly #parts: ListenerParts;
  readonly #config: () => Config;
  /** By the endpoint as it is configured: port 0 stays what the system chose. */
  #open: ReadonlyMap<string, readonly Listener[]> = new Map();
  readonly #draining = new Map<string, Promise<unknown>>();

  /** `config`: the one in use; limits of connections are read from it again and again. */
  constructor(parts: ListenerParts, config: () => Config) {
    this.#parts = parts;
    this.#config = config;
  }

  /** Bound UDP and TCP addresses. */
  get bound(): readonly Endpoint[] {
    return this.#all()
      .filter(({ protocol }) => protocol === 'udp')
      .map(({ address, port }) => ({ address, port }));
  }

  /** Queries taken and not yet answered. */
  pending(): number {
    return this.#all().reduce((sum, listener) => sum + listener.pending(), 0);
  }

  /** Binds what is not open yet. What arrives there before `commit` waits. */
  async prepare(endpoints: readonly Endpoint[]): Promise<PreparedListeners | ListenFailure> {
    const gate = new Gate(this.#parts);
    const next = new Map<string, readonly Listener[]>();
    const opened: Listener[] = [];
    const messages: string[] = [];
    for (const endpoint of endpoints) {
      const key = addressAndPort(endpoint);
      const kept = this.#open.get(key);
      if (kept !== undefined) {
        next.set(key, kept);
        continue;
      }
      // One that was let go a moment ago may still hold the address.
      await this.#draining.get(key);
      const both = await openListeners(endpoint, this.#config, gate.parts);
      const listeners = both.filter((listener) => listener.kind === 'listener');
      for (const one of both) if (one.kind === 'listen-error') messages.push(one.message);
      opened.push(...listeners);
      next.set(key, listeners);
    }
    const abandon = async (): Promise<void> => {
      gate.shut();
      await Promise.all(opened.map((listener) => listener.close(0)));
    };
    if (messages.length > 0) {
      await abandon();
      return { kind: 'failed', messages };
    }
    const commit = (): void => {
      const gone = [...this.#open].filter(([key]) => !next.has(key));
      this.#open = next;
      gate.open();
      for (const [key, listeners] of gone) this.#drain(key, listeners);
    };
    return { kind: 'prepared', commit, abandon };
  }

  async close(drainMs: number): Promise<void> {
    await Promise.all([...this.#all().map((listener) => listener.close(drainMs)), ...this.#draining.values()]);
  }

  #drain(key: string, listeners: readonly Listener[]): void {
    const closed = Promise.all(listeners.map((listener) => listener.close(DRAIN_MS))).then(() => this.#draining.delete(key));
    this.#draining.set(key, closed);
  }

  #all(): Listener[] {
    return [...this.#open.values()].flat();
  }
}

/** Holds back what new listeners take until the config that names them is in force. */
class Gate {
  readonly parts: ListenerParts;
  readonly #settled = Promise.withResolvers<void>();
  #isOpen = false;

  constructor(parts: ListenerParts) {
    const { answer, admit } = parts;
    this.parts = {
      ...parts,
      answer: (packet, source) =>
        this.#isOpen ? answer(packet, source) : this.#settled.promise.then(() => (this.#isOpen ? answer(packet, source) : null)),
      // Whose connection is early is asked about again with each query.
      admit: (address) => !this.#isOpen || admit(address),
    };
  }

  open(): void {
    this.#isOpen = true;
    this.#settled.resolve();
  }

  /** What waits gets no answer: the address is not ours. */
  shut(): void {
    this.#settled.resolve();
  }
}
