/**
 * Where each fitted curve may bend and how much it may give, and the curves that no recording can tell anything about.
 * Caps keep every signal far below a refusal: none is conclusive alone.
 */
import type { SignalName } from '../../scoring/assess.ts';
import type { Curve } from '../../scoring/signals/curve.ts';
import type { Shapes } from './fit.ts';

export const SHAPES: Shapes = {
  'label-entropy': { knots: [2, 3, 3.5, 4, 4.5], cap: 10 },
  'label-surprise': { knots: [3.5, 4, 4.5, 5, 5.5, 6], cap: 20 },
  'name-length': { knots: [30, 45, 60, 90, 150], cap: 12 },
  'longest-label': { knots: [12, 18, 26, 36, 50], cap: 12 },
  'label-count': { knots: [3, 5, 8, 12], cap: 4 },
  'query-type': { knots: [0, 0.2, 0.5, 0.9], cap: 20 },
  'fan-out': { knots: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], cap: 24 },
  'parent-bits': { knots: [50, 100, 200, 400, 768], cap: 30 },
  'tried-volume': { knots: [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], cap: 36 },
  'session-bits': { knots: [512, 1024, 2048, 4096], cap: 4 },
  'unlisted-parents': { knots: [8, 16, 32, 64, 128], cap: 4 },
};

export interface HandSet {
  readonly corners: Curve;
  readonly reason: string;
}

/** How the recordings were made would be learned, not how people and tools ask. */
const MADE_AT_ONE_PACE = 'lists have no times and captures were made in one go: a fit would learn that';

/** Benign captures hold one invented address for every answer. */
const ANSWERS_INVENTED = 'benign captures were answered with an invented address: a fit would trust any other answer too little';

export const HAND_SET: Partial<Readonly<Record<SignalName, HandSet>>> = {
  'domain-youth': { corners: curve('0:0 335:5 358:12'), reason: 'no recording has ages' },
  'tunnel-form': {
    corners: curve('0:0 1:2 3:8 5:15 7:20 9:24'),
    reason: 'no benign recording holds such a query: a fit would give it any weight',
  },
  'parent-novelty': { corners: curve('0:0 7:2'), reason: 'every parent is new at the beginning of a recording, whoever asks' },
  'doh-endpoint': { corners: curve('0:0 1:5'), reason: 'a way around the resolver and no leak by itself; in no recording' },
  'never-repeated': { corners: curve('0.4:0 0.6:2 0.8:4'), reason: MADE_AT_ONE_PACE },
  'new-name-rate': { corners: curve('4:0 6:1 8:2'), reason: MADE_AT_ONE_PACE },
  'even-pauses': { corners: curve('0.3:0 0.6:2.5 0.8:4'), reason: MADE_AT_ONE_PACE },
  // Volume: keys and mail policies in TXT come to 2-8 kbit a parent, dnscat2 to 14 and iodine to 26 kbit in 30 queries, 40-125 kbit in
  // 150-350. Density: such keys reach 5 bits an octet, iodine 4.8 (Base32) to 7.4 (NULL), dnscat2 4.3, dns2tcp 2.7.
  'downlink-bits': { corners: curve('8192:0 32768:3 131072:6'), reason: ANSWERS_INVENTED },
  'downlink-entropy': { corners: curve('4.5:0 6:2 7.5:4'), reason: ANSWERS_INVENTED },
  'nxdomain-share': { corners: curve('0.5:0 0.9:2'), reason: 'gone devices and search suffixes reach 0.94 in benign captures, attacks 0' },
};

/** `value:points` pairs, ascending. */
function curve(text: string): Curve {
  return text.split(' ').map((corner) => {
    const [value = '', points = ''] = corner.split(':');
    return [Number(value), Number(points)];
  });
}
