/**
 * In which form one upstream is asked over UDP and plain TCP: with OPT and cookie, with OPT alone, or bare. Home routers and old servers
 * drop or refuse what they do not know (RFC 6891 §6.2.2, §7); asked in a simpler form they answer. Owns what is known of that; what the
 * other forms cost is docs/decisions/0015. The form follows from earlier answers of the upstream and the time, never from a question.
 */
import type { Clock } from '../pipeline/ports.ts';
import { RCODE } from '../wire/codes.ts';

/** From the fullest to the simplest. */
const FORMS = ['cookie', 'opt', 'bare'] as const;

/** `cookie`: OPT with DO and, where cookies are on, a COOKIE option. `opt`: OPT with DO. `bare`: header and question. */
export type QuestionForm = (typeof FORMS)[number];

/** A form without an answer for so long is silent; less than the first wait for a repeat (400 ms), which then takes the next form. */
const SILENCE_MS = 300;

/** What the upstream has answered it understands: whatever is silent or refused meanwhile has another reason. */
const PROOF_MS = 120_000;

/** A form that does not work is tried beside an ordinary question after a while; each time in vain the pause grows. */
const FIRST_PAUSE_MS = 2_000;
const PAUSE_GROWTH = 10;
const MAX_PAUSE_MS = 600_000;

/** So many refusals in a row and the proof is worth nothing: another server may stand there now. */
const REFUSALS_AGAINST_PROOF = 3;

interface FormState {
  readonly form: QuestionForm;
  provenUntilMs: number;
  /** When the first of the questions was sent that nothing has answered since; null: none waits. */
  silentSinceMs: number | null;
  refusals: number;
  /** When it is tried again, if it does not work; null: it may be used. */
  nextTrialMs: number | null;
  pauseMs: number;
}

export class QuestionForms {
  readonly #clock: Clock;
  readonly #states: readonly FormState[];

  /** `cookies`: whether the fullest form exists. */
  constructor(clock: Clock, cookies: boolean) {
    this.#clock = clock;
    this.#states = FORMS.slice(cookies ? 0 : 1).map((form) => ({
      form,
      provenUntilMs: Number.NEGATIVE_INFINITY,
      silentSinceMs: null,
      refusals: 0,
      nextTrialMs: null,
      pauseMs: 0,
    }));
  }

  /** The form for the next question; `refused`: the one that its last answer has called malformed, so that a simpler one is wanted. */
  choose(refused: QuestionForm | null): QuestionForm {
    const nowMs = this.#clock.monotonicMs();
    const usable = this.#states.filter(({ form, nextTrialMs }) => nextTrialMs === null && isSimpler(form, refused));
    const promising = usable.find((state) => isProven(state, nowMs) || !isSilent(state, nowMs));
    if (promising !== undefined) return promising.form;
    // All are silent: the upstream is away, and when it is back it may understand all of them.
    for (const state of usable) state.silentSinceMs = null;
    return usable[0]?.form ?? 'bare';
  }

  /** A form that does not work and is due for another try, by a repeat of a question that is asked anyway; null: none. */
  takeTrial(): QuestionForm | null {
    const nowMs = this.#clock.monotonicMs();
    const due = this.#states.find(({ nextTrialMs }) => nextTrialMs !== null && nowMs >= nextTrialMs);
    if (due === undefined) return null;
    pause(due, nowMs);
    return due.form;
  }

  /** A question has been sent by a datagram. */
  noteSent(form: QuestionForm): void {
    const state = this.#stateOf(form);
    if (state !== undefined) state.silentSinceMs ??= this.#clock.monotonicMs();
  }

  /**
   * An answer to a question of this form. True: it refuses the form, and the question should be asked in a simpler one. `refused` as for
   * `choose`: learned is only what the same question in two forms has shown, since a name alone may be what an upstream refuses.
   */
  refuses(form: QuestionForm, rcode: number, refused: QuestionForm | null): boolean {
    const nowMs = this.#clock.monotonicMs();
    const state = this.#stateOf(form);
    if (state === undefined) return false;
    if (!REFUSALS.has(rcode)) {
      this.#learn(state, refused, nowMs);
      return false;
    }
    state.silentSinceMs = null;
    if (++state.refusals >= REFUSALS_AGAINST_PROOF) state.provenUntilMs = Number.NEGATIVE_INFINITY;
    return form !== 'bare' && !isProven(state, nowMs);
  }

  #learn(answered: FormState, refused: QuestionForm | null, nowMs: number): void {
    for (const state of this.#states) {
      if (isSimpler(answered.form, state.form)) {
        const wasRefused = refused !== null && !isSimpler(state.form, refused);
        const isOut = state.nextTrialMs === null && !isProven(state, nowMs) && (wasRefused || isSilent(state, nowMs));
        if (isOut) pause(state, nowMs);
      } else {
        // Who understands a form understands the simpler ones.
        state.provenUntilMs = nowMs + PROOF_MS;
        state.silentSinceMs = null;
        state.refusals = 0;
        state.nextTrialMs = null;
        state.pauseMs = 0;
      }
    }
  }

  #stateOf(form: QuestionForm): FormState | undefined {
    return this.#states.find((state) => state.form === form);
  }
}

/** What servers without EDNS, or with trouble with options, answer (RFC 6891 §7). SERVFAIL may be the name's, and is not among them. */
const REFUSALS: ReadonlySet<number> = new Set([RCODE.FORMERR, RCODE.NOTIMP, RCODE.BADVERS]);

function isSimpler(form: QuestionForm, than: QuestionForm | null): boolean {
  return than === null || FORMS.indexOf(form) > FORMS.indexOf(than);
}

function isProven({ provenUntilMs }: FormState, nowMs: number): boolean {
  return nowMs < provenUntilMs;
}

function isSilent({ silentSinceMs }: FormState, nowMs: number): boolean {
  return silentSinceMs !== null && nowMs - silentSinceMs >= SILENCE_MS;
}

function pause(state: FormState, nowMs: number): void {
  state.pauseMs = Math.min(Math.max(state.pauseMs * PAUSE_GROWTH, FIRST_PAUSE_MS), MAX_PAUSE_MS);
  state.nextTrialMs = nowMs + state.pauseMs;
  state.silentSinceMs = null;
}
