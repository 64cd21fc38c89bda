/**
 * Identifiers of quarantines: short enough to read out, in order of time, without letters that look like digits.
 * `q-` and ten characters of Crockford's base 32: six for the second, four at random.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** 2025-01-01; six characters last 34 years from there. */
const EPOCH_MS = 1_735_689_600_000;

const TIME_CHARACTERS = 6;
const RANDOM_CHARACTERS = 4;

/** The caller checks that the identifier is free: four characters are a million per second. */
export function quarantineId(nowMs: number, randomOctets: (count: number) => Uint8Array): string {
  let seconds = Math.max(0, Math.floor((nowMs - EPOCH_MS) / 1000));
  let time = '';
  for (let place = 0; place < TIME_CHARACTERS; place++) {
    time = ALPHABET.charAt(seconds % 32) + time;
    seconds = Math.floor(seconds / 32);
  }
  return `q-${time}${randomCharacters(RANDOM_CHARACTERS, randomOctets)}`;
}

/** `count` characters of the alphabet, five bits at random in each; decisions are named by them too. */
export function randomCharacters(count: number, randomOctets: (count: number) => Uint8Array): string {
  let text = '';
  for (const octet of randomOctets(count)) text += ALPHABET.charAt(octet % 32);
  return text;
}
