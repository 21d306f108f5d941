// Calls over HTTP/1.1, with one pool of connections per endpoint that is closed when the endpoint leaves.
// undici's own timeouts are coarse (300 ms fired after 900), so only the abort signal ends a call.
import { type Endpoint, originOf } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import { CONNECTION_AGE_MS } from './connection-age.js';
import { type HeldBytes, UNCOUNTED } from './held-bytes.js';
import { httpFailure } from './http-failure.js';
import { HttpPool } from './http-pool.js';
import type { HttpStream, StreamRequest } from './http-stream.js';
import { renewedAfter } from './renewed-client.js';
import { strictConnector } from './strict-connect.js';
import {
  MAX_HEADER_BYTES,
  MAX_RESPONSE_BYTES,
  type OutgoingRequest,
  type Received,
  type Transport,
} from './transport.js';
import { isUnsent, ThreadEndsError } from './transport-errors.js';
import { loadUndici } from './undici.js';

export interface HttpTransportOptions {
  /**
   * The longest body of a response, in bytes; a longer one is BAD_UPSTREAM. Infinity: it may have any length.
   * @default MAX_RESPONSE_BYTES
   */
  readonly maxResponseBytes?: number;
  /**
   * The number of connections of this worker to one endpoint; further calls wait for one.
   * @default 128
   */
  readonly connections?: number;
  /**
   * The same for the endpoints of one service, by the option `connections` of `upstreams`.
   * @returns undefined: `connections`
   * @default no service has a number of its own
   */
  readonly connectionsOf?: (service: string) => number | undefined;
  /**
   * Counts the bytes of whole responses that arrive.
   * @default they are not counted
   */
  readonly memory?: HeldBytes;
  /**
   * Milliseconds after which, or up to a fifth earlier, a connection is closed behind a response.
   * @default CONNECTION_AGE_MS
   */
  readonly connectionAgeMs?: number;
  /**
   * Milliseconds after which a connection without calls is closed, whatever the endpoint asks for.
   * @default 4000
   */
  readonly keepAliveMs?: number;
}

const CONNECTIONS = 128;
/** What undici takes for no limit of a response. */
const UNLIMITED = -1;
/** This is less than the 10 s after which servers of Multilane close an idle connection. */
const KEEP_ALIVE_MS = 4_000;

/**
 * Fields of the connection (RFC 9110 section 7.6.1). The fields that `Connection` names are treated in the
 * same way.
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const NO_NAMES: ReadonlySet<string> = new Set();

export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #pools = new Map<string, HttpPool>();
  /** The pool of an endpoint, or one that is closed because the endpoint has left since. */
  readonly #lastOf = new WeakMap<Endpoint, HttpPool>();
  /** Pools of endpoints that left, until their running calls have ended. */
  readonly #leaving = new Set<HttpPool>();
  readonly #line = { length: 0 };
  #closed = false;

  constructor(options: HttpTransportOptions = {}) {
    this.#options = options;
  }

  /** The number of calls that wait for a connection. */
  get waiting(): number {
    return this.#line.length;
  }

  send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const abort = request.abort ?? request.signal;
    if (abort.aborted) return Promise.reject(abort.reason as Error);
    return this.#sent(endpoint, request).then(
      ({ status, fields, body }) => receive(status, endToEnd(fields), body),
      (cause: unknown) => {
        if (abort.aborted) throw isUnsent(cause) ? cause : abort.reason;
        throw httpFailure(endpoint, cause);
      },
    );
  }

  #sent(endpoint: Endpoint, request: OutgoingRequest): ReturnType<HttpPool['send']> {
    try {
      return this.#poolOf(endpoint).send(request);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /**
   * Sends a request whose response is read as it arrives, of any length where `maxResponseBytes` is Infinity.
   * @returns the response when its head has arrived
   * @throws as `send`, and what the body of the request throws
   */
  stream(endpoint: Endpoint, request: StreamRequest): Promise<HttpStream> {
    const { abort } = request;
    if (abort.aborted) return Promise.reject(abort.reason as Error);
    try {
      return this.#poolOf(endpoint).stream(request);
    } catch (error) {
      return Promise.reject(httpFailure(endpoint, error));
    }
  }

  /**
   * Call now and then: calls that wait for a connection to an endpoint that is no longer offered fail with
   * DisplacedError.
   */
  reconsider(isOffered: (endpoint: Endpoint) => boolean): void {
    if (this.#line.length === 0) return;
    for (const pool of this.#pools.values()) pool.reconsider(isOffered);
  }

  /**
   * Call when an endpoint has left: its connections are closed after its running calls have ended, and calls
   * that wait for one fail with DisplacedError.
   */
  leave(endpoint: Endpoint): void {
    const key = keyOf(endpoint);
    const pool = this.#pools.get(key);
    if (pool === undefined) return;
    this.#pools.delete(key);
    this.#leaving.add(pool);
    pool.close(() => this.#leaving.delete(pool));
  }

  /** Closes all connections; running calls fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values(), ...this.#leaving];
    this.#pools.clear();
    this.#leaving.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #poolOf(endpoint: Endpoint): HttpPool {
    if (this.#closed) throw new ThreadEndsError();
    const last = this.#lastOf.get(endpoint);
    if (last !== undefined && !last.isClosed) return last;
    const key = keyOf(endpoint);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = this.#makePool(endpoint);
      this.#pools.set(key, pool);
    }
    this.#lastOf.set(endpoint, pool);
    return pool;
  }

  #makePool(endpoint: Endpoint): HttpPool {
    const {
      connectionsOf,
      connections = CONNECTIONS,
      connectionAgeMs = CONNECTION_AGE_MS,
      keepAliveMs = KEEP_ALIVE_MS,
      maxResponseBytes = MAX_RESPONSE_BYTES,
      memory = UNCOUNTED,
    } = this.#options;
    const { service } = endpoint;
    const most = connectionsOf?.(service) ?? connections;
    const { Pool } = loadUndici();
    const undici = new Pool(originOf(endpoint), {
      connections: most,
      factory: renewedAfter(connectionAgeMs, strictConnector()),
      maxResponseSize: Number.isFinite(maxResponseBytes) ? maxResponseBytes : UNLIMITED,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: keepAliveMs,
      // An endpoint may only ask for less, by the field `Keep-Alive`.
      keepAliveMaxTimeout: keepAliveMs,
      headersTimeout: 0,
      bodyTimeout: 0,
      pipelining: 1,
    });
    const advice = connectionsOf && `the option connections of upstreams.${service} admits more`;
    return new HttpPool(endpoint, undici, { connections: most, memory, line: this.#line, advice });
  }
}

const keyOf = (endpoint: Endpoint): string => `${endpoint.service} ${endpoint.id} ${originOf(endpoint)}`;

export function endToEnd(
  fields: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const named = namedIn(fields.connection);
  const headers = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined || HOP_BY_HOP.has(name) || named.has(name)) continue;
    headers[name] = fieldValue(name, value);
  }
  return headers;
}

/** Text with a character that undici has made of a byte outside of ASCII. */
const NON_ASCII = /[\x80-\xff]/;
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

function fieldValue(name: string, value: string | string[]): string {
  return fieldText(typeof value === 'string' ? value : value.join(name === 'set-cookie' ? '\n' : ', '));
}

/** Bytes that are UTF-8 are read as such, as services of this runtime send them; any other as Latin-1. */
function fieldText(text: string): string {
  if (!NON_ASCII.test(text)) return text;
  try {
    return UTF_8.decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

/** The names in the field `Connection`, in lower case. */
export function namedIn(connection: string | string[] | undefined): ReadonlySet<string> {
  if (connection === undefined || connection === 'keep-alive') return NO_NAMES;
  return new Set(
    String(connection)
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  );
}
