// One call by gRPC as an exchange of the pipeline, so that a call goes the same way as a request of HTTP. It
// works on the call of grpc-js directly, without the streams of Node.js that the library makes for handlers.
//
// A response in pieces has one message in each, in its frame (rpc-frames.ts): pieces cannot be empty, and
// messages can.
import type { Metadata } from '@grpc/grpc-js';
import { DeadlineExceededError, type HttpError } from '../../errors.js';
import { STATUS_NUMBERS } from '../../grpc/status.js';
import { clientClosed } from '../body/body.js';
import type { Exchange } from '../exchange.js';
import type { Problem } from '../problem-response.js';
import type { RequestHead } from '../request-head.js';
import type { RpcCall, RpcStatus } from './rpc-call.js';
import { messageIn } from './rpc-frames.js';
import { failedStatus, metadataValue } from './rpc-status.js';

type Failure = Pick<Problem, 'status' | 'headers' | 'body'>;

export interface GrpcExchangeOptions {
  readonly head: RequestHead;
  readonly call: RpcCall;
  /** Makes empty metadata. */
  readonly metadata: () => Metadata;
  /** The request of a method whose requests are no stream. */
  readonly request?: Uint8Array;
  /** Cuts the call; its connection stays. */
  readonly reset: () => void;
  /**
   * Calls back when what was sent has not been taken for STREAM_IDLE_MS.
   * @returns a function that ends the wait
   */
  readonly whenIdle: (callback: () => void) => () => void;
}

/** What waits for a message to arrive, or to be taken. */
interface Waiting<T> {
  readonly done: (value: T) => void;
  readonly failed: (error: HttpError) => void;
}

/** A client that cancels its call this shortly before its deadline does so because of the deadline. */
const EARLY_MS = 50;
const ignore = (): void => {};
const NO_BYTES = new Uint8Array(0);
const SUCCESS: RpcStatus = { code: STATUS_NUMBERS.OK, details: '' };

export class GrpcExchange implements Exchange {
  readonly head: RequestHead;
  closed = false;
  readonly accept = undefined;
  readonly isBodyPassing = false;
  readonly isBodyComplete = true;
  readonly #options: GrpcExchangeOptions;
  readonly #call: RpcCall;
  readonly #begunAt = performance.now();
  #listeners: ((reason?: HttpError) => void)[] | undefined;
  #onEnded: (() => void)[] | undefined;
  #hasBegun = false;
  #isHalfClosed = false;
  #reading: Waiting<Uint8Array | undefined> | undefined;
  #writing: Waiting<void> | undefined;
  /** Why no more messages of the request are taken. */
  #refused: HttpError | undefined;
  #isOver = false;
  /** Ends the wait for a client that does not take the end of its response. */
  #stopWaiting = ignore;
  /** Why the client has left. */
  #left: HttpError | undefined;

  constructor(options: GrpcExchangeOptions) {
    this.#options = options;
    this.#call = options.call;
    this.head = options.head;
  }

  remoteAddress(): string {
    return this.#call.getConnectionInfo().remoteAddress ?? '';
  }
  rememberAddress(): void {}

  onClosed(listener: (reason?: HttpError) => void): void {
    if (this.#left !== undefined) queueMicrotask(() => listener(this.#left));
    else if (!this.closed) {
      this.#listeners ??= [];
      this.#listeners.push(listener);
    }
  }

  onEnded(listener: () => void): void {
    if (this.#isOver) listener();
    else {
      this.#onEnded ??= [];
      this.#onEnded.push(listener);
    }
  }

  // --- the request

  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void): boolean {
    onPiece(this.#options.request ?? NO_BYTES, true);
    return true;
  }
  onBodyRefused(): void {}
  pause(): void {}
  resume(): void {}

  /**
   * Yields the messages of a stream of requests. Each is taken from the client when it is wanted.
   * @throws HttpError CLIENT_CLOSED, OVERLOADED
   */
  async *messages(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const message = await this.#nextMessage();
      if (message === undefined) return;
      yield message;
    }
  }

  async #nextMessage(): Promise<Uint8Array | undefined> {
    const failure = this.#left ?? this.#refused;
    if (failure !== undefined) throw failure;
    if (this.#isHalfClosed || this.closed) return undefined;
    return new Promise((done, failed) => {
      this.#reading = { done, failed };
      this.#call.startRead();
    });
  }

  received(message: Uint8Array): void {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.done(message);
  }

  /** No more messages are taken: the reader gets this error. */
  refuseMore(error: HttpError): void {
    this.#refused = error;
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.failed(error);
  }

  /**
   * The client sends no more. The library reports a stream that was cut in the same way, and only later that
   * the call is cancelled. A handler must not take a part of the stream for the whole: reading on makes the
   * library look, and it reports a cancelled call in the next tick.
   */
  halfClosed(): void {
    this.#call.startRead();
    process.nextTick(() => this.#endReading());
  }

  #endReading(): void {
    this.#isHalfClosed = true;
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.done(undefined);
  }

  // --- the response

  send(status: number, headers: readonly string[], body: string | Uint8Array | null): void {
    if (this.closed || this.#hasBegun) return;
    if (status >= 400) {
      this.#fail({ status, headers, body: String(body) });
      return;
    }
    this.#sendMetadata(headers);
    this.#call.sendMessage(typeof body === 'string' ? Buffer.from(body) : (body ?? NO_BYTES), ignore);
    this.#end(SUCCESS);
  }

  begin(_status: number, headers: readonly string[]): void {
    if (this.closed || this.#hasBegun) return;
    this.#hasBegun = true;
    this.#sendMetadata(headers);
  }

  /** @param piece one message in its frame */
  async write(piece: Uint8Array | string): Promise<void> {
    if (this.closed || typeof piece === 'string') throw this.#left ?? clientClosed();
    const message = messageIn(piece);
    let stop = ignore;
    try {
      await new Promise<void>((done, failed) => {
        this.#writing = { done, failed };
        stop = this.#options.whenIdle(this.#options.reset);
        this.#call.sendMessage(message, done);
      });
    } finally {
      this.#writing = undefined;
      stop();
    }
  }

  end(): void {
    if (!this.closed) this.#end(SUCCESS);
  }

  leaveCallback(): void {}

  destroy(problem?: Failure): void {
    if (this.closed) return;
    if (problem !== undefined) this.#fail(problem);
    else this.#end({ code: STATUS_NUMBERS.INTERNAL, details: 'The response could not be written.' });
  }

  #sendMetadata(headers: readonly string[]): void {
    const metadata = this.#options.metadata();
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] !== 'content-type')
        metadata.add(headers[i]!, metadataValue(headers[i]!, headers[i + 1]!));
    }
    this.#call.sendMetadata(metadata);
  }

  #fail(problem: Failure): void {
    this.#end(failedStatus(problem, this.#options.metadata()));
  }

  #end(status: RpcStatus): void {
    this.#close();
    this.#call.sendStatus(status);
    if (!this.#isOver) this.#stopWaiting = this.#options.whenIdle(this.#options.reset);
  }

  // --- the end

  /**
   * The call is over: its response was sent, or the client has cancelled it, or its deadline or the loss of
   * its connection has ended it.
   */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopWaiting();
    const isLate = performance.now() - this.#begunAt >= this.head.ownTimeoutMs - EARLY_MS;
    if (!this.closed) this.#leave(isLate ? new DeadlineExceededError() : clientClosed());
    for (const listener of this.#onEnded ?? []) listener();
    this.#onEnded = undefined;
  }

  #leave(reason: HttpError): void {
    const listeners = this.#listeners ?? [];
    this.#left = reason;
    this.#reading?.failed(reason);
    this.#reading = undefined;
    this.#writing?.failed(reason);
    this.#close();
    for (const listener of listeners) listener(reason);
  }

  #close(): void {
    this.closed = true;
    // A handler that still reads when its response is complete gets the end of the stream.
    this.#endReading();
    this.#listeners = undefined;
  }
}
