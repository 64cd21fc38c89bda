/** What is learned of an upstream's trouble with OPT and COOKIE: from its answers and the time, and from nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type QuestionForm, QuestionForms } from '../../../src/upstream/question-forms.ts';
import { RCODE } from '../../../src/wire/codes.ts';
import { FakeClock } from '../../lab/clocks.ts';

function formsAt(cookies = true) {
  const clock = new FakeClock();
  const forms = new QuestionForms(clock, cookies);
  const send = (): QuestionForm => {
    const form = forms.choose(null);
    forms.noteSent(form);
    return form;
  };
  /** Sends until the form is the simplest, each after a silence. */
  const sendInSilence = (times: number): QuestionForm[] =>
    Array.from({ length: times }, () => {
      const form = send();
      clock.advance(400);
      return form;
    });
  return { clock, forms, send, sendInSilence };
}

describe('silence', () => {
  test('leads to simpler forms, one after the other, and begins anew where none is answered', () => {
    expect(formsAt().sendInSilence(5)).toEqual(['cookie', 'opt', 'bare', 'cookie', 'opt']);
    expect(formsAt(false).sendInSilence(3)).toEqual(['opt', 'bare', 'opt']);
  });

  test('is what nothing has answered for 300 ms: questions at the same time have the same form', () => {
    const { clock, send } = formsAt();
    expect([send(), send()]).toEqual(['cookie', 'cookie']);
    clock.advance(299);
    expect(send()).toBe('cookie');
    clock.advance(1);
    expect(send()).toBe('opt');
  });

  test('of a form that was answered in the last two minutes is a lost datagram', () => {
    const { clock, forms, send, sendInSilence } = formsAt();
    expect(forms.refuses(send(), RCODE.NOERROR, null)).toBe(false);
    expect(sendInSilence(5)).toEqual(['cookie', 'cookie', 'cookie', 'cookie', 'cookie']);
    clock.advance(120_000);
    expect(sendInSilence(2)).toEqual(['opt', 'bare']);
  });

  test('takes a form out of use once a simpler one is answered, until a trial is', () => {
    const { clock, forms, send, sendInSilence } = formsAt();
    sendInSilence(2);
    forms.refuses('opt', RCODE.NXDOMAIN, null);
    expect([send(), forms.takeTrial()]).toEqual(['opt', null]);
    clock.advance(2_000);
    expect([send(), forms.takeTrial(), forms.takeTrial()]).toEqual(['opt', 'cookie', null]);
    forms.refuses('cookie', RCODE.NOERROR, null);
    expect(send()).toBe('cookie');
  });

  test('that goes on is tried after growing pauses, up to ten minutes', () => {
    const { clock, forms, sendInSilence } = formsAt(false);
    sendInSilence(1);
    forms.refuses('bare', RCODE.NOERROR, null);
    const trialsAtSeconds: number[] = [];
    for (let second = 1; second <= 2_500; second++) {
      clock.advance(1_000);
      if (forms.takeTrial() !== null) trialsAtSeconds.push(second);
      forms.refuses('bare', RCODE.NOERROR, null);
    }
    expect(trialsAtSeconds).toEqual([2, 22, 222, 822, 1422, 2022]);
  });

  test('of an upstream that is slow but answers the full form takes nothing away', () => {
    const { clock, forms, sendInSilence, send } = formsAt();
    sendInSilence(2);
    clock.advance(500);
    forms.refuses('cookie', RCODE.NOERROR, null);
    forms.refuses('opt', RCODE.NOERROR, null);
    expect(send()).toBe('cookie');
  });
});

describe('a refusal', () => {
  test.each([RCODE.FORMERR, RCODE.NOTIMP, RCODE.BADVERS])(
    '(RCODE %i) asks for simpler forms, and is learned when one is answered',
    (rcode) => {
      const { forms } = formsAt();
      expect(forms.refuses('cookie', rcode, null)).toBe(true);
      expect(forms.choose('cookie')).toBe('opt');
      expect(forms.refuses('opt', rcode, 'cookie')).toBe(true);
      expect(forms.choose('opt')).toBe('bare');
      expect(forms.choose(null)).toBe('cookie');
      expect(forms.refuses('bare', RCODE.NOERROR, 'opt')).toBe(false);
      expect(forms.choose(null)).toBe('bare');
    },
  );

  test('of the simplest form is the answer', () => {
    expect(formsAt().forms.refuses('bare', RCODE.FORMERR, 'opt')).toBe(false);
  });

  test('SERVFAIL and REFUSED are about the name', () => {
    const { forms } = formsAt();
    expect([forms.refuses('cookie', RCODE.SERVFAIL, null), forms.refuses('cookie', RCODE.REFUSED, null)]).toEqual([false, false]);
  });

  test('by an upstream that has just answered the form is about the name, unless it goes on', () => {
    const { forms } = formsAt();
    forms.refuses('cookie', RCODE.NOERROR, null);
    const refused = [1, 2, 3].map(() => forms.refuses('cookie', RCODE.FORMERR, null));
    expect(refused).toEqual([false, false, true]);
  });

  test('that no simpler form avoids teaches nothing', () => {
    const { forms } = formsAt();
    for (let name = 0; name < 10; name++) {
      forms.refuses('cookie', RCODE.FORMERR, null);
      forms.refuses('opt', RCODE.FORMERR, 'cookie');
      forms.refuses('bare', RCODE.FORMERR, 'opt');
    }
    expect(forms.choose(null)).toBe('cookie');
  });
});

test('after any history, a form that is answered is the one in use', () => {
  const step = fc.record({
    waitMs: fc.nat(2_000_000),
    form: fc.constantFrom<QuestionForm>('cookie', 'opt', 'bare'),
    rcode: fc.constantFrom(null, RCODE.NOERROR, RCODE.FORMERR),
    refused: fc.constantFrom<QuestionForm | null>(null, 'cookie', 'opt'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { clock, forms, send } = formsAt();
      for (const { waitMs, form, rcode, refused } of steps) {
        send();
        clock.advance(waitMs);
        if (rcode !== null) forms.refuses(form, rcode, refused);
        forms.takeTrial();
      }
      forms.refuses('cookie', RCODE.NOERROR, null);
      return send() === 'cookie';
    }),
  );
});
