// One request over undici, by its dispatcher interface: `Pool.request` makes a stream and several
// promises for each response, and listens to an AbortSignal.
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { AbortListener, AbortSource } from '../abort-source.js';

/** A response as undici has read it. */
export interface HttpResponse {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  /** The bytes belong to the receiver. */
  readonly body: Uint8Array;
}

export class HttpAttempt implements Dispatcher.DispatchHandler, AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly #abort: AbortSource;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #ended: () => void;
  #hasEnded = false;
  /** Undefined while the request waits for a connection. */
  #controller: Dispatcher.DispatchController | undefined;
  #isSettled = false;
  #status = 0;
  #fields: IncomingHttpHeaders = {};
  #body: Buffer = EMPTY;
  #length = 0;

  /** @param ended called when undici is done with the request, also when it was aborted before */
  constructor(
    abort: AbortSource,
    resolve: (response: HttpResponse) => void,
    reject: (reason: unknown) => void,
    ended: () => void,
  ) {
    this.#abort = abort;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#ended = ended;
    abort.listen(this);
  }

  onAbort(reason: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#reject(reason);
    this.#controller?.abort(abortError());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The request was aborted while it waited for a connection.
    if (this.#isSettled) controller.abort(abortError());
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    fields: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#fields = fields;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#body.length) {
      // A buffer for each chunk would cost many times its content: chunks may be of one byte.
      const larger = Buffer.allocUnsafeSlow(
        this.#length === 0 ? needed : Math.max(needed, 2 * this.#body.length),
      );
      this.#body.copy(larger, 0, 0, this.#length);
      this.#body = larger;
    }
    chunk.copy(this.#body, this.#length);
    this.#length = needed;
  }

  onResponseEnd(): void {
    if (this.#settle()) {
      const body = this.#body.subarray(0, this.#length);
      this.#resolve({ status: this.#status, fields: this.#fields, body });
    }
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // A 304 may have the length of the response that it stands for, but has no body (RFC 9110 section 8.6).
    if (this.#status === 304 && isMismatch(error)) {
      this.onResponseEnd();
      return;
    }
    if (this.#settle()) this.#reject(error);
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ended();
  }

  /** @returns false when the request has been aborted before */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#abort.unlisten(this);
    return true;
  }
}

const EMPTY = Buffer.alloc(0);

const isMismatch = (error: Error): boolean =>
  (error as NodeJS.ErrnoException).code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';

/** What undici gets as the reason of an abort. The caller gets the true one, which may be any value. */
const abortError = (): Error => new Error('the request was aborted');
