// One call by gRPC as an exchange of the pipeline, so that a call goes the same way as a request of HTTP. It
// works on the call of grpc-js directly, without the streams of Node.js that the library makes for handlers.
//
// A response in pieces has one message in each, in its frame (rpc-frames.ts): pieces cannot be empty, and
// messages can.
import type { ServerHttp2Stream } from 'node:http2';
import { DeadlineExceededError, type HttpError } from '../../errors.js';
import { STATUS_NUMBERS } from '../../grpc/status.js';
import { clientClosed } from '../body/body.js';
import type { Exchange } from '../exchange.js';
import { IdleAlarm } from '../idle-alarm.js';
import type { Problem } from '../problem-response.js';
import type { RequestHead } from '../request-head.js';
import type { Alarm, TimerWheel } from '../timer-wheel.js';
import type { RpcCall, RpcStatus } from './rpc-call.js';
import { frameOf, messageIn } from './rpc-frames.js';
import type { RpcMetadata } from './rpc-metadata.js';
import { RpcRequests, type Waiting } from './rpc-requests.js';
import { failedStatus } from './rpc-status.js';
import { calmStream, isLarge, resetStream, writeParts } from './rpc-stream.js';

type Failure = Pick<Problem, 'status' | 'headers' | 'body'>;

export interface GrpcExchangeOptions {
  readonly head: RequestHead;
  readonly call: RpcCall;
  readonly stream: ServerHttp2Stream;
  readonly metadata: RpcMetadata;
  /** The method, for the log; undefined for one that does not exist. */
  readonly route: string | undefined;
  /** `performance.now()` when the request began, from which its own time-out counts. */
  readonly begunAt: number;
  /** The request of a method whose requests are no stream. */
  readonly request?: Uint8Array;
  readonly wheel: TimerWheel;
  /** STREAM_IDLE_MS: a client that takes nothing of what was sent for so long is cut off. */
  readonly streamIdleMs: number;
}

/** A client that cancels its call this shortly before its deadline does so because of the deadline. */
const EARLY_MS = 50;
/** A handler hears of the deadline at most so late when the client takes nothing. */
const LATE_MS = 50;
const ignore = (): void => {};
const NO_BYTES = new Uint8Array(0);
const unwritable = (): Failure => ({
  status: 500,
  headers: [],
  body: JSON.stringify({ code: 'INTERNAL', detail: 'The response could not be written.' }),
});
/** The field of the request's id, among the fields of a response. */
const requestIdIn = (fields: readonly string[]): readonly string[] => {
  const at = fields.indexOf('x-request-id');
  return at === -1 ? [] : fields.slice(at, at + 2);
};
const SUCCESS: RpcStatus = { code: STATUS_NUMBERS.OK, details: '' };

export class GrpcExchange implements Exchange {
  readonly head: RequestHead;
  closed = false;
  readonly accept = undefined;
  readonly isBodyPassing = false;
  readonly isBodyComplete = true;
  /** The request is a stream. */
  readonly isRequestArriving: boolean;
  readonly #options: GrpcExchangeOptions;
  readonly #call: RpcCall;
  readonly requests: RpcRequests;
  #listeners: ((reason?: HttpError) => void)[] | undefined;
  #onEnded: (() => void)[] | undefined;
  #hasBegun = false;
  /** Makes the fields of a response that has begun, until they are sent with its first message. */
  #fields: (() => readonly string[]) | undefined;
  #isHeadSent = false;
  #writing: Waiting<void> | undefined;
  #isOver = false;
  /** Rings when the client does not take the end of its response. */
  #untaken: IdleAlarm | undefined;
  /** The client's own deadline. */
  #deadline: Alarm | undefined;
  /** Ends the request whose messages are refused. */
  #refused: ((error: HttpError) => void) | undefined;
  /** Why the client has left. */
  #left: HttpError | undefined;

  constructor(options: GrpcExchangeOptions) {
    this.#options = options;
    this.#call = options.call;
    this.requests = new RpcRequests(options.call);
    this.head = options.head;
    this.isRequestArriving = options.request === undefined;
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
    if (this.#isOver && this.#options.stream.closed) listener();
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
  onBodyRefused(listener: (error: HttpError) => void): void {
    this.#refused = listener;
  }
  pause(): void {}
  resume(): void {}

  /**
   * Yields the messages of a stream of requests. Each is taken from the client when it is wanted.
   * @throws HttpError CLIENT_CLOSED, OVERLOADED, BODY_TOO_LARGE, MALFORMED_REQUEST; Error when the response
   *   is complete and the client has not ended its stream
   */
  async *messages(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const message = await this.requests.next();
      if (message === undefined) return;
      yield message;
    }
  }

  // --- the response

  send(status: number, headers: readonly string[], body: string | Uint8Array | null): void {
    if (this.closed || this.#hasBegun) return;
    if (status >= 400) {
      this.#fail({ status, headers, body: String(body) });
      return;
    }
    const message = typeof body === 'string' ? Buffer.from(body) : (body ?? NO_BYTES);
    this.#fields = () => headers;
    this.#sendHead();
    if (isLarge(message)) {
      this.#close();
      void this.#writeLarge(frameOf(message)).then((isWritten) => isWritten && this.#sendStatus(SUCCESS));
    } else {
      this.#call.sendMessage(message, ignore);
      this.#end(SUCCESS);
    }
  }

  begin(_status: number, headers: readonly string[]): void {
    this.beginLater(() => headers);
  }

  /** A generator sets metadata when it runs, which is when its first message is wanted. */
  beginLater(fields: () => readonly string[]): void {
    if (this.closed || this.#hasBegun) return;
    this.#hasBegun = true;
    this.#fields = fields;
    // The library ends the call itself, but tells that only when the client has taken what was sent.
    const { begunAt, wheel } = this.#options;
    const leftMs = begunAt + this.head.ownTimeoutMs - performance.now();
    if (leftMs < Number.POSITIVE_INFINITY)
      this.#deadline = wheel.after(leftMs + LATE_MS, () => {
        this.#leave(new DeadlineExceededError());
        if (!this.#isOver) this.#untaken = this.#startIdle();
      });
  }

  get isHeadSent(): boolean {
    return this.#isHeadSent;
  }

  /** @param piece one message in its frame */
  async write(piece: Uint8Array | string): Promise<void> {
    if (this.closed || typeof piece === 'string') throw this.#left ?? clientClosed();
    this.#sendHead();
    let idle: IdleAlarm | undefined;
    try {
      await new Promise<void>((done, failed) => {
        this.#writing = { done, failed };
        if (isLarge(piece)) {
          void this.#writeLarge(piece).then((isWritten) => {
            if (isWritten) done();
            // The library has ended the stream, and tells that later.
            else if (this.closed) failed(this.#left ?? clientClosed());
            else this.#leave(this.#endReason);
          });
        } else {
          idle = this.#startIdle();
          this.#call.sendMessage(messageIn(piece), done);
        }
      });
    } finally {
      this.#writing = undefined;
      idle?.stop();
    }
  }

  /** Writes a frame for as long as the client takes some of it within STREAM_IDLE_MS. Never rejects. */
  async #writeLarge(frame: Uint8Array): Promise<boolean> {
    const idle = this.#startIdle();
    const isWritten = await writeParts(this.#options.stream, frame, () => idle.touch());
    idle.stop();
    return isWritten;
  }

  /** Cuts the call when the client is idle; its connection stays. */
  #startIdle(): IdleAlarm {
    const { wheel, streamIdleMs, stream } = this.#options;
    const idle = new IdleAlarm(wheel, streamIdleMs, () => resetStream(stream));
    idle.start();
    return idle;
  }

  end(): void {
    if (this.closed) return;
    this.#sendHead();
    this.#end(SUCCESS);
  }

  leaveCallback(): void {}

  destroy(problem?: Failure): void {
    if (this.closed) return;
    const { status, headers, body } = problem ?? unwritable();
    this.#fail({ status, headers: [...headers, ...requestIdIn(this.#fields?.() ?? [])], body });
  }

  /**
   * Ends the call with this error at once, whatever its handler does. The library still decodes what arrives
   * in this turn of the loop, which is at most the window of the stream.
   */
  cut(error: HttpError): void {
    if (this.closed) return;
    const isHeadSent = this.#isHeadSent;
    if (!isHeadSent) this.#refused?.(error);
    if (this.closed) return;
    const { status, code, message: detail } = error;
    this.#leave(error);
    // The library would go on until the client has taken what was sent.
    if (isHeadSent) calmStream(this.#options.stream);
    else this.#sendStatus(this.#failed({ status, headers: [], body: JSON.stringify({ code, detail }) }));
  }

  /** @throws RangeError for more than clients accept */
  #sendHead(): void {
    if (this.#fields === undefined) return;
    const { metadata, route } = this.#options;
    const made = metadata.initial(this.#fields(), route);
    this.#fields = undefined;
    this.#isHeadSent = true;
    this.#call.sendMetadata(made);
  }

  #failed(problem: Failure): RpcStatus {
    const { metadata, route } = this.#options;
    return failedStatus(problem, (fields) => metadata.trailers(fields, route));
  }

  #fail(problem: Failure): void {
    this.#end(this.#failed(problem));
  }

  #end(status: RpcStatus): void {
    this.#close();
    this.#sendStatus(status);
  }

  #sendStatus(status: RpcStatus): void {
    try {
      this.#call.sendStatus(status);
    } catch (error) {
      // A call without an end would stay for ever.
      resetStream(this.#options.stream);
      throw error;
    }
    if (!this.#isOver) this.#untaken = this.#startIdle();
  }

  // --- the end

  /**
   * The call is over: its response was sent, or the client has cancelled it, or its deadline or the loss of
   * its connection has ended it.
   */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.closed) this.#leave(this.#endReason);
    const { stream } = this.#options;
    // The library also calls at the deadline of a response that its client does not take, and keeps that.
    if (stream.closed) this.#gone();
    else stream.once('close', () => this.#gone());
  }

  /** Why a call has ended that has no response. */
  get #endReason(): HttpError {
    const isLate = performance.now() - this.#options.begunAt >= this.head.ownTimeoutMs - EARLY_MS;
    return isLate ? new DeadlineExceededError() : clientClosed();
  }

  /** Nothing of the call is held any more. */
  #gone(): void {
    this.#untaken?.stop();
    for (const listener of this.#onEnded ?? []) listener();
    this.#onEnded = undefined;
  }

  #leave(reason: HttpError): void {
    const listeners = this.#listeners ?? [];
    this.#left = reason;
    this.#writing?.failed(reason);
    this.requests.fail(reason);
    this.#close();
    for (const listener of listeners) listener(reason);
  }

  #close(): void {
    this.closed = true;
    this.#deadline?.cancel();
    this.requests.close();
    this.#listeners = undefined;
  }
}
