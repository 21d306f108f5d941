// The response of a service of this worker, read as it arrives: what the pipeline sends goes to the same
// reader as what undici receives, with the same backpressure.
import type { IncomingHttpHeaders } from 'node:http';
import { RequestBodyError } from '../request-body-error.js';
import type { HttpStream, StreamController } from './http-stream.js';
import type { ResponseReceiver } from './transport.js';

export class InProcessStream implements ResponseReceiver, StreamController {
  readonly #stream: HttpStream;
  readonly #complete: (headers: Record<string, string>) => void;
  /** Ends the request as if its client had left. Undefined until the request has begun. */
  #leave: (() => void) | undefined;
  #isAborted = false;
  #isPaused = false;
  /** Wakes the writer, which waits until its reader wants more. */
  #wanted: (() => void) | undefined;

  /** @param complete adds the fields that a server of HTTP adds, and throws for those that are too large */
  constructor(stream: HttpStream, complete: (headers: Record<string, string>) => void) {
    this.#stream = stream;
    this.#complete = complete;
  }

  /** @param dispatch begins the request @returns what ends it */
  start(dispatch: () => () => void): void {
    this.#stream.onRequestStart(this);
    if (this.#isAborted) return;
    this.#leave = dispatch();
    if (this.#isAborted) this.#leave();
  }

  // --- for the pipeline

  whole(status: number, headers: Record<string, string>, body: Uint8Array | string): void {
    this.begin(status, headers);
    if (body.length > 0) void this.write(typeof body === 'string' ? Buffer.from(body) : body);
    this.end();
  }

  begin(status: number, headers: Record<string, string>): void {
    try {
      this.#complete(headers);
      this.#stream.onResponseStart(this, status, asReceived(headers));
    } catch (error) {
      this.#stream.onResponseError(this, error as Error);
      this.abort();
    }
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    this.#stream.onResponseData(this, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (!this.#isPaused) return undefined;
    return new Promise((resolve) => {
      this.#wanted = resolve;
    });
  }

  end(): void {
    this.#stream.onResponseEnd();
  }

  /** The service has cut off the connection, or the request has left it. */
  fail(reason: unknown): void {
    this.resume();
    const cut = reason instanceof RequestBodyError ? reason : new Error('cut off', { cause: reason });
    this.#stream.onResponseError(this, cut);
  }

  // --- for the reader

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.();
  }

  abort(): void {
    this.#isAborted = true;
    this.#leave?.();
  }
}

const NON_ASCII = /[\x80-\uffff]/;

/** Values as undici reads them: a character for each byte. */
function asReceived(headers: Record<string, string>): IncomingHttpHeaders {
  for (const name in headers) {
    const value = headers[name]!;
    if (NON_ASCII.test(value)) headers[name] = Buffer.from(value).toString('latin1');
  }
  return headers;
}
