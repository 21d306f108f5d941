// One request over undici whose response is read as it arrives. Bytes of the body wait for their reader up to
// a bound; beyond it nothing more is read from the socket, so a slow reader slows down the endpoint.
//
// What an endpoint sends is not trusted. undici refuses what its parser rejects (lengths that contradict each
// other, an upgrade that was not requested, a header that is too large) and drops the connection; the rest of
// what would frame one message in two ways is refused here.
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { AbortListener, AbortSource } from '../abort-source.js';
import { appended } from '../appended.js';
import type { Deadline } from '../deadline.js';
import type { Endpoint } from '../registry/endpoint.js';
import { httpFailure } from './http-failure.js';
import { faultError, interimFault, responseFault } from './response-fault.js';
import { abortError, isBodilessEnd, NO_BYTES } from './undici-response.js';

/** What sends the bytes of a response. A DispatchController of undici is one. */
export interface StreamController {
  pause(): void;
  resume(): void;
  /** Ends the request. */
  abort(reason: Error): void;
}

/** A request whose response is read as it arrives. */
export interface StreamRequest {
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** A flat list: name, value, name, value… Names are in lower case. */
  readonly headers: string[];
  /** An iterable is read once, and no faster than the endpoint takes it. */
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  /** When the head of the response has to have arrived. `abort` enforces it. */
  readonly deadline: Deadline;
  /** Ends the request, also while the body of its response arrives. */
  readonly abort: AbortSource;
  /** Whether the request waits for a connection: the transport sets it. @default false */
  isWaiting?: boolean;
}

/** Reading from the socket pauses while this many bytes wait for the reader. */
const HIGH_WATER_BYTES = 64 * 1024;

const END = { done: true, value: undefined } as const;

/** A response whose body may still arrive. Its iterator has one reader. */
export class HttpStream
  implements Dispatcher.DispatchHandler, AbortListener, AsyncIterableIterator<Uint8Array>
{
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  status = 0;
  /** The fields as undici has read them: names in lower case, the values of a repeated field in a list. */
  fields: IncomingHttpHeaders = {};
  readonly #endpoint: Endpoint;
  readonly #abort: AbortSource;
  readonly #resolve: (response: HttpStream) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #ended: () => void;
  /** Undefined while the request waits for a connection. */
  #controller: StreamController | undefined;
  #interim = 0;
  /** undici is done with the request. */
  #hasEnded = false;
  #hasHead = false;
  /** The whole body has arrived, or there will be no more of it. */
  #isOver = false;
  #failure: unknown;
  /** What has arrived and waits for the reader. */
  #waiting: Buffer = NO_BYTES;
  /** How many bytes of `#waiting` there are. */
  #length = 0;
  /** Wakes the reader, which waits for more. */
  #reader: (() => void) | undefined;
  /** When the reader began to wait, by `performance.now()`. */
  #waitsSince = 0;
  #waitedMs = 0;
  #onEnd: (() => void)[] = [];

  /** @param ended called when undici is done with the request, also when it was aborted before */
  constructor(
    endpoint: Endpoint,
    abort: AbortSource,
    resolve: (response: HttpStream) => void,
    reject: (reason: unknown) => void,
    ended: () => void,
  ) {
    this.#endpoint = endpoint;
    this.#abort = abort;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#ended = ended;
    abort.listen(this);
  }

  // --- for the reader

  /** The whole body has arrived, and `take` returns what was not read of it. */
  get isComplete(): boolean {
    return this.#isOver && this.#failure === undefined;
  }

  /** No more of the body will arrive. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Something has arrived that was not read. */
  get hasBytes(): boolean {
    return this.#length > 0;
  }

  /** The bytes that the endpoint has announced; undefined when it has announced none. */
  get length(): number | undefined {
    const { 'content-length': length } = this.fields;
    return length === undefined ? undefined : Number(length);
  }

  /** What has arrived and was not read. It belongs to the caller. */
  take(): Uint8Array {
    const bytes = this.#waiting.subarray(0, this.#length);
    this.#waiting = NO_BYTES;
    this.#length = 0;
    this.#controller?.resume();
    return bytes;
  }

  /**
   * Reads the whole body, where it is short and arrives soon.
   * @param most its length in bytes, less than 64 KiB, after which reading pauses
   * @param mostMs milliseconds in which it has to arrive
   * @returns undefined when it is longer or later: nothing is lost, and it can be read on
   * @throws as `next`
   */
  async whole(most: number, mostMs: number): Promise<Uint8Array | undefined> {
    if ((this.length ?? 0) > most) return undefined;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, mostMs);
    while (!this.#isOver && !isLate && this.#length <= most) {
      await new Promise<void>((resolve) => this.#wait(resolve));
    }
    clearTimeout(timer);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#isOver && this.#length <= most ? this.take() : undefined;
  }

  /**
   * Waits until something can be read, or the body has ended.
   * @param withinMs undefined: however long that takes
   * @returns false when nothing has come within this time
   */
  arrives(withinMs?: number): Promise<boolean> {
    if (this.#length > 0 || this.#isOver) return Promise.resolve(true);
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const giveUp = (): void => {
        if (this.#reader !== wake) return;
        this.#reader = undefined;
        resolve(false);
      };
      // What has come while the thread was busy is read first.
      const timer = withinMs === undefined ? undefined : setTimeout(() => setImmediate(giveUp), withinMs);
      this.#wait(wake);
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws HttpError BAD_UPSTREAM for a body that is cut off; the reason of the abort */
  next(): Promise<IteratorResult<Uint8Array>> {
    return new Promise((resolve, reject) => {
      if (this.#length > 0 || this.#isOver) this.#give(resolve, reject);
      else this.#wait(() => this.#give(resolve, reject));
    });
  }

  /** Ends the request: the rest of the body is not wanted. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.cut(abortError());
    return Promise.resolve(END);
  }

  /** Ends the request, unless the whole body has arrived. @param reason what a reader gets as its failure */
  cut(reason: unknown): void {
    if (this.#isOver) return;
    this.#over(reason);
    this.#controller?.abort(abortError());
  }

  /** @param listener called once, when no more of the body will arrive; at once if that is so already */
  onEnd(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#onEnd.push(listener);
  }

  /** Why no more of the body will arrive; undefined when all of it has arrived, or more will. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Milliseconds for which the reader had waited in vain when the body ended, or was cut off. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  #wait(reader: () => void): void {
    this.#reader = reader;
    this.#waitsSince = performance.now();
  }

  #give(resolve: (result: IteratorResult<Uint8Array>) => void, reject: (reason: unknown) => void): void {
    if (this.#length > 0) resolve({ done: false, value: this.take() });
    else if (this.#failure !== undefined) reject(this.#failure);
    else resolve(END);
  }

  // --- for the source of the abort

  onAbort(reason: unknown): void {
    if (this.#isOver) return;
    if (!this.#hasHead) this.#reject(reason);
    this.cut(reason);
  }

  // --- for undici

  onRequestStart(controller: StreamController): void {
    this.#controller = controller;
    // The request was aborted while it waited for a connection.
    if (this.#isOver) controller.abort(abortError());
  }

  onResponseStart(controller: StreamController, status: number, fields: IncomingHttpHeaders): void {
    if (this.#isOver) return;
    const isInterim = status < 200;
    const fault = isInterim ? interimFault(++this.#interim) : responseFault(status, fields);
    if (fault !== undefined) this.#refuse(controller, fault);
    if (fault !== undefined || isInterim) return;
    this.status = status;
    this.fields = fields;
    this.#hasHead = true;
    this.#resolve(this);
  }

  onResponseData(controller: StreamController, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#append(chunk);
    this.#wake();
    if (this.#length >= HIGH_WATER_BYTES) controller.pause();
  }

  onResponseEnd(): void {
    if (!this.#isOver) this.#over(undefined);
    this.#end();
  }

  onResponseError(_controller: StreamController, error: Error): void {
    if (isBodilessEnd(this.status, error)) {
      this.onResponseEnd();
      return;
    }
    if (!this.#isOver) this.#fail(httpFailure(this.#endpoint, error));
    this.#end();
  }

  /** Ends a request whose response cannot be trusted; its connection is closed. */
  #refuse(controller: StreamController, fault: string): void {
    this.#fail(faultError(this.#endpoint, fault));
    controller.abort(abortError());
  }

  #fail(error: unknown): void {
    if (!this.#hasHead) this.#reject(error);
    this.#over(error);
  }

  /** @param failure undefined: the body is complete */
  #over(failure: unknown): void {
    this.#isOver = true;
    this.#failure = failure;
    if (this.#reader !== undefined) this.#waitedMs = performance.now() - this.#waitsSince;
    if (!this.#abort.aborted) this.#abort.unlisten(this);
    this.#wake();
    for (const listener of this.#onEnd.splice(0)) listener();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ended();
  }

  /** The first bytes are kept as they are; what arrives before they are read is appended to a copy. */
  #append(chunk: Buffer): void {
    if (this.#length === 0) {
      this.#waiting = chunk;
      this.#length = chunk.length;
      return;
    }
    this.#waiting = appended(this.#waiting, this.#length, chunk);
    this.#length += chunk.length;
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }
}
