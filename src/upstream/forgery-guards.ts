/**
 * What a question carries over UDP and TCP beyond header and question, for one upstream: letter case and a cookie, each when it is switched
 * on, so that its answer can be told from a forged one beyond port and ID (RFC 5452), in the form that the upstream understands. Owns the
 * rule what an answer without them is worth. One for all sockets of an upstream.
 */
import type { Clock } from '../pipeline/ports.ts';
import type { QName } from '../wire/name.ts';
import type { SpelledName } from '../wire/query-encode.ts';
import { type ParsedResponse, repeatsSpelling } from '../wire/response-parse.ts';
import { CookieJar } from './cookie-jar.ts';
import { type QuestionForm, QuestionForms } from './question-forms.ts';
import { RandomCase } from './random-case.ts';
import type { Random16 } from './random16.ts';

/** What one question was sent with, for its answer to repeat. */
export interface Marks {
  readonly spelling: SpelledName | null;
  readonly cookie: Uint8Array | null;
  readonly form: QuestionForm;
  /** Without an OPT. */
  readonly bare: boolean;
}

/** What has been found out about a query that is to be sent. */
export interface Asked {
  /** The form that its last answer has called malformed. */
  readonly refused: QuestionForm | null;
  /** The form that it is there to try. */
  readonly trial: QuestionForm | null;
}

/**
 * `stray`: as if it had not come; the right answer still may. `ask-again`: over UDP with other marks. `ask-simpler`: the same, in a simpler
 * form. `ask-over-tcp`: port, ID and question are right and a mark is not: either forged, or the upstream cannot do better, and TCP, which
 * nobody forges blind, will tell.
 */
export type GuardVerdict = 'believed' | 'stray' | 'ask-again' | 'ask-simpler' | 'ask-over-tcp';

export interface GuardSettings {
  readonly randomCase: boolean;
  readonly cookies: boolean;
}

export interface ForgeryGuards {
  /** Fresh marks for one question that leaves from this address. */
  marksFor(qname: QName, localAddress: string, asked: Asked): Marks;
  /** A form to try by a repeat of the next question, beside it; null: none. */
  takeTrial(): QuestionForm | null;
  /** A question with these marks leaves by a datagram; if nothing comes back, the next one leaves in a simpler form. */
  noteDatagram(marks: Marks): void;
  /** An answer over UDP whose source, ID and question are right. */
  judgeDatagram(marks: Marks, asked: Asked, packet: Uint8Array, response: ParsedResponse): GuardVerdict;
  /** An answer over TCP whose ID and question are right. What it lacks, the upstream cannot do: questions stop carrying it for a while. */
  judgeStream(marks: Marks, asked: Asked, packet: Uint8Array, response: ParsedResponse): 'believed' | 'stray' | 'ask-again' | 'ask-simpler';
}

export const NO_MARKS: Marks = { spelling: null, cookie: null, form: 'opt', bare: false };

/** For streams that are encrypted: who speaks TLS or HTTPS with a resolver knows EDNS. */
export const NO_GUARDS: ForgeryGuards = {
  marksFor: () => NO_MARKS,
  takeTrial: () => null,
  noteDatagram: () => undefined,
  judgeDatagram: () => 'believed',
  judgeStream: () => 'believed',
};

/** The guards of one upstream, by the config. */
export function createForgeryGuards(settings: GuardSettings, random16: Random16, clock: Clock): ForgeryGuards {
  return new Guards(settings, random16, clock);
}

class Guards implements ForgeryGuards {
  readonly #case: RandomCase | null;
  readonly #jar: CookieJar | null;
  readonly #forms: QuestionForms;

  constructor({ randomCase, cookies }: GuardSettings, random16: Random16, clock: Clock) {
    this.#case = randomCase ? new RandomCase(random16, clock) : null;
    this.#jar = cookies ? new CookieJar(random16, clock) : null;
    this.#forms = new QuestionForms(clock, cookies);
  }

  marksFor(qname: QName, localAddress: string, { refused, trial }: Asked): Marks {
    const form = trial ?? this.#forms.choose(refused);
    const cookie = form === 'cookie' ? (this.#jar?.cookieFrom(localAddress) ?? null) : null;
    return { spelling: this.#case?.spell(qname) ?? null, cookie, form, bare: form === 'bare' };
  }

  takeTrial(): QuestionForm | null {
    return this.#forms.takeTrial();
  }

  noteDatagram({ form }: Marks): void {
    this.#forms.noteSent(form);
  }

  judgeDatagram(marks: Marks, asked: Asked, packet: Uint8Array, response: ParsedResponse): GuardVerdict {
    if (marks.spelling !== null && !repeatsSpelling(packet, marks.spelling)) return 'ask-over-tcp';
    const verdict = this.#jar?.judge(marks.cookie, response) ?? 'believed';
    if (verdict === 'stray') return 'stray';
    if (verdict === 'missing') return 'ask-over-tcp';
    if (verdict === 'renewed') return 'ask-again';
    return this.#isRefused(marks, asked, response) ? 'ask-simpler' : 'believed';
  }

  judgeStream(
    marks: Marks,
    asked: Asked,
    packet: Uint8Array,
    response: ParsedResponse,
  ): 'believed' | 'stray' | 'ask-again' | 'ask-simpler' {
    if (marks.spelling !== null && !isRefusalWithoutQuestion(packet) && !repeatsSpelling(packet, marks.spelling)) {
      this.#case?.noteChangedCase();
    }
    const verdict = this.#jar?.judge(marks.cookie, response) ?? 'believed';
    if (verdict === 'stray') return 'stray';
    if (verdict === 'renewed') return 'ask-again';
    if (verdict === 'missing') this.#jar?.forgetServerCookie();
    return this.#isRefused(marks, asked, response) ? 'ask-simpler' : 'believed';
  }

  /** A truncated message is believed in nothing but that TCP has to be asked. */
  #isRefused({ form }: Marks, { refused, trial }: Asked, response: ParsedResponse): boolean {
    return !response.truncated && this.#forms.refuses(form, response.rcode, refused) && trial === null;
  }
}

/** QDCOUNT is 0. */
function isRefusalWithoutQuestion(packet: Uint8Array): boolean {
  return packet[4] === 0 && packet[5] === 0;
}
