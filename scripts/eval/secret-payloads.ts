/**
 * What the simulated attacks steal: texts with the statistics of real secrets, all invented, drawn from a seed.
 */
import { type Random, randomFrom } from './random.ts';

export const PAYLOAD_KINDS = ['env', 'keys', 'source', 'pem'] as const;
export type PayloadKind = (typeof PAYLOAD_KINDS)[number];

/** `count` octets of this kind. */
export function secretPayload(kind: PayloadKind, count: number, seed: string): Uint8Array {
  const random = randomFrom('payload', kind, seed);
  if (kind === 'keys') return random.octets(count);
  let text = kind === 'pem' ? '-----BEGIN RSA PRIVATE KEY-----\n' : '';
  while (text.length < count) text += LINES[kind](random);
  return new TextEncoder().encode(text.slice(0, count));
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Letters and digits without a meaning. */
export function randomText(random: Random, length: number, alphabet = BASE64.slice(0, 62)): string {
  return Array.from({ length }, () => alphabet[random.int(alphabet.length)]).join('');
}

const LINES = {
  env: (random) =>
    `${random.pick(VARIABLES)}_${random.pick(['KEY', 'TOKEN', 'SECRET', 'URL', 'PASSWORD'])}=${randomText(random, 16 + random.int(24))}\n`,
  source: (random) => {
    const [one, other] = [random.pick(WORDS), random.pick(WORDS)];
    return random.pick([
      `const ${one} = await ${other}(${random.int(100)});\n`,
      `  if (${one} === null) return ${other};\n`,
      `// ${one} before ${other}\n`,
    ]);
  },
  pem: (random) => `${randomText(random, 64, BASE64)}\n`,
} as const satisfies Record<Exclude<PayloadKind, 'keys'>, (random: Random) => string>;

const VARIABLES = ['AWS', 'DATABASE', 'STRIPE', 'SESSION', 'SMTP', 'REDIS', 'GITHUB', 'SENTRY'];
const WORDS = ['fetchUser', 'order', 'total', 'index', 'response', 'parseRow', 'config', 'retry', 'cursor', 'payload', 'account', 'limit'];
