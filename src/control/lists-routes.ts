/** `/v1/lists`: how list subscriptions stand, and a look at their sources now. */
import type { FastifyInstance } from 'fastify';
import { type ListsPort, type ListsUpdateView, type ListsView, listView, readUpdateWish } from './lists-port.ts';

export function addLists(app: FastifyInstance, port: ListsPort): void {
  app.get('/v1/lists', async (): Promise<ListsView> => ({ lists: port.lists().map(listView) }));
  app.post<{ Body: unknown }>('/v1/lists/update', async (request, reply) => {
    const wish = readUpdateWish(request.body);
    if (typeof wish === 'string') return reply.code(400).send({ error: { code: 'invalid', message: wish } });
    const result = await port.updateLists(wish.names, wish.force);
    if (result.kind === 'not-found')
      return reply.code(404).send({ error: { code: 'not-found', message: `there is no list ${JSON.stringify(result.name)}` } });
    const view: ListsUpdateView = { lists: result.lists.map(listView), underWay: result.underWay };
    return view;
  });
}
