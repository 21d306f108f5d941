// Calls by gRPC, with connections of their own for each endpoint, which are closed when the endpoint leaves.
// As with HTTP, only the abort signal ends a call here; the peer gets the remaining time as `grpc-timeout`.
import { type Endpoint, originOf } from '../registry/endpoint.js';
import { CONNECTION_AGE_MS } from './connection-age.js';
import type { GrpcChannelOptions } from './grpc-channel.js';
import { GrpcPool } from './grpc-pool.js';
import { MAX_RESPONSE_BYTES, type OutgoingRequest, type Received, type Transport } from './transport.js';
import { ThreadEndsError } from './transport-errors.js';

const CONNECT_TIMEOUT_MS = 3_000;
/** A connection without calls is closed after this time, and made again by the next call. */
const IDLE_MS = 30_000;

export class GrpcTransport implements Transport {
  readonly #options: GrpcChannelOptions;
  readonly #pools = new Map<string, GrpcPool>();
  /** The pool of an endpoint, or one that is closed since. */
  readonly #lastOf = new WeakMap<Endpoint, GrpcPool>();
  /** Pools of endpoints that left, until their running calls have ended. */
  readonly #leaving = new Set<GrpcPool>();
  #closed = false;

  /**
   * @param options @default MAX_RESPONSE_BYTES, 3 seconds for a connection, 30 without a call, and
   *   CONNECTION_AGE_MS
   */
  constructor(options: Partial<GrpcChannelOptions> = {}) {
    const { maxResponseBytes = MAX_RESPONSE_BYTES, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
    const { idleMs = IDLE_MS, connectionAgeMs = CONNECTION_AGE_MS } = options;
    this.#options = { maxResponseBytes, connectTimeoutMs, idleMs, connectionAgeMs };
  }

  async send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const abort = request.abort ?? request.signal;
    if (abort.aborted) throw abort.reason;
    return this.#poolOf(endpoint).send(request);
  }

  /** As that of HttpTransport. */
  reconsider(isOffered: (endpoint: Endpoint) => boolean): void {
    for (const pool of this.#pools.values()) pool.reconsider(isOffered);
  }

  /** As that of HttpTransport. */
  leave(endpoint: Endpoint): void {
    const key = keyOf(endpoint);
    const pool = this.#pools.get(key);
    if (pool === undefined) return;
    this.#pools.delete(key);
    this.#leaving.add(pool);
    pool.leave(() => this.#leaving.delete(pool));
  }

  /** Closes all connections; running calls fail. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const pool of [...this.#pools.values(), ...this.#leaving]) pool.destroy();
    this.#pools.clear();
    this.#leaving.clear();
  }

  #poolOf(endpoint: Endpoint): GrpcPool {
    if (this.#closed) throw new ThreadEndsError();
    const last = this.#lastOf.get(endpoint);
    if (last !== undefined && !last.isClosed) return last;
    const key = keyOf(endpoint);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new GrpcPool(endpoint, this.#options);
      this.#pools.set(key, pool);
    }
    this.#lastOf.set(endpoint, pool);
    return pool;
  }
}

const keyOf = (endpoint: Endpoint): string => `${endpoint.service} ${endpoint.id} ${originOf(endpoint)}`;
