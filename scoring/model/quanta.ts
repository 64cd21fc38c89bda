/**
 * How the trigram table writes a probability: −log2 p in fifths of a bit, as one printable character.
 * Shared by the training script and the reader; holds no model.
 */

/** Printable ASCII without the quotes, the backslash, the dollar sign and the space, so that any quoting style can hold it. */
export const QUANTUM_ALPHABET = buildAlphabet();

/** Rounding to a fifth of a bit costs at most a tenth of a bit per symbol before rows are scaled. */
export const QUANTA_PER_BIT = 5;

function buildAlphabet(): string {
  let text = '';
  for (let octet = 0x21; octet <= 0x7e; octet++) {
    const character = String.fromCharCode(octet);
    if (!'"\'`\\$'.includes(character)) text += character;
  }
  return text;
}
