/** Permits for tests of what comes after the decision: granted without a charge. */
import { grantSend, type SendPermit } from '../../src/pipeline/permit.ts';
import { RRTYPE } from '../../src/wire/codes.ts';
import { fromPresentation, type QName } from '../../src/wire/name.ts';

/** A name known to be well-formed; throws when it is not. */
export function name(text: string): QName {
  const qname = fromPresentation(text);
  if (qname === null) throw new Error(`not a name: ${text}`);
  return qname;
}

export function permitFor(text: string, qtype: number = RRTYPE.A): SendPermit {
  return grantSend(name(text), qtype, 0);
}
