// One request over a pool of undici, by its dispatcher interface: `Pool.request` makes a stream and several
// promises for each response, and listens to an AbortSignal.
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { type AbortListener, type AbortSource, SignalAbort } from '../abort-source.js';
import type { OutgoingRequest } from './transport.js';

/** A response as undici has read it. */
export interface HttpResponse {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  /** The bytes belong to the receiver. */
  readonly body: Uint8Array;
}

/**
 * Resolves with the response; rejects with the error of undici, or with the reason of the request's abort.
 */
export function sendOver(pool: Dispatcher, request: OutgoingRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const attempt = new HttpAttempt(request.abort ?? new SignalAbort(request.signal), resolve, reject);
    const { method, path, headers, body = null } = request;
    pool.dispatch({ method, path, headers, body }, attempt);
  });
}

class HttpAttempt implements Dispatcher.DispatchHandler, AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly #abort: AbortSource;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (reason: unknown) => void;
  /** Undefined while the request waits for a connection. */
  #controller: Dispatcher.DispatchController | undefined;
  #isSettled = false;
  #status = 0;
  #fields: IncomingHttpHeaders = {};
  readonly #chunks: Buffer[] = [];

  constructor(
    abort: AbortSource,
    resolve: (response: HttpResponse) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#abort = abort;
    this.#resolve = resolve;
    this.#reject = reject;
    abort.listen(this);
  }

  onAbort(reason: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#reject(reason);
    this.#controller?.abort(asError(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The request was aborted while it waited for a connection.
    if (this.#isSettled) controller.abort(asError(this.#abort.reason));
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
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#settle()) return;
    // A copy, because a chunk is a part of everything that the socket has read.
    this.#resolve({ status: this.#status, fields: this.#fields, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settle()) this.#reject(error);
  }

  /** @returns false when the request has been aborted before */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#abort.unlisten(this);
    return true;
  }
}

/** What undici accepts as the reason of an abort. */
const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
