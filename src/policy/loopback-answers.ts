/**
 * The shipped zones whose answers in 127.0.0.0/8 are codes (DNS blocklists, RFC 5782 §2.1). Owns reading the list; what may pass
 * because of it is `aliases.ts`.
 */
import { readFileSync } from 'node:fs';
import { compilePatterns, type PatternSet } from './policy.ts';

const SHIPPED = new URL('../../blocklists/loopback-answers.txt', import.meta.url);

/** Throws when the list is missing or damaged: the installation is broken. */
export function loadLoopbackAnswerZones(file: URL = SHIPPED): PatternSet {
  const lines = readFileSync(file, 'utf8').split('\n');
  const zones = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split('\t')[0] ?? '');
  return compilePatterns(zones.map((zone) => `**.${zone}`));
}
