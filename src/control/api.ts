/**
 * The control API: HTTP over loopback TCP or a Unix socket, JSON in and out, a bearer token for all but the probes.
 * Owns transport, authentication and what is made of an error; every answer's content comes from the control port.
 */
import { chmodSync, rmSync } from 'node:fs';
import net from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { ControlEndpoint } from '../config/config.ts';
import { controlText } from '../config/values.ts';
import { isLoopback } from '../policy/address-set.ts';
import { addCache } from './cache-routes.ts';
import type { ControlPort, SecretResult } from './control-port.ts';
import { addDecisions } from './decisions-routes.ts';
import { fail } from './error-reply.ts';
import { isOwnHost } from './host-check.ts';
import { readLimit } from './limit.ts';
import { addLists } from './lists-routes.ts';
import { RequestRate } from './request-rate.ts';
import { isAuthorised } from './token.ts';
import { quarantineDetailView, quarantineView, type ReloadView, secretView, sessionView, statusView } from './views.ts';

/**
 * Who may call a route without the token: `anyone` (probes, which say no more than ready or not to strangers),
 * `local` (loopback and the Unix socket), or nobody, which is also what a route that says nothing gets.
 */
type Access = 'anyone' | 'local';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
}

export interface ControlApiOptions {
  readonly endpoint: ControlEndpoint;
  readonly token: string;
  readonly port: ControlPort;
  /** Gets what threw on the way to an answer; the client sees only that something did. */
  readonly onError: (error: unknown) => void;
  /** Permissions of a Unix socket; default 0600. */
  readonly socketMode?: number;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

export interface ControlApi {
  readonly kind: 'control-api';
  /** `127.0.0.1:8053`, `[::1]:8053` or `unix:/path`: what the verbs take as `--control`. */
  readonly address: string;
  close(): Promise<void>;
}

export type ControlListenError = { readonly kind: 'listen-error'; readonly message: string };

const MAX_BODY_OCTETS = 16 * 1024;
const MAX_HEADER_OCTETS = 8 * 1024;
const MAX_CONNECTIONS = 100;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_SESSIONS = 10_000;
const DEFAULT_SESSIONS = 1_000;
const MAX_REASON_LENGTH = 500;
const MAX_ACTOR_LENGTH = 100;

/** Opens the API; a bind that fails is a value. */
export async function openControlApi(options: ControlApiOptions): Promise<ControlApi | ControlListenError> {
  const { endpoint } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_OCTETS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    http: { maxHeaderSize: MAX_HEADER_OCTETS },
    schemaController: { compilersFactory: { buildValidator: withoutSchemas, buildSerializer: withoutSchemas } },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  guard(app, options);
  addProbes(app, options);
  addReading(app, options.port);
  addRelease(app, options.port);
  addSecrets(app, options);
  addCache(app, options.port);
  addDecisions(app, options.port);
  addReload(app, options.port);
  addLists(app, options.port);
  addErrors(app, options);
  try {
    if (endpoint.kind === 'tcp') await app.listen({ host: endpoint.address, port: endpoint.port });
    else await listenOnPath(app, endpoint.path, options.socketMode ?? 0o600);
  } catch (error) {
    await app.close();
    return { kind: 'listen-error', message: explainListenError(error, addressText(endpoint, null)) };
  }
  return { kind: 'control-api', address: addressText(endpoint, app.server.address()), close: () => app.close() };
}

/** In place of Fastify's compilers of JSON schemas, a hundred modules that each start would load: the routes read their bodies themselves. */
function withoutSchemas(): never {
  throw new Error('no route has a schema');
}

/** Before any route, known or not: right host, right token, not too often. Deny is the default. */
function guard(app: FastifyInstance, options: ControlApiOptions): void {
  const nowMs = options.nowMs ?? (() => performance.now());
  const strangers = new RequestRate(10, 50);
  const holders = new RequestRate(50, 200);
  app.addHook('onRequest', async (request, reply) => {
    setSecurityHeaders(reply);
    if (!hasOwnHost(request, options.endpoint)) {
      return fail(reply, 403, 'wrong-host', 'the Host header names another machine: use the address the control API listens on');
    }
    const access = request.routeOptions.config?.access;
    if (access === 'anyone') return;
    const peer = request.socket.remoteAddress ?? 'unix';
    const authorised = isAuthorised(request.headers.authorization, options.token);
    if (!(authorised ? holders : strangers).take(peer, nowMs()))
      return fail(reply, 429, 'too-many-requests', 'too many requests: wait a second');
    if (authorised || (access === 'local' && isLocal(request, options.endpoint))) return;
    reply.header('www-authenticate', 'Bearer');
    return fail(reply, 401, 'unauthorised', 'send the token of the state folder: Authorization: Bearer TOKEN');
  });
}

function addProbes(app: FastifyInstance, options: ControlApiOptions): void {
  app.get('/livez', { config: { access: 'anyone' } }, async () => ({ live: true }));
  app.get('/readyz', { config: { access: 'anyone' } }, async (request, reply) => {
    const { ready, details } = options.port.ready();
    reply.code(ready ? 200 : 503);
    // Which part is down is for the operator, not for everyone who can reach the port.
    const mayKnow = isLocal(request, options.endpoint) || isAuthorised(request.headers.authorization, options.token);
    return mayKnow ? { ready, details } : { ready };
  });
  app.get('/metrics', { config: { access: 'local' } }, async (_request, reply) => {
    reply.type('text/plain; version=0.0.4; charset=utf-8');
    return options.port.metrics();
  });
}

function addReading(app: FastifyInstance, port: ControlPort): void {
  app.get('/v1/status', async () => statusView(port.status()));
  app.get<{ Querystring: { limit?: unknown } }>('/v1/sessions', async (request, reply) => {
    const read = readLimit(request.query.limit, MAX_SESSIONS, DEFAULT_SESSIONS);
    if ('problem' in read) return fail(reply, 400, 'invalid', read.problem);
    return { sessions: port.sessions(read.limit).map(sessionView) };
  });
  app.get<{ Params: { key: string } }>('/v1/sessions/:key', async (request, reply) => {
    const session = port.session(request.params.key);
    return session === null ? fail(reply, 404, 'not-found', 'no such session') : sessionView(session);
  });
  app.get('/v1/quarantines', async () => ({ quarantines: port.quarantines().map(quarantineView) }));
  app.get<{ Params: { id: string } }>('/v1/quarantines/:id', async (request, reply) => {
    const found = port.quarantine(request.params.id);
    return found === null ? fail(reply, 404, 'not-found', 'no such quarantine') : quarantineDetailView(found);
  });
  app.get<{ Querystring: { name?: unknown; type?: unknown; session?: unknown } }>('/v1/explain', async (request, reply) => {
    const { name, type = 'A', session = null } = request.query;
    if (typeof name !== 'string' || typeof type !== 'string' || (session !== null && typeof session !== 'string')) {
      return fail(reply, 400, 'invalid', 'explain needs one name, and at most one type and session');
    }
    const result = port.explain(name, type, session);
    return result.kind === 'explained' ? result.explanation : fail(reply, 400, 'invalid', result.detail);
  });
}

function addRelease(app: FastifyInstance, port: ControlPort): void {
  app.post<{ Params: { id: string }; Body: unknown }>('/v1/quarantines/:id/release', async (request, reply) => {
    const { reason, actor = 'api' } = fieldsOf(request.body);
    if (!isText(reason, MAX_REASON_LENGTH))
      return fail(reply, 400, 'invalid', `reason: text of 1 to ${MAX_REASON_LENGTH} characters in one line`);
    if (!isText(actor, MAX_ACTOR_LENGTH))
      return fail(reply, 400, 'invalid', `actor: text of 1 to ${MAX_ACTOR_LENGTH} characters in one line`);
    const result = await port.release(request.params.id, { actor: actor.trim(), reason: reason.trim() });
    switch (result.kind) {
      case 'released':
        return quarantineView(result.record);
      case 'not-found':
        return fail(reply, 404, 'not-found', 'no such quarantine');
      case 'not-open':
        return fail(reply, 409, 'not-open', `this quarantine is over already: it is ${result.state}`);
      case 'failed':
        return fail(reply, 503, 'not-written', `the release could not be written, the session stays quarantined: ${result.detail}`);
    }
  });
}

function addSecrets(app: FastifyInstance, { port, endpoint }: ControlApiOptions): void {
  const answer = (reply: FastifyReply, result: SecretResult): unknown => {
    switch (result.kind) {
      case 'done':
        return secretView(result.secret, port.secretForms);
      case 'invalid':
        return fail(reply, 400, 'invalid', result.detail);
      case 'conflict':
        return fail(reply, 409, 'conflict', result.detail);
      case 'not-found':
        return fail(reply, 404, 'not-found', 'no such secret');
      case 'failed':
        return fail(reply, 503, 'not-written', `this could not be written, nothing has changed: ${result.detail}`);
    }
  };
  app.get('/v1/secrets', async () => ({ secrets: port.secrets().map((secret) => secretView(secret, port.secretForms)) }));
  app.post<{ Body: unknown }>('/v1/secrets', async (request, reply) => {
    // Whoever holds the token may; but over a network the value would cross it in the clear.
    if (!isLocal(request, endpoint)) return fail(reply, 403, 'not-local', 'secrets are taken from this machine only');
    const { name, kind = 'secret', value, encoding = 'utf8', actor = 'api' } = secretFieldsOf(request.body);
    if (typeof name !== 'string' || (kind !== 'secret' && kind !== 'canary')) {
      return fail(reply, 400, 'invalid', 'a secret needs a name; its kind is secret or canary');
    }
    if (typeof value !== 'string' || (encoding !== 'utf8' && encoding !== 'base64')) {
      return fail(reply, 400, 'invalid', 'value: text, in the encoding utf8 or base64');
    }
    if (!isText(actor, MAX_ACTOR_LENGTH)) return fail(reply, 400, 'invalid', ACTOR_RULE);
    // From here on the value is an octet string, and no message holds any of it.
    return answer(reply, port.addSecret({ name, kind, value: Buffer.from(value, encoding).toString('latin1') }, actor.trim()));
  });
  app.delete<{ Params: { name: string }; Querystring: { actor?: unknown } }>('/v1/secrets/:name', async (request, reply) => {
    const { actor = 'api' } = request.query;
    if (!isText(actor, MAX_ACTOR_LENGTH)) return fail(reply, 400, 'invalid', ACTOR_RULE);
    return answer(reply, port.removeSecret(request.params.name, actor.trim()));
  });
}

function addReload(app: FastifyInstance, port: ControlPort): void {
  app.post('/v1/reload', async (_request, reply) => {
    const result = await port.reload();
    if (result.kind === 'failed') return fail(reply, 400, 'not-reloaded', result.messages.join('\n'));
    const { from, to, changed, warnings } = result;
    return { from, to, changed, warnings } satisfies ReloadView;
  });
}

const ACTOR_RULE = `actor: text of 1 to ${MAX_ACTOR_LENGTH} characters in one line`;

interface SecretFields {
  readonly name?: unknown;
  readonly kind?: unknown;
  readonly value?: unknown;
  readonly encoding?: unknown;
  readonly actor?: unknown;
}

function secretFieldsOf(body: unknown): SecretFields {
  return typeof body === 'object' && body !== null ? body : {};
}

function addErrors(app: FastifyInstance, options: ControlApiOptions): void {
  app.setNotFoundHandler((_request, reply) => fail(reply, 404, 'not-found', 'no such resource'));
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status >= 500) {
      options.onError(error);
      return fail(reply, 500, 'internal', 'something went wrong inside Kennel; its log says what');
    }
    return fail(reply, status, 'invalid', error instanceof Error ? error.message : 'not understood');
  });
}

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : null;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function setSecurityHeaders(reply: FastifyReply): void {
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
}

/** No web page reaches a Unix socket, so its Host header says nothing. */
function hasOwnHost(request: FastifyRequest, endpoint: ControlEndpoint): boolean {
  return endpoint.kind === 'unix' || isOwnHost(request.headers.host, endpoint.address, request.socket.localAddress);
}

function isLocal(request: FastifyRequest, endpoint: ControlEndpoint): boolean {
  return endpoint.kind === 'unix' || isLoopback(request.socket.remoteAddress ?? '');
}

function fieldsOf(body: unknown): { readonly reason?: unknown; readonly actor?: unknown } {
  return typeof body === 'object' && body !== null ? body : {};
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= maxLength && !/\p{Cc}/u.test(value);
}

async function listenOnPath(app: FastifyInstance, path: string, mode: number): Promise<void> {
  if (await isAbandoned(path)) rmSync(path);
  await app.listen({ path });
  chmodSync(path, mode);
}

/** A socket file that a killed process left behind: nobody accepts on it. Anything else in the way is left to the bind to report. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => resolve('code' in error && error.code === 'ECONNREFUSED'));
  });
}

function addressText(endpoint: ControlEndpoint, bound: net.AddressInfo | string | null): string {
  // Port 0 becomes the one that the system chose.
  return controlText(endpoint.kind === 'tcp' && typeof bound === 'object' && bound !== null ? { ...endpoint, port: bound.port } : endpoint);
}

function explainListenError(error: unknown, address: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const where = `the control API cannot listen on ${address}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${where}: already in use. Is another Kennel running? Stop it, or choose another address with listen.control.`;
    case 'EACCES':
    case 'EPERM':
      return `${where}: not permitted. Choose a port from 1024 on, or a path this user may write to, with listen.control.`;
    case 'EADDRNOTAVAIL':
      return `${where}: this machine has no such address. Choose one that "ip address" shows with listen.control.`;
    case 'ENOENT':
      return `${where}: the folder does not exist. Create it, or choose another path with listen.control.`;
    default:
      return `${where}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
