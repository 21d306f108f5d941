// The error responses of routes. All of them are problem documents of one schema; those with the same codes
// are one component of the document.
import { STATUS_CODES } from 'node:http';
import { ERROR_TABLE, type ErrorCode } from '../../errors.js';
import type { RouteInfo } from '../handler.js';
import { headerRef, headersOf, isRateLimited } from './response-headers.js';

type Json = Readonly<Record<string, unknown>>;

/** Everything that a handler may need and not get; `executed` in the problem tells whether it ran. */
const UNAVAILABLE = codesOf(503);
/**
 * Statuses that clients handle like any other failure. They have no response of their own unless the route
 * declares one, so that what matters of a route is not hidden among them.
 */
const UNLISTED: ReadonlySet<number> = new Set([408, 411, 413, 415, 500, 504]);
const REFERENCE = { $ref: '#/components/schemas/Problem' };

function codesOf(status: number): readonly ErrorCode[] {
  return (Object.keys(ERROR_TABLE) as ErrorCode[]).filter((code) => ERROR_TABLE[code].status === status);
}

/** The codes of one status. */
interface Codes {
  readonly codes: Set<string>;
  /** The route lists its codes, so these are all. */
  isComplete: boolean;
}

/** The error responses by status, each a reference to a component. */
export class ProblemResponses {
  readonly components: Record<string, unknown> = {};
  readonly #names = new Map<string, string>();
  /** What was made for routes of the same options. Most routes of a service are alike. */
  readonly #made = new Map<string, Json>();

  /** @param security whether the route needs any @param limited whether RATE_LIMIT is set */
  of(route: RouteInfo, security: boolean, limited: boolean): Json {
    const isLimited = isRateLimited(route, limited);
    const key = likenessOf(route, security, isLimited);
    let made = this.#made.get(key);
    if (made === undefined) {
      made = this.#make(statusesOf(route, security, isLimited));
      this.#made.set(key, made);
    }
    return made;
  }

  #make(byStatus: ReadonlyMap<number, Codes>): Json {
    const references: Record<string, Json> = {};
    const others: string[] = [];
    for (const [status, found] of byStatus) {
      if (UNLISTED.has(status) && !found.isComplete) others.push(...found.codes);
      else references[status] = { $ref: this.#reference(status, found) };
    }
    return { ...references, default: { $ref: this.#default(others) } };
  }

  #reference(status: number, { codes, isComplete }: Codes): string {
    const key = `${status} ${isComplete} ${[...codes].toSorted().join()}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      name = this.#freeName(componentName(status, codes));
      this.#names.set(key, name);
      this.components[name] = problemResponse(status, codes, isComplete);
    }
    return `#/components/responses/${name}`;
  }

  #freeName(wanted: string): string {
    let name = wanted;
    for (let n = 2; Object.hasOwn(this.components, name); n++) name = `${wanted}${n}`;
    return name;
  }

  #default(codes: readonly string[]): string {
    const key = `default ${codes.join()}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      name = this.#freeName('Problem');
      this.#names.set(key, name);
      this.components[name] = {
        description: `Any other failure, such as ${listed(codes)}`,
        headers: { 'x-request-id': headerRef('x-request-id') },
        content: { 'application/problem+json': { schema: REFERENCE, example: exampleOf('INTERNAL', 500) } },
      };
    }
    return `#/components/responses/${name}`;
  }
}

function statusesOf(route: RouteInfo, security: boolean, limited: boolean): Map<number, Codes> {
  const found = new Map<number, Codes>();
  const add = (code: string, status: number, isComplete = false): void => {
    const known = found.get(status) ?? { codes: new Set(), isComplete: false };
    known.codes.add(code);
    known.isComplete ||= isComplete;
    found.set(status, known);
  };
  for (const code of ownCodes(route, security, limited)) add(code, ERROR_TABLE[code].status);
  for (const [status, codes] of Object.entries(route.options.errors ?? {}))
    for (const code of [codes].flat()) add(code, Number(status), true);
  // A response that the route declares itself is no problem document.
  for (const status of Object.keys(route.options.response ?? {})) found.delete(Number(status));
  return new Map([...found].toSorted(([a], [b]) => a - b));
}

/** Routes of the same text have the same error responses. */
function likenessOf({ options, webSocket }: RouteInfo, security: boolean, limited: boolean): string {
  const { params, query, headers, body, consumes, chunked, idempotencyKey, response, errors } = options;
  const given = [params, query, headers, body, consumes].map((one) => one !== undefined);
  const statuses = response === undefined ? '' : Object.keys(response).join();
  const listedErrors = errors === undefined ? '' : JSON.stringify(errors);
  return [...given, chunked, idempotencyKey, security, limited, webSocket, statuses, listedErrors].join(' ');
}

/** What the runtime answers to requests of this route. */
function ownCodes({ options, webSocket }: RouteInfo, security: boolean, limited: boolean): ErrorCode[] {
  const { params, query, headers, body, consumes, chunked, idempotencyKey } = options;
  const codes: ErrorCode[] = ['INTERNAL', 'HANDLER_STALLED', ...UNAVAILABLE, 'DEADLINE_EXCEEDED'];
  if (body !== undefined) codes.push('MALFORMED_BODY');
  if (body !== undefined || consumes !== undefined)
    codes.push('BODY_TIMEOUT', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (chunked === 'reject') codes.push('LENGTH_REQUIRED');
  if ([params, query, headers, body, idempotencyKey].some((one) => one !== undefined))
    codes.push('VALIDATION_FAILED');
  if (idempotencyKey !== undefined) codes.push('IDEMPOTENCY_IN_PROGRESS', 'IDEMPOTENCY_KEY_REUSED');
  if (idempotencyKey === 'required') codes.push('IDEMPOTENCY_KEY_REQUIRED');
  if (security) codes.push('UNAUTHORIZED');
  if (limited) codes.push('RATE_LIMITED');
  if (webSocket) codes.push('UPGRADE_REQUIRED');
  return codes;
}

/** At most this many codes make the name of a component. */
const MOST_NAMED = 3;

function componentName(status: number, codes: ReadonlySet<string>): string {
  if (codes.size <= MOST_NAMED) {
    const name = [...codes].map(pascal).join('Or');
    if (name !== '') return name;
  }
  return (STATUS_CODES[status] ?? `Status ${status}`).replaceAll(/[^A-Za-z0-9]/g, '');
}

const pascal = (code: string): string =>
  code
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join('');

function problemResponse(status: number, codes: ReadonlySet<string>, isComplete: boolean): Json {
  const list = [...codes];
  const narrowed = { type: 'object', properties: { code: { type: 'string', enum: list } } };
  return {
    description: `${STATUS_CODES[status] ?? 'A failure'}: ${listed(list)}`,
    headers: headersOf(status, list),
    content: {
      'application/problem+json': {
        schema: isComplete ? { allOf: [REFERENCE, narrowed] } : REFERENCE,
        example: exampleOf(isComplete ? list.at(-1)! : list[0]!, status),
      },
    },
  };
}

const listed = (codes: readonly string[]): string => codes.map((code) => `\`${code}\``).join(', ');

function exampleOf(code: string, status: number): Json {
  const known = Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as ErrorCode].title : undefined;
  return {
    type: `urn:multilane:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title: known ?? code,
    status,
    detail: 'What is wrong with this request, in words.',
    instance: 'urn:multilane:request:4f1d2c3b5a69-00',
    code,
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    ...(status === 503 ? { executed: false } : {}),
    ...(code === 'VALIDATION_FAILED' ? { errors: [{ path: '/name', message: 'Required property' }] } : {}),
  };
}
