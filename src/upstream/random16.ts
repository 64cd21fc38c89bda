/**
 * Random 16-bit numbers for query IDs and for the choice among source ports, from the kernel's generator, drawn in bulk.
 */
import { randomFillSync } from 'node:crypto';

/** Returns 0-65535, uniform and unpredictable (RFC 5452 §9.1, §9.2). */
export type Random16 = () => number;

const POOL_NUMBERS = 4096;

/** A pre-filled pool: one call into the generator serves 4,096 draws, and no number is handed out twice. */
export function createRandom16(): Random16 {
  const pool = new Uint16Array(POOL_NUMBERS);
  let used = POOL_NUMBERS;
  return () => {
    if (used === POOL_NUMBERS) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++] ?? 0;
  };
}
