/**
 * Joins identical questions in flight: who asks what is already on its way to an upstream waits for that answer, so that one
 * send serves all and only the first is charged. Owns no answers: a settled exchange is forgotten at once.
 */

export interface InFlight<T> {
  /** Whether `join` with this key would wait for an exchange under way instead of starting one. */
  isInFlight(key: string): boolean;
  /**
   * The exchange under way for this key, or the one that `start` begins now. Past the bound an exchange is started but not
   * registered: later askers start (and are charged for) their own. What `start` throws, `join` throws.
   */
  join(key: string, start: () => Promise<T>): Promise<T>;
  /** From now on nobody joins what is under way, after a flush; who waits already goes on waiting. */
  closeAll(): void;
  /** Exchanges under way, those included that nobody joins any more. */
  readonly size: number;
}

/** `maxExchanges`: how many exchanges can be joined at one time. */
export function createInFlight<T>(maxExchanges: number): InFlight<T> {
  const exchanges = new Map<string, Promise<T>>();
  let size = 0;

  return {
    isInFlight: (key) => exchanges.has(key),

    join(key, start) {
      const underWay = exchanges.get(key);
      if (underWay !== undefined) return underWay;
      const exchange = start();
      if (size >= maxExchanges) return exchange;
      exchanges.set(key, exchange);
      size += 1;
      const forget = (): void => {
        size -= 1;
        if (exchanges.get(key) === exchange) exchanges.delete(key);
      };
      exchange.then(forget, forget);
      return exchange;
    },

    closeAll() {
      exchanges.clear();
    },

    get size() {
      return size;
    },
  };
}
