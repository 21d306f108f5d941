// One connection to an endpoint, over which calls run at once. It is made with the first call, and made again
// with the next one when it was lost.
import type { Metadata } from '@grpc/grpc-js';
import { SignalAbort } from '../abort-source.js';
import { bufferOf } from '../buffer-of.js';
import { type Endpoint, schemeOf } from '../registry/endpoint.js';
import { MAX_TIMER_MS } from '../resilience/cancellation.js';
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
  /** Milliseconds without a call after which a connection is closed. */
  readonly idleMs: number;
  /** Milliseconds after which, or up to a fifth earlier, a connection takes no more calls. */
  readonly connectionAgeMs: number;
}

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
  /** How many of those that run are aborted: the library is not done with them. */
  #aborted = 0;
  readonly #changed: (channel: GrpcChannel) => void;
  readonly #idle: NodeJS.Timeout;
  #isClosed = false;
  #isShut = false;

  /**
   * @param changed called when a call has ended or was aborted, when the connection was made or could not be
   *   made, and when the channel has closed
   */
  constructor(endpoint: Endpoint, options: GrpcChannelOptions, changed: (channel: GrpcChannel) => void) {
    const { maxResponseBytes, connectTimeoutMs, idleMs, connectionAgeMs } = options;
    const { Channel, plain, tls } = loadGrpcJs();
    this.#changed = changed;
    this.#connections = new GrpcConnections({
      connectTimeoutMs,
      connectionAgeMs,
      running: () => this.#running.size,
      onSpent: () => this.leave(),
      onChanged: () => this.#changed(this),
    });
    this.#channel = new Channel(targetOf(endpoint), schemeOf(endpoint) === 'https' ? tls() : plain, {
      [CONNECTIONS_OPTION]: this.#connections,
      'grpc.max_receive_message_length': maxResponseBytes,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_channelz': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
      // The library measures the time without a call by the wall clock, and waits in an endless loop when
      // that was set back. So its own limit is the longest that there is, and `#idle` comes before it.
      'grpc.client_idle_timeout_ms': MAX_TIMER_MS,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.initial_reconnect_backoff_ms': FIRST_BACKOFF_MS,
      'grpc.max_reconnect_backoff_ms': MOST_BACKOFF_MS,
    });
    this.#idle = setTimeout(() => this.#leaveIdle(), idleMs).unref();
  }

  /** No more calls are taken. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** No more calls are taken, and none runs. */
  get isShut(): boolean {
    return this.#isShut;
  }

  /** How many calls have a stream, get one, or may have one still after their end. */
  get streams(): number {
    return this.#running.size - this.#aborted + this.held;
  }

  /** How many of these streams have ended, and will be free when the peer knows it. */
  get held(): number {
    return this.#connections.held;
  }

  /** Call when a call waits for one of them. */
  askForPlaces(): void {
    this.#connections.askForPlaces();
  }

  /** How many calls the peer admits at a time; undefined while there is no connection. */
  get admitted(): number | undefined {
    return this.#connections.admitted;
  }

  get isConnected(): boolean {
    return this.admitted !== undefined;
  }

  /** Whether the connection should take no more calls: it is there, and as old as it may be. */
  get isOld(): boolean {
    return this.isConnected && performance.now() >= this.#connections.endsAt;
  }

  /** Why the last connection could not be made; undefined: it could. */
  get failure(): unknown {
    return this.#connections.failure;
  }

  /** Why the peer has closed a connection as one that asks for too much; undefined: it has not. */
  get refusal(): string | undefined {
    return this.#connections.refusal;
  }

  /** Makes the connection before the first call. */
  connect(): void {
    this.#channel.getConnectivityState(true);
  }

  /** Resolves with the end of the call; rejects with the reason of the request's abort. */
  send(request: OutgoingRequest, metadata: Metadata): Promise<EndedCall> {
    const { path, body } = request;
    const abort = request.abort ?? new SignalAbort(request.signal);
    return new Promise((resolve, reject) => {
      // Only the abort of the request ends a call: the library would make another timer for it.
      const call = this.#channel.createCall(path, Number.POSITIVE_INFINITY, null, null, null);
      const attempt = new GrpcAttempt(call, abort, resolve, reject, this.#ended, this.#left);
      this.#running.add(attempt);
      attempt.start(metadata, bytesOf(body));
    });
  }

  /** Takes no more calls. The connection is closed when those that run, or wait for it, have ended. */
  leave(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#running.size === 0) this.#shut();
    this.#changed(this);
  }

  /** Closes the connection at once. Calls fail. */
  destroy(reason: Error): void {
    this.#isClosed = true;
    for (const attempt of this.#running) attempt.fail(reason);
    this.#shut();
    this.#connections.destroy();
  }

  #leaveIdle(): void {
    if (this.#running.size === 0) this.leave();
  }

  readonly #left = (): void => {
    this.#aborted++;
    this.#connections.hold();
    this.#changed(this);
  };

  readonly #ended = (attempt: GrpcAttempt): void => {
    this.#running.delete(attempt);
    if (attempt.isAborted) this.#aborted--;
    if (this.#running.size === 0) {
      if (this.#isClosed) this.#shut();
      else this.#idle.refresh();
    }
    this.#changed(this);
  };

  #shut(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    clearTimeout(this.#idle);
    this.#channel.close();
    this.#connections.close();
  }
}

const targetOf = ({ host, port }: Endpoint): string =>
  host.includes(':') ? `ipv6:[${host}]:${port}` : `ipv4:${host}:${port}`;

/** @param body one message, which is never a stream */
function bytesOf(body: OutgoingRequest['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return typeof body === 'string' ? Buffer.from(body) : bufferOf(body as Uint8Array);
}
