// Calls by gRPC, with one channel per endpoint that is closed when the endpoint leaves. As with HTTP, only
// the abort signal ends a call here; the peer gets the remaining time as `grpc-timeout`.
import { HttpError } from '../errors.js';
import { type Endpoint, originOf } from '../registry/endpoint.js';
import { GrpcChannel, type GrpcChannelOptions } from './grpc-channel.js';
import { loadGrpcJs } from './grpc-js.js';
import { addRequestFields } from './grpc-metadata.js';
import { receivedOf, spoilsConnection } from './grpc-response.js';
import { MAX_RESPONSE_BYTES, type OutgoingRequest, type Received, type Transport } from './transport.js';

const CONNECT_TIMEOUT_MS = 3_000;

export class GrpcTransport implements Transport {
  readonly #options: GrpcChannelOptions;
  readonly #channels = new Map<string, GrpcChannel>();
  /** The channel of an endpoint, or one that is closed since. */
  readonly #lastOf = new WeakMap<Endpoint, GrpcChannel>();
  /** Channels that are closed, until their running calls have ended. */
  readonly #leaving = new Set<GrpcChannel>();
  #closed = false;

  /** @param options @default MAX_RESPONSE_BYTES, and 3 seconds for a connection */
  constructor(options: Partial<GrpcChannelOptions> = {}) {
    const { maxResponseBytes = MAX_RESPONSE_BYTES, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
    this.#options = { maxResponseBytes, connectTimeoutMs };
  }

  async send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const abort = request.abort ?? request.signal;
    if (abort.aborted) throw abort.reason;
    const channel = this.#channelOf(endpoint);
    const metadata = new (loadGrpcJs().Metadata)();
    addRequestFields(metadata, request);
    const ended = await channel.send(request, metadata);
    // A peer on Node.js counts what it holds for a connection, and does not subtract what it held for streams
    // that were cancelled. When it has counted too much it refuses everything, so the next call connects
    // anew.
    if (spoilsConnection(ended)) this.#leave(channel);
    return receivedOf(endpoint, ended, channel.refusal);
  }

  /** Call when an endpoint has left: its connection is closed after its running calls have ended. */
  leave(endpoint: Endpoint): void {
    const key = keyOf(endpoint);
    const channel = this.#channels.get(key);
    this.#channels.delete(key);
    if (channel !== undefined) this.#leave(channel);
  }

  #leave(channel: GrpcChannel): void {
    this.#leaving.add(channel);
    channel.leave(() => this.#leaving.delete(channel));
  }

  /** Closes all connections; running calls fail. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const channel of [...this.#channels.values(), ...this.#leaving]) channel.destroy(closedError());
    this.#channels.clear();
    this.#leaving.clear();
  }

  #channelOf(endpoint: Endpoint): GrpcChannel {
    if (this.#closed) throw closedError();
    const last = this.#lastOf.get(endpoint);
    if (last !== undefined && !last.isClosed) return last;
    const key = keyOf(endpoint);
    let channel = this.#channels.get(key);
    if (channel?.isClosed) this.#leave(channel);
    if (channel === undefined || channel.isClosed) {
      channel = new GrpcChannel(endpoint, this.#options);
      this.#channels.set(key, channel);
    }
    this.#lastOf.set(endpoint, channel);
    return channel;
  }
}

const keyOf = (endpoint: Endpoint): string => `${endpoint.service} ${endpoint.id} ${originOf(endpoint)}`;

const closedError = (): Error =>
  new HttpError('BAD_UPSTREAM', 'This thread ends, and has closed its connections.');
