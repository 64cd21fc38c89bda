/** The one form in which every route of the control API tells of an error. */
import type { FastifyReply } from 'fastify';
import type { ErrorView } from './views.ts';

/** Answers with an HTTP status, a code for programs and a message for people. */
export function fail(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  const body: ErrorView = { error: { code, message } };
  return reply.code(status).type('application/json; charset=utf-8').send(body);
}
