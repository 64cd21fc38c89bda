/** The clock of a real process; tests and replays pass their own. Its monotonic time begins with the process. */
import type { Clock } from '../pipeline/ports.ts';

export const SYSTEM_CLOCK: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
