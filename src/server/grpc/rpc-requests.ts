// The stream of requests of one call. Each message is taken from the client when the handler wants it. A
// handler must not take a part of the stream for the whole: it gets the end only when the client has ended
// the stream, and an error otherwise.
import type { HttpError } from '../../errors.js';
import type { RpcCall } from './rpc-call.js';

/** What waits for a message to arrive, or to be taken. */
export interface Waiting<T> {
  readonly done: (value: T) => void;
  readonly failed: (error: Error) => void;
}

/** The error of a handler that reads on when the response is complete. */
const complete = (): Error => new Error('the response is complete: no more of the request is read');

export class RpcRequests {
  readonly #call: Pick<RpcCall, 'startRead'>;
  #reading: Waiting<Uint8Array | undefined> | undefined;
  #isHalfClosed = false;
  /** Why the stream has no end. */
  #failure: Error | undefined;
  /** No more of it is read. */
  #isClosed = false;

  constructor(call: Pick<RpcCall, 'startRead'>) {
    this.#call = call;
  }

  /** @returns undefined at the end. @throws the error of `fail`; Error after `close` */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isHalfClosed) return undefined;
    if (this.#isClosed) throw complete();
    return new Promise((done, failed) => {
      this.#reading = { done, failed };
      this.#call.startRead();
    });
  }

  received(message: Uint8Array): void {
    this.#take()?.done(message);
  }

  /**
   * The client sends no more. The library reports a stream that was cut in the same way, and only later that
   * the call is cancelled: reading on makes it look, and it reports a cancelled call in the next tick.
   * @param broken why this is not the end that the client meant
   */
  halfClosed(broken?: HttpError): void {
    this.#call.startRead();
    process.nextTick(() => {
      if (broken !== undefined) this.fail(broken);
      this.#isHalfClosed = true;
      this.#take()?.done(undefined);
    });
  }

  fail(reason: Error): void {
    this.#failure ??= reason;
    this.#take()?.failed(reason);
  }

  /** No more is read, because the response is complete. A stream that has ended before is whole. */
  close(): void {
    this.#isClosed = true;
    // Made only where it is wanted, because a stack trace costs 10 µs.
    if (this.#reading !== undefined) this.#take()?.failed(complete());
  }

  #take(): Waiting<Uint8Array | undefined> | undefined {
    const reading = this.#reading;
    this.#reading = undefined;
    return reading;
  }
}
