/**
 * `GET /v1/decisions`: what was written down of queries, newest first. Owns the query string; what is kept is the storage's.
 */
import type { FastifyInstance } from 'fastify';
import type { VerdictKind } from '../pipeline/ports.ts';
import type { ControlPort } from './control-port.ts';
import { fail } from './error-reply.ts';
import { readLimit } from './limit.ts';
import { type DecisionsView, decisionView } from './views.ts';

const MAX_DECISIONS = 1_000;
const DEFAULT_DECISIONS = 100;
const VERDICTS: readonly string[] = ['allow', 'flag', 'refuse', 'quarantine'] satisfies readonly VerdictKind[];

/** `?limit=N&session=S&verdict=refuse,quarantine`, each of them optional. */
export function addDecisions(app: FastifyInstance, port: ControlPort): void {
  app.get<{ Querystring: { limit?: unknown; session?: unknown; verdict?: unknown } }>('/v1/decisions', async (request, reply) => {
    const { session, verdict } = request.query;
    const read = readLimit(request.query.limit, MAX_DECISIONS, DEFAULT_DECISIONS);
    if ('problem' in read) return fail(reply, 400, 'invalid', read.problem);
    if (session !== undefined && typeof session !== 'string') return fail(reply, 400, 'invalid', 'session: one session key');
    const verdicts = verdict === undefined ? undefined : verdictsOf(verdict);
    if (verdicts === null) return fail(reply, 400, 'invalid', `verdict: ${VERDICTS.join(', ')}, with commas between`);
    const filter = { limit: read.limit, ...(session === undefined ? {} : { session }), ...(verdicts === undefined ? {} : { verdicts }) };
    return { decisions: (await port.decisions(filter)).map(decisionView) } satisfies DecisionsView;
  });
}

/** Null when one of them is none. */
function verdictsOf(text: unknown): VerdictKind[] | null {
  if (typeof text !== 'string') return null;
  const verdicts = text.split(',');
  return verdicts.every(isVerdict) ? verdicts : null;
}

function isVerdict(text: string): text is VerdictKind {
  return VERDICTS.includes(text);
}
