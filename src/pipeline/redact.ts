/**
 * What records, evidence and answers may say of a name in which a secret was found: the domain below which it was asked, nothing
 * more. Without this, the stores and the log would be where the secret leaks.
 */
import type { Judgement } from './judge.ts';

/** In presentation form a real name writes a parenthesis as `\(`: nobody can ask for a name that is mistaken for this. */
const REDACTED = '(redacted)';

/** The name and its parent as they may be told, presentation form. */
export function toldName({ searched, domain }: Pick<Judgement, 'searched' | 'domain'>, qname: string): { qname: string; parent: string } {
  if (searched.found === null && searched.pieces.length === 0) return { qname, parent: domain.parent };
  const parent = searched.inParent ? redactedParent(domain.parent) : domain.parent;
  return { qname: searched.inParent ? parent : `${REDACTED}.${parent}`, parent };
}

/** A parent that holds the secret itself: only what stands above its first label is told. */
export function redactedParent(parent: string): string {
  return parent.replace(/^(?:\\.|[^.\\])*/, REDACTED);
}
