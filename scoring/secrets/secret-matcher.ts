/**
 * Finds registered secrets, canaries and the forms of well-known keys in names, across label joins and consecutive names.
 * Knows secrets only as keyed hashes. What follows from a hit is `decide.ts`'s matter, where secrets come from `src/secrets/`'s.
 */

export interface SecretFound {
  readonly kind: 'secret' | 'canary' | 'key-shape';
  /** The registered name, or the form that was recognised (`aws-access-key`); never the secret. */
  readonly name: string;
}

/** The ends of the names a session asked before, so that a secret cut into several names is still one text. Bounded. */
export class NameTrail {
  record(parent: string, labels: readonly string[]): void {
    void parent;
    void labels;
  }
}

export class SecretMatcher {
  /** What is found in a name (all its labels, leftmost first, lower-cased) asked after those of `trail`. Changes nothing. */
  find(parent: string, labels: readonly string[], trail: NameTrail): SecretFound | null {
    void parent;
    void labels;
    void trail;
    return null;
  }
}
