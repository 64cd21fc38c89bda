/**
 * What a question carries over UDP and TCP so that its answer can be told from a forged one, beyond port and ID (RFC 5452): letter
 * case and a cookie, each when it is switched on. Owns the rule what an answer without them is worth. One for all sockets of an upstream.
 */
import type { Clock } from '../pipeline/ports.ts';
import type { QName } from '../wire/name.ts';
import type { SpelledName } from '../wire/query-encode.ts';
import { type ParsedResponse, repeatsSpelling } from '../wire/response-parse.ts';
import { CookieJar } from './cookie-jar.ts';
import { RandomCase } from './random-case.ts';
import type { Random16 } from './random16.ts';

/** What one question was sent with, for its answer to repeat. */
export interface Marks {
  readonly spelling: SpelledName | null;
  readonly cookie: Uint8Array | null;
}

/**
 * `stray`: as if it had not come; the right answer still may. `ask-again`: over UDP with other marks. `ask-over-tcp`: port, ID and
 * question are right and a mark is not: either forged, or the upstream cannot do better, and TCP, which nobody forges blind, will tell.
 */
export type GuardVerdict = 'believed' | 'stray' | 'ask-again' | 'ask-over-tcp';

export interface GuardSettings {
  readonly randomCase: boolean;
  readonly cookies: boolean;
}

export interface ForgeryGuards {
  /** Fresh marks for one question that leaves from this address. */
  marksFor(qname: QName, localAddress: string): Marks;
  /** An answer over UDP whose source, ID and question are right. */
  judgeDatagram(marks: Marks, packet: Uint8Array, response: ParsedResponse): GuardVerdict;
  /** An answer over TCP whose ID and question are right. What it lacks, the upstream cannot do: questions stop carrying it for a while. */
  judgeStream(marks: Marks, packet: Uint8Array, response: ParsedResponse): 'believed' | 'stray' | 'ask-again';
}

const NO_MARKS: Marks = { spelling: null, cookie: null };

/** For streams that are encrypted. */
export const NO_GUARDS: ForgeryGuards = {
  marksFor: () => NO_MARKS,
  judgeDatagram: () => 'believed',
  judgeStream: () => 'believed',
};

export function createForgeryGuards(settings: GuardSettings, random16: Random16, clock: Clock): ForgeryGuards {
  return settings.randomCase || settings.cookies ? new Guards(settings, random16, clock) : NO_GUARDS;
}

class Guards implements ForgeryGuards {
  readonly #case: RandomCase | null;
  readonly #jar: CookieJar | null;

  constructor({ randomCase, cookies }: GuardSettings, random16: Random16, clock: Clock) {
    this.#case = randomCase ? new RandomCase(random16, clock) : null;
    this.#jar = cookies ? new CookieJar(random16, clock) : null;
  }

  marksFor(qname: QName, localAddress: string): Marks {
    return { spelling: this.#case?.spell(qname) ?? null, cookie: this.#jar?.cookieFrom(localAddress) ?? null };
  }

  judgeDatagram({ spelling, cookie }: Marks, packet: Uint8Array, response: ParsedResponse): GuardVerdict {
    if (spelling !== null && !repeatsSpelling(packet, spelling)) return 'ask-over-tcp';
    const verdict = this.#judgeCookie(cookie, response);
    return verdict === 'missing' ? 'ask-over-tcp' : verdict;
  }

  judgeStream({ spelling, cookie }: Marks, packet: Uint8Array, response: ParsedResponse): 'believed' | 'stray' | 'ask-again' {
    if (spelling !== null && !repeatsSpelling(packet, spelling)) this.#case?.noteChangedCase();
    const verdict = this.#judgeCookie(cookie, response);
    if (verdict !== 'missing') return verdict;
    this.#jar?.forgetServerCookie();
    return 'believed';
  }

  #judgeCookie(cookie: Uint8Array | null, response: ParsedResponse): 'believed' | 'stray' | 'missing' | 'ask-again' {
    const verdict = this.#jar?.judge(cookie, response) ?? 'believed';
    if (verdict === 'refused') this.#jar?.pause();
    return verdict === 'renewed' || verdict === 'refused' ? 'ask-again' : verdict;
  }
}
