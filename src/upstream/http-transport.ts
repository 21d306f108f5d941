// Calls over HTTP/1.1, with one pool of connections per endpoint that is closed when the endpoint leaves.
// undici's own timeouts are coarse (300 ms fired after 900), so only the abort signal ends a call.
import type { Pool } from 'undici';
import { HttpError } from '../errors.js';
import { isOutOfFiles, OutOfFilesError } from '../open-files.js';
import { type Endpoint, originOf } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import { MAX_RESPONSE_BYTES, type OutgoingRequest, type Received, type Transport } from './transport.js';
import { loadUndici } from './undici.js';

export interface HttpTransportOptions {
  /**
   * The longest body of a response, in bytes; a longer one is BAD_UPSTREAM.
   * @default MAX_RESPONSE_BYTES
   */
  readonly maxResponseBytes?: number;
  /**
   * The number of connections of this worker to one endpoint; further calls wait for one.
   * @default 128
   */
  readonly connections?: number;
}

const MAX_HEADER_BYTES = 16 * 1024;
const CONNECTIONS = 128;
const CONNECT_TIMEOUT_MS = 3_000;
/** This is less than the 10 s after which servers of Multilane close an idle connection. */
const KEEP_ALIVE_MS = 4_000;

/**
 * Fields of the connection (RFC 9110 section 7.6.1). The fields that `Connection` names are treated in the
 * same way.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #pools = new Map<string, Pool>();
  /** Pools of endpoints that left, until their running calls have ended. */
  readonly #leaving = new Set<Pool>();
  #closed = false;

  constructor(options: HttpTransportOptions = {}) {
    this.#options = options;
  }

  async send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const { signal } = request;
    signal.throwIfAborted();
    try {
      const { statusCode, headers, body } = await this.#poolOf(endpoint).request({
        method: request.method as 'GET',
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        signal,
      });
      return receive(statusCode, endToEnd(headers), await body.bytes());
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      // It is no failure of the endpoint when this process cannot open a socket.
      throw isOutOfFiles(cause) ? new OutOfFilesError(cause) : badUpstream(endpoint, cause);
    }
  }

  /** Call when an endpoint has left: its connections are closed after its running calls have ended. */
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

  #poolOf(endpoint: Endpoint): Pool {
    if (this.#closed) throw new Error('http transport: closed');
    const key = keyOf(endpoint);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new (loadUndici().Pool)(originOf(endpoint), {
        connections: this.#options.connections ?? CONNECTIONS,
        maxResponseSize: this.#options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
        maxHeaderSize: MAX_HEADER_BYTES,
        connectTimeout: CONNECT_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        headersTimeout: 0,
        bodyTimeout: 0,
        pipelining: 1,
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }
}

const keyOf = (endpoint: Endpoint): string => `${endpoint.service} ${endpoint.id} ${originOf(endpoint)}`;

function endToEnd(fields: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const named = new Set(
    String(fields.connection ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  );
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || HOP_BY_HOP.has(name) || named.has(name)) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function badUpstream({ service, id }: Endpoint, cause: unknown): HttpError {
  return new HttpError('BAD_UPSTREAM', `Instance ${id} of ${service} ${symptom(cause)}.`, { cause });
}

/** Describes the failure without the parser's message, which may contain bytes of the other side. */
function symptom(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return 'cannot be reached';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'did not accept the connection in time';
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return 'sent a longer response than is accepted';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'sent a larger header than is accepted';
  if (code.startsWith('HPE_')) return 'did not send valid HTTP';
  return 'closed the connection before the response was complete';
}
