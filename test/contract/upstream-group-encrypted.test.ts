/** The contract of upstream groups over TLS and HTTPS. */
import { describe } from 'vitest';
import { everyUpstreamGroup } from './upstream-group-suite.ts';

describe.each([
  ['tls', 'ordered'],
  ['https', 'ordered'],
] as const)('over %s, %s', everyUpstreamGroup);
