/**
 * The last edge before a terminal or a log: whatever a value holds, nothing in it can steer a terminal, forge a line or hide itself.
 * Owns which characters are written as escapes; what is printed is the caller's.
 */

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line of text in which control, format and separator characters and lone surrogates are written as `\uXXXX`. */
export function plainText(text: string): string {
  return text.replace(UNPRINTABLE, escapeCharacter);
}

function escapeCharacter(character: string): string {
  // By UTF-16 unit, which is what \u means in JSON.
  return [...Array(character.length).keys()].map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`).join('');
}
