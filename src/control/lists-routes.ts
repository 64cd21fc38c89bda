/**
 * `/v1/lists`: how list subscriptions stand, and a look at their sources now. Owns the body of an update; what comes of it is the port's.
 */
import type { FastifyInstance } from 'fastify';
import { fail } from './error-reply.ts';
import type { ListsPort } from './lists-port.ts';
import { type ListsUpdateView, type ListsView, listView } from './views.ts';

/** `GET /v1/lists` and `POST /v1/lists/update`. */
export function addLists(app: FastifyInstance, port: ListsPort): void {
  app.get('/v1/lists', async () => ({ lists: port.lists().map(listView) }) satisfies ListsView);
  app.post<{ Body: unknown }>('/v1/lists/update', async (request, reply) => {
    const wish = readUpdateWish(request.body);
    if (typeof wish === 'string') return fail(reply, 400, 'invalid', wish);
    const result = await port.updateLists(wish.names, wish.force);
    if (result.kind === 'not-found') return fail(reply, 404, 'not-found', `there is no list ${JSON.stringify(result.name)}`);
    return { lists: result.lists.map(listView), underWay: result.underWay } satisfies ListsUpdateView;
  });
}

export interface UpdateWish {
  readonly names: readonly string[] | null;
  readonly force: boolean;
}

const MAX_NAMES = 1_000;

/** The body of an update: `{"names": […], "force": true}`, both optional; or what is wrong with it. */
export function readUpdateWish(body: unknown): UpdateWish | string {
  const { names = null, force = false } = fieldsOf(body);
  if (typeof force !== 'boolean') return 'force: true or false';
  if (names === null) return { names: null, force };
  if (!Array.isArray(names) || names.length === 0 || names.length > MAX_NAMES)
    return `names: 1 to ${MAX_NAMES} names of lists, or none for all`;
  const texts: unknown[] = names;
  return texts.every((name) => typeof name === 'string') ? { names: texts, force } : 'names: texts';
}

function fieldsOf(body: unknown): { readonly names?: unknown; readonly force?: unknown } {
  return typeof body === 'object' && body !== null ? body : {};
}
