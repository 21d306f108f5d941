// One request over undici, by its dispatcher interface: `Pool.request` makes a stream and several
// promises for each response, and listens to an AbortSignal.
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { AbortListener, AbortSource } from '../abort-source.js';
import { appended, sizeWith } from '../appended.js';
import type { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { type HeldBytes, ResponseMemoryError, UNCOUNTED_BYTES } from './held-bytes.js';
import { faultError, interimFault, responseFault } from './response-fault.js';
import { abortError, isBodilessEnd, NO_BYTES } from './undici-response.js';

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
  readonly #endpoint: Endpoint;
  readonly #memory: HeldBytes;
  readonly #abort: AbortSource;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #ended: () => void;
  #hasEnded = false;
  /** Undefined while the request waits for a connection. */
  #controller: Dispatcher.DispatchController | undefined;
  #interim = 0;
  #isSettled = false;
  #status = 0;
  #fields: IncomingHttpHeaders = {};
  #body: Buffer = NO_BYTES;
  #length = 0;
  /** The bytes that `#memory` has counted. */
  #counted = 0;

  /** @param ended called when undici is done with the request, also when it was aborted before */
  constructor(
    endpoint: Endpoint,
    memory: HeldBytes,
    abort: AbortSource,
    resolve: (response: HttpResponse) => void,
    reject: (reason: unknown) => void,
    ended: () => void,
  ) {
    this.#endpoint = endpoint;
    this.#memory = memory;
    this.#abort = abort;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#ended = ended;
    abort.listen(this);
  }

  onAbort(reason: unknown): void {
    if (!this.#settle()) return;
    this.#reject(reason);
    this.#controller?.abort(abortError());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The request was aborted while it waited for a connection.
    if (this.#isSettled) controller.abort(abortError());
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    fields: IncomingHttpHeaders,
  ): void {
    const isInterim = status < 200;
    const fault = isInterim ? interimFault(++this.#interim) : responseFault(status, fields);
    if (fault !== undefined) this.#refuse(controller, faultError(this.#endpoint, fault));
    if (fault !== undefined || isInterim) return;
    this.#status = status;
    this.#fields = fields;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return;
    if (!this.#count(sizeWith(this.#body, this.#length, chunk))) {
      this.#refuse(controller, new ResponseMemoryError(this.#endpoint));
      return;
    }
    this.#body = appended(this.#body, this.#length, chunk);
    this.#length += chunk.length;
  }

  onResponseEnd(): void {
    const body = this.#body.subarray(0, this.#length);
    if (this.#settle()) this.#resolve({ status: this.#status, fields: this.#fields, body });
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (isBodilessEnd(this.#status, error)) {
      this.onResponseEnd();
      return;
    }
    if (this.#settle()) this.#reject(error);
    this.#end();
  }

  /** @param size of the body in memory @returns false when that is too much */
  #count(size: number): boolean {
    const more = size - this.#counted;
    if (size <= UNCOUNTED_BYTES || more === 0) return true;
    if (!this.#memory.take(more)) return false;
    this.#counted = size;
    return true;
  }

  /** Ends a request whose response is not accepted; its connection is closed. */
  #refuse(controller: Dispatcher.DispatchController, error: HttpError): void {
    if (this.#settle()) this.#reject(error);
    controller.abort(abortError());
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ended();
  }

  /** @returns false when it has been settled before */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    if (!this.#abort.aborted) this.#abort.unlisten(this);
    if (this.#counted > 0) this.#memory.give(this.#counted);
    this.#body = NO_BYTES;
    return true;
  }
}
