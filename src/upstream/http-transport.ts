// Calls over HTTP/1.1, with one pool of connections per endpoint that is closed when the endpoint leaves.
// undici's own timeouts are coarse (300 ms fired after 900), so only the abort signal ends a call.
import { HttpError } from '../errors.js';
import { isOutOfFiles, OutOfFilesError } from '../open-files.js';
import { type Endpoint, originOf } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import { certificateFault, isHandshakeFault } from './certificate-fault.js';
import { CONNECTION_AGE_MS } from './connection-age.js';
import { HttpPool } from './http-pool.js';
import { renewedAfter } from './renewed-client.js';
import {
  MAX_HEADER_BYTES,
  MAX_RESPONSE_BYTES,
  type OutgoingRequest,
  type Received,
  type Transport,
} from './transport.js';
import { isRefusedHere, isUnsent, NoPortError, OversizedError, UnreachedError } from './transport-errors.js';
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
  /**
   * Milliseconds after which, or up to a fifth earlier, a connection is closed behind a response.
   * @default CONNECTION_AGE_MS
   */
  readonly connectionAgeMs?: number;
}

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

const NO_NAMES: readonly string[] = [];

export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #pools = new Map<string, HttpPool>();
  /** The pool of an endpoint, or one that is closed because the endpoint has left since. */
  readonly #lastOf = new WeakMap<Endpoint, HttpPool>();
  /** Pools of endpoints that left, until their running calls have ended. */
  readonly #leaving = new Set<HttpPool>();
  #closed = false;

  constructor(options: HttpTransportOptions = {}) {
    this.#options = options;
  }

  send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const abort = request.abort ?? request.signal;
    if (abort.aborted) return Promise.reject(abort.reason as Error);
    return this.#sent(endpoint, request).then(
      ({ status, fields, body }) => receive(status, endToEnd(fields), body),
      (cause: unknown) => {
        if (abort.aborted) throw isUnsent(cause) ? cause : abort.reason;
        // It is no failure of the endpoint when this process cannot open a socket.
        if (isOutOfFiles(cause)) throw new OutOfFilesError(cause);
        throw isRefusedHere(cause) ? new NoPortError(endpoint, cause) : badUpstream(endpoint, cause);
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

  #poolOf(endpoint: Endpoint): HttpPool {
    if (this.#closed) throw new Error('http transport: closed');
    const last = this.#lastOf.get(endpoint);
    if (last !== undefined && !last.isClosed) return last;
    const key = keyOf(endpoint);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      const { connections = CONNECTIONS, connectionAgeMs = CONNECTION_AGE_MS } = this.#options;
      const { Pool } = loadUndici();
      const undici = new Pool(originOf(endpoint), {
        connections,
        factory: renewedAfter(connectionAgeMs),
        maxResponseSize: this.#options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
        maxHeaderSize: MAX_HEADER_BYTES,
        connectTimeout: CONNECT_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        headersTimeout: 0,
        bodyTimeout: 0,
        pipelining: 1,
      });
      pool = new HttpPool(endpoint, undici, connections);
      this.#pools.set(key, pool);
    }
    this.#lastOf.set(endpoint, pool);
    return pool;
  }
}

const keyOf = (endpoint: Endpoint): string => `${endpoint.service} ${endpoint.id} ${originOf(endpoint)}`;

function endToEnd(fields: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const named = namedIn(fields.connection);
  const headers = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined || HOP_BY_HOP.has(name) || named.includes(name)) continue;
    headers[name] = fieldValue(name, value);
  }
  return headers;
}

/** Text with a character that undici has made of a byte outside of ASCII. */
const NON_ASCII = /[\x80-\xff]/;
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes that are UTF-8 are read as such, as services of this runtime send them; any other as Latin-1. */
function fieldValue(name: string, value: string | string[]): string {
  const text = typeof value === 'string' ? value : value.join(name === 'set-cookie' ? '\n' : ', ');
  if (!NON_ASCII.test(text)) return text;
  try {
    return UTF_8.decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

/** The names in the field `Connection`, in lower case. */
function namedIn(connection: string | string[] | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive') return NO_NAMES;
  return String(connection)
    .split(',')
    .map((name) => name.trim().toLowerCase());
}

/**
 * What is wrong when no connection could be made; undefined when there was one. The code of the error alone
 * does not tell: that of a route which fails is the same while a request is being executed.
 */
function unreachedBy(cause: unknown): string | undefined {
  if (isHandshakeFault(cause)) return certificateFault(cause);
  const { code, syscall } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'did not accept the connection in time';
  return syscall === 'connect' ? 'cannot be reached' : undefined;
}

/** What is too large of a response. */
const OVERSIZED: Readonly<Record<string, string>> = {
  __proto__: null as never,
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'sent a longer response than is accepted',
  UND_ERR_HEADERS_OVERFLOW: 'sent a larger header than is accepted',
};

const BROKEN = 'closed the connection before the response was complete';

/** Describes the failure without the parser's message, which may contain bytes of the other side. */
function badUpstream({ service, id }: Endpoint, cause: unknown): HttpError {
  const detail = (symptom: string): string => `Instance ${id} of ${service} ${symptom}.`;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const unreached = unreachedBy(cause);
  if (unreached !== undefined) return new UnreachedError(detail(unreached), cause);
  const oversized = OVERSIZED[code];
  if (oversized !== undefined) return new OversizedError(detail(oversized), cause);
  const broken = code.startsWith('HPE_') ? 'did not send valid HTTP' : BROKEN;
  return new HttpError('BAD_UPSTREAM', detail(certificateFault(cause) ?? broken), { cause });
}
