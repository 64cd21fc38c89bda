/**
 * `DELETE /v1/cache`: forgets cached answers. Owns the query string; what is forgotten is the control port's.
 */
import type { FastifyInstance } from 'fastify';
import type { ControlPort } from './control-port.ts';
import { fail } from './error-reply.ts';
import type { FlushView } from './views.ts';

/** `?name=N`, `?name=N&below=1` or `?all=1`. All must be said: a name forgotten by mistake must not empty the cache. */
export function addCache(app: FastifyInstance, port: ControlPort): void {
  app.delete<{ Querystring: { name?: unknown; below?: unknown; all?: unknown } }>('/v1/cache', async (request, reply) => {
    const { name, below, all } = request.query;
    const isAll = all === '1' && name === undefined && below === undefined;
    if (!isAll && (typeof name !== 'string' || all !== undefined || (below !== undefined && below !== '1'))) {
      return fail(reply, 400, 'invalid', 'give one name, with below=1 for all names below it too, or all=1');
    }
    const result = port.flushCache(isAll ? 'all' : { name: String(name), below: below === '1' });
    if (result.kind === 'invalid') return fail(reply, 400, 'invalid', result.detail);
    return { flushed: result.answers } satisfies FlushView;
  });
}
