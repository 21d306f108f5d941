// The connections of this thread to one endpoint. A server limits the calls of a connection, so another one
// is made when those that there are have no room. Calls that find none wait here, in their order: the library
// would let them wait where nothing tells them from calls that the endpoint has got.
import { SignalAbort } from '../abort-source.js';
import { DeadlineExceededError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { GrpcChannel, type GrpcChannelOptions } from './grpc-channel.js';
import { loadGrpcJs } from './grpc-js.js';
import { addRequestFields } from './grpc-metadata.js';
import { receivedOf, spoilsConnection } from './grpc-response.js';
import type { OutgoingRequest, Received } from './transport.js';
import { DisplacedError, ThreadEndsError, UnsentError } from './transport-errors.js';
import { WaitingCall } from './waiting-call.js';

/**
 * How many connections there are, with those that end with the calls that they still have, and without a
 * successor that is being made.
 */
const MOST_CONNECTIONS = 16;

const isOld = (channel: GrpcChannel): boolean => channel.isOld;

/** The weight of the newest call in what is usual. */
const NEWEST = 0.1;

export class GrpcPool {
  readonly #endpoint: Endpoint;
  readonly #options: GrpcChannelOptions;
  /** Those that take calls. The first one with room gets the next call, so that surplus ones become idle. */
  readonly #open: GrpcChannel[] = [];
  /** Those that end with their running calls. */
  readonly #leaving = new Set<GrpcChannel>();
  readonly #waiting = new Set<WaitingCall<GrpcChannel>>();
  /** A connection that is being made in place of an old one. */
  #successor: GrpcChannel | undefined;
  /** How many calls the peer admits on each connection, as far as it is known. */
  #admitted: number | undefined;
  /** How long calls usually take on a connection. */
  #usualMs = 0;
  #serving: NodeJS.Immediate | undefined;
  #isServing = false;
  #isClosed = false;
  /** What `reconsider` was told last. */
  #isOffered = true;
  #onEnded: (() => void) | undefined;

  constructor(endpoint: Endpoint, options: GrpcChannelOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  /** No more calls are taken. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws HttpError, and UnsentError when the deadline passes while no connection has room */
  send(request: OutgoingRequest): Promise<Received> {
    this.#renew();
    const channel = this.#waiting.size === 0 ? this.#withRoom() : undefined;
    if (channel !== undefined) return this.#sendOver(channel, request);
    const since = performance.now();
    request.isWaiting = true;
    return new Promise((resolve, reject) => {
      const call = new WaitingCall<GrpcChannel>(request.abort ?? new SignalAbort(request.signal), {
        begin: (free) => resolve(this.#sendLate(free, request, since)),
        fail: reject,
        left: (gone, reason) => {
          this.#waiting.delete(gone);
          reject(this.#isUnsent(request, reason) ? this.#unsent() : reason);
        },
      });
      this.#waiting.add(call);
      this.#serve();
    });
  }

  /**
   * Sends a call that has waited. When it has waited for most of its time, its deadline shows nothing about
   * the endpoint; and if less is left than calls usually take, it would only keep others from being served
   * in time.
   */
  async #sendLate(channel: GrpcChannel, request: OutgoingRequest, since: number): Promise<Received> {
    request.isWaiting = false;
    const waitedMs = performance.now() - since;
    const leftMs = request.deadline.remainingMs();
    if (leftMs < waitedMs && leftMs < this.#usualMs) {
      this.#serveSoon();
      throw this.#unsent();
    }
    try {
      return await this.#sendOver(channel, request);
    } catch (error) {
      const isLate = error instanceof DeadlineExceededError;
      throw isLate && leftMs < waitedMs ? this.#unsent() : error;
    }
  }

  #unsent(): UnsentError {
    const { id, service } = this.#endpoint;
    return new UnsentError(`instance ${id} of ${service} had as many calls as it admits`);
  }

  /** Whether a call has ended at its deadline because the endpoint, which is there, admits no more calls. */
  #isUnsent({ deadline }: OutgoingRequest, reason: unknown): boolean {
    const isLate = reason instanceof DeadlineExceededError || deadline.passed;
    return isLate && (this.#leaving.size > 0 || this.#open.some((channel) => channel.isConnected));
  }

  /** As that of HttpPool. */
  reconsider(isOffered: (endpoint: Endpoint) => boolean): void {
    if (this.#waiting.size === 0) return;
    const wasOffered = this.#isOffered;
    this.#isOffered = isOffered(this.#endpoint);
    if (wasOffered && !this.#isOffered) this.#displace();
  }

  /**
   * Takes no more calls, and displaces those that wait. Connections are closed when the running ones have
   * ended.
   * @param onEnded called when no call runs any more
   */
  leave(onEnded: () => void): void {
    this.#isClosed = true;
    this.#onEnded = onEnded;
    this.#displace();
    this.#serve();
  }

  /** Closes all connections at once. Calls fail. */
  destroy(): void {
    const reason = new ThreadEndsError();
    this.#isClosed = true;
    this.#onEnded = undefined;
    if (this.#serving !== undefined) clearImmediate(this.#serving);
    this.#failWaiting(() => reason);
    for (const channel of [...this.#open, ...this.#leaving]) channel.destroy(reason);
  }

  #displace(): void {
    this.#failWaiting(() => new DisplacedError(this.#endpoint));
  }

  #failWaiting(reason: () => Error): void {
    for (const call of this.#waiting) call.fail(reason());
    this.#waiting.clear();
  }

  async #sendOver(channel: GrpcChannel, request: OutgoingRequest): Promise<Received> {
    const metadata = new (loadGrpcJs().Metadata)();
    addRequestFields(metadata, request);
    const begun = performance.now();
    const ended = await channel.send(request, metadata);
    this.#usualMs += (performance.now() - begun - this.#usualMs) * NEWEST;
    // A peer on Node.js counts what it holds for a connection, and does not subtract what it held for streams
    // that were cancelled. When it has counted too much it refuses everything, so the next call connects
    // anew.
    if (spoilsConnection(ended)) channel.leave();
    return receivedOf(this.#endpoint, ended, channel);
  }

  #withRoom(): GrpcChannel | undefined {
    if (this.#open.length === 0) return this.#mayConnect ? this.#connection() : undefined;
    return this.#open.find((channel) => channel.streams < this.#roomOf(channel));
  }

  /**
   * A further connection has room when it is there, because calls that wait for it may get the room of
   * another one before. While there is none, calls begin on one that is being made, so that they fail with
   * it: one as long as it is not known how many the peer admits.
   */
  #roomOf({ admitted }: GrpcChannel): number {
    if (admitted === undefined && this.#open.some((other) => other.admitted !== undefined)) return 0;
    return Math.max(1, admitted ?? this.#admitted ?? 1);
  }

  /** What makes connections end faster than their calls must not use up the files of this process. */
  get #mayConnect(): boolean {
    return this.#connections < MOST_CONNECTIONS;
  }

  get #connections(): number {
    return this.#open.length + this.#leaving.size;
  }

  /**
   * Makes the successor of a connection that is old. So no call waits for it, and while the peer accepts no
   * connection, calls go on over the old one.
   */
  #renew(): void {
    if (this.#successor !== undefined || !this.#open.some(isOld) || this.#connections > MOST_CONNECTIONS)
      return;
    this.#successor = this.#connection();
    this.#successor.connect();
  }

  /** The successor is connected, or has closed without it. */
  #succeed(successor: GrpcChannel): void {
    this.#successor = undefined;
    if (!successor.isClosed) this.#open.find((channel) => channel !== successor && channel.isOld)?.leave();
  }

  #connection(): GrpcChannel {
    const channel = new GrpcChannel(this.#endpoint, this.#options, this.#changed);
    this.#open.push(channel);
    return channel;
  }

  readonly #changed = (channel: GrpcChannel): void => {
    if (channel.isClosed) this.#remove(channel);
    else this.#admitted = channel.admitted ?? this.#admitted;
    if (channel === this.#successor && (channel.isClosed || channel.isConnected)) this.#succeed(channel);
    this.#serveSoon();
  };

  #remove(channel: GrpcChannel): void {
    const at = this.#open.indexOf(channel);
    if (at !== -1) this.#open.splice(at, 1);
    if (channel.isShut) this.#leaving.delete(channel);
    else this.#leaving.add(channel);
  }

  /**
   * Serves the calls in a later turn. Many calls may be aborted in this one, whose room must not be given to
   * those that are aborted next.
   */
  #serveSoon(): void {
    this.#serving ??= setImmediate(() => {
      this.#serving = undefined;
      this.#serve();
    });
  }

  /** Begins the calls that have room. One that ends at once comes back here, and must not begin others. */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    for (const call of this.#waiting) {
      const channel = this.#withRoom();
      if (channel === undefined) break;
      this.#waiting.delete(call);
      call.begin(channel);
    }
    if (this.#waiting.size > 0) this.#connectMore();
    else if (this.#isClosed) this.#end();
    this.#isServing = false;
  }

  /**
   * Makes connections for the calls that wait, as far as places of cancelled calls are not about to be free.
   * The library tries again to make one that the peer has not taken.
   */
  #connectMore(): void {
    if (this.#admitted === undefined) return;
    const each = Math.max(1, this.#admitted);
    const connecting = this.#open.filter(({ admitted }) => admitted === undefined);
    // One that was lost is made again.
    for (const channel of connecting) channel.connect();
    for (const channel of this.#open) channel.askForPlaces();
    const held = this.#open.reduce((sum, channel) => sum + channel.held, 0);
    let missing = this.#waiting.size - held - connecting.length * each;
    for (; missing > 0 && this.#mayConnect; missing -= each) this.#connection().connect();
  }

  #end(): void {
    for (const channel of [...this.#open]) channel.leave();
    if (this.#leaving.size === 0) this.#onEnded?.();
  }
}
