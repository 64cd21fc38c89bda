/** The contract of upstream groups over UDP and TCP, with each strategy. */
import { describe } from 'vitest';
import { everyUpstreamGroup } from './upstream-group-suite.ts';

describe.each([
  ['udp', 'ordered'],
  ['udp', 'fastest'],
  ['tcp', 'ordered'],
  ['tcp', 'fastest'],
] as const)('over %s, %s', everyUpstreamGroup);
