/**
 * Who may reload when: one at a time, and all who ask while one runs share the next. Keeps how the last one ended.
 * What a reload does is `kennel.ts`.
 */

/** `signal`: SIGHUP. `file`: a watched file has changed. `api`: somebody with the token asked. `retry`: the last one failed. */
export type ReloadTrigger = 'signal' | 'file' | 'api' | 'retry';

export type ReloadOutcome =
  | {
      readonly kind: 'reloaded';
      /** Hash of the config before and of the one in use now. */
      readonly from: string;
      readonly to: string;
      /** Keys of the config that differ; empty when only files it names were read again. */
      readonly changed: readonly string[];
      readonly warnings: readonly string[];
    }
  /** Nothing has changed. One message for everything that is wrong. */
  | { readonly kind: 'failed'; readonly messages: readonly string[] };

export class ReloadQueue {
  readonly #reload: (trigger: ReloadTrigger) => Promise<ReloadOutcome>;
  #running: Promise<ReloadOutcome> | null = null;
  #next: Promise<ReloadOutcome> | null = null;
  #isStopped = false;
  #failure: readonly string[] | null = null;

  /** `reload` must not reject. */
  constructor(reload: (trigger: ReloadTrigger) => Promise<ReloadOutcome>) {
    this.#reload = reload;
  }

  /** Why the last reload failed; null when it did not. */
  get failure(): readonly string[] | null {
    return this.#failure;
  }

  /** Resolves with the outcome of a reload that began after this call. */
  request(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    if (this.#running === null) return this.#start(trigger);
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.#start(trigger);
    });
    return this.#next;
  }

  /** Begins none any more; resolves when none runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  #start(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    if (this.#isStopped) return Promise.resolve({ kind: 'failed', messages: ['Kennel is closing'] });
    this.#running = this.#reload(trigger)
      .then((outcome) => {
        this.#failure = outcome.kind === 'failed' ? outcome.messages : null;
        return outcome;
      })
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }
}
