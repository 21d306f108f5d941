// The connection to one endpoint, over which all calls of this thread to it run at once.
import type { Metadata } from '@grpc/grpc-js';
import { SignalAbort } from '../abort-source.js';
import { bufferOf } from '../buffer-of.js';
import { type Endpoint, schemeOf } from '../registry/endpoint.js';
import { type EndedCall, GrpcAttempt } from './grpc-attempt.js';
import { GrpcConnections } from './grpc-connections.js';
import { CONNECTIONS_OPTION, loadGrpcJs } from './grpc-js.js';
import type { OutgoingRequest } from './transport.js';

type Channel = InstanceType<ReturnType<typeof loadGrpcJs>['Channel']>;

export interface GrpcChannelOptions {
  /** The longest message of a response, in bytes. */
  readonly maxResponseBytes: number;
  /** Milliseconds in which a connection must be made. */
  readonly connectTimeoutMs: number;
}

/** A connection without calls is closed after this time, and made again by the next call. */
const IDLE_MS = 30_000;
/**
 * A connection with running calls is tested with a PING so often. Servers in other languages allow one in
 * five minutes, and refuse a client that sends more; TCP tests it more often (grpc-connections.ts).
 */
const KEEPALIVE_MS = 330_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;
/** While no connection can be made, calls fail at once; it is tried again after these times. */
const FIRST_BACKOFF_MS = 100;
const MOST_BACKOFF_MS = 1_000;

export class GrpcChannel {
  readonly #channel: Channel;
  readonly #connections: GrpcConnections;
  readonly #running = new Set<GrpcAttempt>();
  #isClosed = false;
  #isShut = false;
  #onEnded: (() => void) | undefined;

  constructor(endpoint: Endpoint, { maxResponseBytes, connectTimeoutMs }: GrpcChannelOptions) {
    const { Channel, plain, tls } = loadGrpcJs();
    this.#connections = new GrpcConnections({
      connectTimeoutMs,
      running: () => this.#running.size,
      onSpent: () => this.leave(this.#onEnded),
    });
    this.#channel = new Channel(targetOf(endpoint), schemeOf(endpoint) === 'https' ? tls() : plain, {
      [CONNECTIONS_OPTION]: this.#connections,
      'grpc.max_receive_message_length': maxResponseBytes,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_channelz': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.client_idle_timeout_ms': IDLE_MS,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.initial_reconnect_backoff_ms': FIRST_BACKOFF_MS,
      'grpc.max_reconnect_backoff_ms': MOST_BACKOFF_MS,
    });
  }

  /** No more calls are taken. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Why the peer has closed a connection as one that asks for too much; undefined: it has not. */
  get refusal(): string | undefined {
    return this.#connections.refusal;
  }

  /** Resolves with the end of the call; rejects with the reason of the request's abort. */
  send(request: OutgoingRequest, metadata: Metadata): Promise<EndedCall> {
    const { path, body } = request;
    const abort = request.abort ?? new SignalAbort(request.signal);
    return new Promise((resolve, reject) => {
      // Only the abort of the request ends a call: the library would make another timer for it.
      const call = this.#channel.createCall(path, Number.POSITIVE_INFINITY, null, null, null);
      const attempt = new GrpcAttempt(call, abort, resolve, reject, this.#ended);
      this.#running.add(attempt);
      attempt.start(metadata, bytesOf(body));
    });
  }

  /**
   * Takes no more calls. The connection is closed when those that run, or wait for it, have ended.
   * @param onEnded called when no call runs any more
   */
  leave(onEnded: () => void = () => undefined): void {
    this.#onEnded = onEnded;
    this.#isClosed = true;
    if (this.#running.size === 0) this.#shut();
  }

  /** Closes the connection at once. Calls fail. */
  destroy(reason: Error): void {
    this.#isClosed = true;
    for (const attempt of this.#running) attempt.fail(reason);
    this.#shut();
    this.#connections.destroy();
  }

  readonly #ended = (attempt: GrpcAttempt): void => {
    this.#running.delete(attempt);
    this.#connections.ended();
    if (this.#isClosed && this.#running.size === 0) this.#shut();
  };

  #shut(): void {
    if (!this.#isShut) {
      this.#isShut = true;
      this.#channel.close();
      this.#connections.close();
    }
    this.#onEnded?.();
  }
}

const targetOf = ({ host, port }: Endpoint): string =>
  host.includes(':') ? `ipv6:[${host}]:${port}` : `ipv4:${host}:${port}`;

function bytesOf(body: OutgoingRequest['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return typeof body === 'string' ? Buffer.from(body) : bufferOf(body);
}
