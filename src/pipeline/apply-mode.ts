/**
 * The only reader of `mode`: turns the enforcing verdict into what is done. Observing downgrades what Kennel infers; what the
 * operator wrote as a block acts in both modes, and so do rebinding protection, rate limits and the rebuilding of queries,
 * which never come by here.
 */
import type { Verdict } from '../../scoring/decide.ts';
import type { Policy } from '../policy/policy.ts';
import type { LookUp } from './judge.ts';
import type { Pipeline } from './pipeline.ts';
import type { Mode } from './ports.ts';

/** The verdict to act on. `allow` in place of an inferred refusal keeps the reason, so that the record can say what would have been. */
export function applyMode(verdict: Verdict, mode: Mode): Verdict {
  if (mode === 'enforce') return verdict;
  if (verdict.kind === 'allow' || verdict.kind === 'flag') return verdict;
  if (verdict.reason === 'blocked') return verdict;
  return { ...verdict, kind: 'flag', refuseAs: null };
}

/** What is done for the answer: keeping names stretches their TTLs, so a session that is only observed has them sent as before. */
export function actOnLookUp(policy: Policy, lookUp: LookUp): LookUp {
  return lookUp.kind === 'kept' && policy.mode !== 'enforce' ? { kind: 'send' } : lookUp;
}

/** The verdict to act on: mode applied, and a shared session (NAT, forwarder) refused name by name instead of quarantined whole. */
export function actOn(k: Pick<Pipeline, 'sharedSessions'>, policy: Policy, address: string, verdict: Verdict): Verdict {
  const acting = applyMode(verdict, policy.mode);
  if (acting.kind === 'quarantine' && k.sharedSessions.contains(address)) return { ...acting, kind: 'refuse', refuseAs: 'name' };
  return acting;
}
