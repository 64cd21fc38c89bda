/**
 * How far V8 lets the heap of the resolver grow beyond what is in use. Owns these two settings only: what is in use is bounded where it is
 * kept (cache, meters, sessions).
 *
 * A query leaves little behind it, so room for more garbage buys nothing. Measured with `npm run bench:random-names -- --process`: V8's
 * own choice, made for the size of the machine, took 1,050 MiB of resident memory for 200 MiB in use.
 */
import { setFlagsFromString } from 'node:v8';

/** Old space is collected when it has grown by this much since the last time; V8's choice is up to 300 %. */
const GROWTH_PERCENT = 50;

/** Young space keeps the 16 MiB it starts with; V8 doubles it up to 128 MiB, and a scavenge costs no less for that. */
const YOUNG_GROWTH_FACTOR = 1;

/** For this process and the threads it starts from now on. Other versions of V8 that lack a setting go by their own choice. */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  setFlagsFromString(`--semi-space-growth-factor=${YOUNG_GROWTH_FACTOR}`);
}
