/**
 * A client that asks for one new name after the other at a steady pace and writes down what came back and when. It retries nothing:
 * what a stub resolver would hide shows here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { labelsOfText, queryMessage } from './messages.ts';
import { openUdpAsker } from './udp-asker.ts';

/** Longer than a stub waits (glibc: 5 s). */
const PATIENCE_MS = 5_000;
const A = 1;
const NOERROR = 0;
const SERVFAIL = 2;

export interface Asked {
  /** After the first query of the load. */
  readonly atMs: number;
  /** Until the answer came; Infinity without one. */
  readonly tookMs: number;
  readonly outcome: 'answered' | 'forged' | 'servfail' | 'other' | 'silent';
}

export interface Load {
  /** The queries ask for `N.` and this. */
  readonly below: string;
  readonly seconds: number;
  readonly perSecond: number;
  /** Queries sent at once; 1 unless told. */
  readonly burst?: number;
  /** The address that honest answers hold; any other is forged. */
  readonly honestAddress: string;
}

/** Resolves when the last query has its answer or has waited for 5 s. */
export async function askSteadily(to: { address: string; port: number }, load: Load): Promise<Asked[]> {
  const asker = await openUdpAsker(to);
  const startedMs = performance.now();
  const burst = load.burst ?? 1;
  const total = Math.round(load.seconds * load.perSecond);
  const honest = Buffer.from(load.honestAddress.split('.').map(Number));
  const asked: Promise<Asked>[] = [];
  for (let sent = 0; sent < total; sent += burst) {
    const dueMs = (sent / load.perSecond) * 1000;
    const waitMs = dueMs - (performance.now() - startedMs);
    if (waitMs > 0) await sleep(waitMs);
    for (let index = sent; index < Math.min(sent + burst, total); index++) {
      const atMs = performance.now() - startedMs;
      const message = queryMessage({ id: index & 0xffff, labels: labelsOfText(`${index}.${load.below}`), qtype: A });
      asked.push(
        asker.ask(message, PATIENCE_MS).then((answer) => ({
          atMs,
          tookMs: answer === null ? Number.POSITIVE_INFINITY : performance.now() - startedMs - atMs,
          outcome: outcomeOf(answer, honest),
        })),
      );
    }
  }
  const all = await Promise.all(asked);
  await asker.close();
  return all;
}

function outcomeOf(answer: Buffer | null, honest: Buffer): Asked['outcome'] {
  if (answer === null) return 'silent';
  const rcode = answer.readUInt8(3) & 15;
  if (rcode === SERVFAIL) return 'servfail';
  if (rcode !== NOERROR || answer.readUInt16BE(6) === 0) return 'other';
  return answer.includes(honest) ? 'answered' : 'forged';
}

/** Of answers in milliseconds; 0 for none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? 0;
}
