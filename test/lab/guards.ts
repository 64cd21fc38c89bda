/** Forgery guards that are all off, for tests of what holds without them. */
import { ForgeryGuards } from '../../src/upstream/forgery-guards.ts';
import { createRandom16 } from '../../src/upstream/random16.ts';
import { FakeClock } from './clocks.ts';

export function unguarded(): ForgeryGuards {
  return new ForgeryGuards({ randomCase: false, cookies: false }, createRandom16(), new FakeClock());
}
