/**
 * Fetches one list over HTTP(S): the only file here that opens a connection. Everything the other side says is hostile, so time, size
 * (also unpacked) and redirects are bounded, and a connection leads inside only where the config's own URL does. Knows no format.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import {
  InwardAddressError,
  isPublic,
  lookupThrough,
  NoAddressError,
  type ResolveAddress,
  readOctetsAtMost,
  TooLargeError,
} from '../outbound/own-requests.ts';

/** What a server said about the copy that is here, to be told again (RFC 9110 §13.1). */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

export interface FetchLimits {
  /** From the request until the head of the answer: name, connection, TLS. */
  readonly headMs: number;
  /** Without an octet. */
  readonly idleMs: number;
  /** For everything, redirects included: who sends one octet a second gets no further. */
  readonly totalMs: number;
}

export const FETCH_LIMITS: FetchLimits = { headMs: 15_000, idleMs: 15_000, totalMs: 120_000 };

export interface FetchRequest {
  /** `http:` or `https:`, without credentials. */
  readonly url: string;
  /** Null: fetch in any case. */
  readonly validators: Validators | null;
  /** Of the list, unpacked. */
  readonly maxOctets: number;
}

export interface FetchSurroundings {
  /** Kennel's own look-up, never the operating system's. */
  readonly resolveAddress: ResolveAddress;
  /** Whether the config lets this host have a private address; asked about the host of the list's own URL only. */
  readonly mayLeadInside: (host: string) => boolean;
  readonly limits?: FetchLimits;
  /** PEM of authorities to trust in place of the built-in ones. */
  readonly ca?: string;
  /** Ends the fetch when Kennel closes. */
  readonly signal?: AbortSignal;
}

export type FetchFailure = 'status' | 'timeout' | 'too-large' | 'redirect' | 'address' | 'damaged' | 'network' | 'not-a-list';

export type FetchedList =
  | { readonly kind: 'fetched'; readonly octets: Buffer; readonly validators: Validators }
  | { readonly kind: 'not-modified' }
  /** `detail`: for people, without anything the server wrote. */
  | { readonly kind: 'failed'; readonly failure: FetchFailure; readonly detail: string };

const MAX_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_HEAD_OCTETS = 16 * 1024;

/** A refusal of ours on the way, as against an error of the network. */
class FetchRefused extends Error {
  readonly failure: FetchFailure;
  constructor(failure: FetchFailure, detail: string) {
    super(detail);
    this.failure = failure;
  }
}

/** Fetches the list, or learns that it has not changed. Never rejects for what the other side does. */
export async function fetchList(request: FetchRequest, surroundings: FetchSurroundings): Promise<FetchedList> {
  const limits = surroundings.limits ?? FETCH_LIMITS;
  const total = AbortSignal.timeout(limits.totalMs);
  const signal = surroundings.signal === undefined ? total : AbortSignal.any([total, surroundings.signal]);
  try {
    return await follow(request, surroundings, limits, signal);
  } catch (error) {
    if (error instanceof FetchRefused) return failed(error.failure, error.message);
    if (error instanceof TooLargeError) return failed('too-large', `the list is larger than ${request.maxOctets} octets`);
    if (error instanceof InwardAddressError) return failed('address', 'the host of the list has a private address');
    if (error instanceof NoAddressError) return failed('network', 'the host of the list has no address');
    if (total.aborted) return failed('timeout', `not complete after ${limits.totalMs} ms`);
    return isDamage(error) ? failed('damaged', 'the answer ended early or is damaged') : failed('network', networkText(error));
  }
}

async function follow(
  request: FetchRequest,
  surroundings: FetchSurroundings,
  limits: FetchLimits,
  signal: AbortSignal,
): Promise<FetchedList> {
  const first = new URL(request.url);
  const mayLeadInside = isIP(bareHost(first)) !== 0 || surroundings.mayLeadInside(first.hostname);
  let url = first;
  for (let redirects = 0; ; redirects++) {
    // Only what the operator wrote may be inside: a publisher's redirect must not reach a service of this site.
    const insideAllowed = mayLeadInside && isSameServer(url, first);
    if (!insideAllowed && isIP(bareHost(url)) !== 0 && !isPublic(bareHost(url))) {
      throw new FetchRefused('address', 'redirected to a private address');
    }
    const response = await get(url, request.validators, insideAllowed, surroundings, limits, signal);
    if (!REDIRECTS.includes(response.statusCode ?? 0)) return read(response, request, signal);
    response.destroy();
    if (redirects === MAX_REDIRECTS) throw new FetchRefused('redirect', `more than ${MAX_REDIRECTS} redirects`);
    url = redirectTarget(response.headers.location, url);
  }
}

/** Another port of the same machine is another service; only for http and https does one have two. */
function isSameServer(url: URL, first: URL): boolean {
  return url.hostname === first.hostname && (url.port === first.port || url.protocol !== first.protocol);
}

function redirectTarget(location: string | undefined, from: URL): URL {
  const target = location === undefined ? null : URL.parse(location, from.href);
  if (target === null || !/^https?:$/.test(target.protocol)) throw new FetchRefused('redirect', 'redirected to what is no web address');
  if (target.username !== '' || target.password !== '') throw new FetchRefused('redirect', 'redirected to an address with a password');
  if (from.protocol === 'https:' && target.protocol === 'http:') throw new FetchRefused('redirect', 'redirected from https to http');
  return target;
}

function get(
  url: URL,
  validators: Validators | null,
  allowPrivate: boolean,
  { resolveAddress, ca }: FetchSurroundings,
  limits: FetchLimits,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = {
      agent: false,
      lookup: lookupThrough(resolveAddress, allowPrivate),
      signal,
      maxHeaderSize: MAX_HEAD_OCTETS,
      headers: headersFor(validators),
    } as const;
    // Named, so that no variable of the environment can switch it off.
    const tls = { ...options, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
    const sent: ClientRequest = url.protocol === 'https:' ? httpsRequest(url, tls) : httpRequest(url, options);
    const head = setTimeout(() => sent.destroy(new FetchRefused('timeout', `no answer within ${limits.headMs} ms`)), limits.headMs);
    sent.on('response', (response) => {
      clearTimeout(head);
      response.setTimeout(limits.idleMs, () => response.destroy(new FetchRefused('timeout', `nothing came for ${limits.idleMs} ms`)));
      resolve(response);
    });
    sent.on('error', (error) => {
      clearTimeout(head);
      reject(error);
    });
    sent.end();
  });
}

/** The same for every Kennel: a publisher learns that one fetches its list, and not which. */
function headersFor(validators: Validators | null): Record<string, string> {
  const headers: Record<string, string> = {
    'user-agent': 'kennel',
    accept: 'text/plain, */*;q=0.5',
    'accept-encoding': 'gzip, deflate, br',
  };
  if (validators?.etag != null) headers['if-none-match'] = validators.etag;
  if (validators?.lastModified != null) headers['if-modified-since'] = validators.lastModified;
  return headers;
}

async function read(response: IncomingMessage, { validators, maxOctets }: FetchRequest, signal: AbortSignal): Promise<FetchedList> {
  const asked = validators !== null && (validators.etag !== null || validators.lastModified !== null);
  if (response.statusCode === 304 && asked) {
    response.destroy();
    return { kind: 'not-modified' };
  }
  if (response.statusCode !== 200) {
    response.destroy();
    return failed('status', `HTTP ${response.statusCode ?? 'without status'}`);
  }
  // Captive portals and "not found" pages come with status 200.
  if (/^\s*(?:text\/html|application\/xhtml)/i.test(response.headers['content-type'] ?? '')) {
    response.destroy();
    return failed('not-a-list', 'the answer is a web page');
  }
  if (Number(response.headers['content-length'] ?? 0) > maxOctets) {
    response.destroy();
    throw new TooLargeError('announced');
  }
  const octets = await readOctetsAtMost(unpacked(response, signal), maxOctets);
  return { kind: 'fetched', octets, validators: validatorsOf(response) };
}

/** The body without its content coding (RFC 9110 §8.4). An error on either side ends both. */
function unpacked(response: IncomingMessage, signal: AbortSignal): AsyncIterable<unknown> & { destroy(): unknown } {
  const coding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '') return response;
  const decoder = decoderFor(coding);
  if (decoder === null) {
    response.destroy();
    throw new FetchRefused('damaged', 'the answer is packed in a way that was not offered');
  }
  response.on('error', (error) => decoder.destroy(error));
  decoder.on('close', () => response.destroy());
  signal.addEventListener('abort', () => decoder.destroy(new Error('ended')), { once: true });
  return response.pipe(decoder);
}

function decoderFor(coding: string): Duplex | null {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      return null;
  }
}

/** Only what can be sent back as it is, and is not worth a second thought. */
function validatorsOf({ headers }: IncomingMessage): Validators {
  const plain = (value: string | undefined): string | null => (value !== undefined && /^[ -~]{1,512}$/.test(value) ? value : null);
  return { etag: plain(headers.etag), lastModified: plain(headers['last-modified']) };
}

/** An unpacker's complaint, or a body that ended before its announced length. */
function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    code.startsWith('Z_') ||
    code.startsWith('ERR__ERROR_') ||
    code.startsWith('ERR_BROTLI') ||
    code === 'ECONNRESET' ||
    error.message === 'aborted'
  );
}

/** Codes and texts of Node's own; a certificate's names are the server's words. */
function networkText(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'the certificate of the server is for another name';
  return /^(?:E[A-Z]+|HPE_)/.test(code) && !code.startsWith('ERR_')
    ? error.message
    : `the connection failed (${code === '' ? error.name : code})`;
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function failed(failure: FetchFailure, detail: string): FetchedList {
  return { kind: 'failed', failure, detail };
}
