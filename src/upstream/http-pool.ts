// The connections to one endpoint, and the requests that wait for one. They do not wait in undici, which
// keeps a request that was aborted until it has a connection for it, and then can only close the connection.
import { types } from 'node:util';
import type { Dispatcher, Pool } from 'undici';
import { type AbortListener, type AbortSource, SignalAbort } from '../abort-source.js';
import { DeadlineExceededError } from '../errors.js';
import { type Linked, LinkedList } from '../linked-list.js';
import type { Endpoint } from '../registry/endpoint.js';
import type { HeldBytes } from './held-bytes.js';
import { HttpAttempt, type HttpResponse } from './http-attempt.js';
import { httpFailure } from './http-failure.js';
import { HttpStream, type StreamRequest } from './http-stream.js';
import type { TimedRequest } from './renewed-client.js';
import type { OutgoingRequest } from './transport.js';
import { DisplacedError, ThreadEndsError, UnsentError } from './transport-errors.js';

/** The part of a request that waiting for a connection depends on. */
type Waitable = Pick<OutgoingRequest, 'deadline' | 'isWaiting'>;
/** What undici sends. */
type Sendable = Pick<OutgoingRequest | StreamRequest, 'method' | 'path' | 'headers' | 'body' | 'deadline'>;

/** What a pool may use, and what counts that. */
export interface PoolOptions {
  /** The most connections of this pool. */
  readonly connections: number;
  /** Counts the bytes of responses that arrive. */
  readonly memory: HeldBytes;
  /** The calls of all pools of the transport that wait for a connection: their number. */
  readonly line: { length: number };
  /** What to do when the connections are too few. @default nothing */
  readonly advice?: string | undefined;
}

export class HttpPool {
  readonly #endpoint: Endpoint;
  readonly #pool: Pool;
  readonly #options: PoolOptions;
  readonly #waiting = new LinkedList<Waiting>();
  /** The number of requests that undici has. */
  #running = 0;
  #isDestroyed = false;
  /** The endpoint has left. */
  #isLeaving = false;
  /** What `reconsider` was told last. */
  #isOffered = true;

  constructor(endpoint: Endpoint, pool: Pool, options: PoolOptions) {
    this.#endpoint = endpoint;
    this.#pool = pool;
    this.#options = options;
  }

  /** No more requests are taken. */
  get isClosed(): boolean {
    return this.#isDestroyed || this.#isLeaving;
  }

  /**
   * Resolves with the response; rejects with the error of undici, or with the reason of the request's abort.
   * @throws UnsentError when the deadline passes while no connection is free, or soon after
   */
  send(request: OutgoingRequest): Promise<HttpResponse> {
    const abort = request.abort ?? new SignalAbort(request.signal);
    return new Promise((resolve, reject) => {
      const start = (fail: (reason: unknown) => void): void =>
        this.#start(
          request,
          new HttpAttempt(this.#endpoint, this.#options.memory, abort, resolve, fail, this.#ended),
        );
      this.#admit(request, abort, start, reject);
    });
  }

  /** Resolves when the head of the response has arrived; rejects as `HttpTransport.stream`. */
  stream(request: StreamRequest): Promise<HttpStream> {
    const { abort } = request;
    return new Promise((resolve, reject) => {
      const start = (fail: (reason: unknown) => void): void =>
        this.#start(request, new HttpStream(this.#endpoint, abort, resolve, fail, this.#ended));
      this.#admit(request, abort, start, (reason) =>
        reject(abort.aborted ? reason : httpFailure(this.#endpoint, reason)),
      );
    });
  }

  /** Starts a request when a connection is free. */
  #admit(
    request: Waitable,
    abort: AbortSource,
    start: (fail: (reason: unknown) => void) => void,
    reject: (reason: unknown) => void,
  ): void {
    if (this.#isDestroyed) reject(new ThreadEndsError());
    else if (this.#isLeaving) reject(new DisplacedError(this.#endpoint));
    else if (this.#running < this.#options.connections) start(reject);
    else this.#wait(request, abort, start, reject);
  }

  #wait(
    request: Waitable,
    abort: AbortSource,
    start: (fail: (reason: unknown) => void) => void,
    reject: (reason: unknown) => void,
  ): void {
    const { deadline } = request;
    const since = performance.now();
    request.isWaiting = true;
    const { line } = this.#options;
    line.length++;
    const fail = (reason: unknown): void => {
      // The reason may be any value, even one that cannot be inspected.
      const isLate =
        deadline.passed || (types.isNativeError(reason) && reason instanceof DeadlineExceededError);
      reject(isLate ? this.#unsent() : reason);
    };
    const startLate = (): void => {
      request.isWaiting = false;
      start(deadline.remainingMs() < performance.now() - since ? fail : reject);
    };
    new Waiting(this.#waiting, abort, startLate, fail, () => line.length--).begin();
  }

  #unsent(): UnsentError {
    const { connections, advice } = this.#options;
    const { id, service } = this.#endpoint;
    const full = `the ${connections} connections of this worker to instance ${id} of ${service} were in use`;
    return new UnsentError(advice === undefined ? full : `${full}; ${advice}`);
  }

  /**
   * Displaces the calls that wait when the endpoint is no longer offered. Those that come later wait: they
   * have picked it nevertheless, as in panic mode.
   */
  reconsider(isOffered: (endpoint: Endpoint) => boolean): void {
    if (this.#waiting.size === 0) return;
    const wasOffered = this.#isOffered;
    this.#isOffered = isOffered(this.#endpoint);
    if (wasOffered && !this.#isOffered) this.#displace();
  }

  /** Closes the connections when all requests have ended that were sent. Those that wait are displaced. */
  close(onClosed: () => void): void {
    this.#isLeaving = true;
    this.#displace();
    this.#pool.close(onClosed);
  }

  /** Closes the connections at once. Requests fail. */
  destroy(): Promise<void> {
    this.#isDestroyed = true;
    const reason = new ThreadEndsError();
    while (this.#waiting.oldest !== undefined) this.#waiting.oldest.fail(reason);
    return this.#pool.destroy(reason);
  }

  /** Each call gets an error of its own, which may be changed for it (certain-result.ts). */
  #displace(): void {
    while (this.#waiting.oldest !== undefined) this.#waiting.oldest.fail(new DisplacedError(this.#endpoint));
  }

  #start({ method, path, headers, body, deadline }: Sendable, handler: Dispatcher.DispatchHandler): void {
    this.#running++;
    // undici takes iterables too, which its types do not say.
    const sent = (body ?? null) as NonNullable<Dispatcher.DispatchOptions['body']> | null;
    const request: TimedRequest = { method, path, headers, body: sent, deadline };
    this.#pool.dispatch(request, handler);
  }

  /** Called when undici is done with a request, aborted ones included. */
  readonly #ended = (): void => {
    this.#running--;
    while (this.#running < this.#options.connections && this.#waiting.oldest !== undefined)
      this.#waiting.oldest.end();
  };
}

/** A request that waits for a connection. */
class Waiting implements Linked<Waiting> {
  older: Waiting | undefined;
  newer: Waiting | undefined;
  readonly #line: LinkedList<Waiting>;
  readonly #abort: AbortSource;
  readonly #start: () => void;
  readonly #reject: (reason: unknown) => void;
  readonly #left: () => void;
  #isOver = false;
  readonly #listener: AbortListener = {
    older: undefined,
    newer: undefined,
    onAbort: (reason) => {
      if (!this.#isOver) this.fail(reason);
    },
  };

  constructor(
    line: LinkedList<Waiting>,
    abort: AbortSource,
    start: () => void,
    reject: (reason: unknown) => void,
    left: () => void,
  ) {
    this.#line = line;
    this.#abort = abort;
    this.#start = start;
    this.#reject = reject;
    this.#left = left;
  }

  begin(): void {
    this.#line.add(this);
    this.#abort.listen(this.#listener);
  }

  /** Sends the request, if it is not aborted: listeners that come before may end others in the same abort. */
  end(): void {
    if (this.#abort.aborted) {
      this.fail(this.#abort.reason);
      return;
    }
    this.#leave();
    this.#start();
  }

  fail(reason: unknown): void {
    this.#leave();
    this.#reject(reason);
  }

  #leave(): void {
    this.#isOver = true;
    this.#line.remove(this);
    this.#abort.unlisten(this.#listener);
    this.#left();
  }
}
