// A body that is passed on as it arrives. An instance that sends nothing of it for a time, while its client
// waits, has failed: its response would hold a connection and a stream without a bound.
import type { HttpStream } from '../upstream/http-stream.js';
import { silentError } from '../upstream/response-body.js';

/**
 * The least time, in milliseconds, for which an instance may be silent: long polls and feeds that are not
 * events may send nothing for minutes, and Envoy has the same bound.
 */
export const LEAST_SILENT_MS = 300_000;

export class PassedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #body: HttpStream;
  readonly #service: string;
  readonly #silentMs: number;

  /** @param silentMs for how long the instance may send nothing */
  constructor(body: HttpStream, service: string, silentMs: number) {
    this.#body = body;
    this.#service = service;
    this.#silentMs = silentMs;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws HttpError BAD_UPSTREAM for a body that is cut off or silent; the reason of the abort */
  next(): Promise<IteratorResult<Uint8Array>> {
    const body = this.#body;
    return body.hasBytes || body.isOver ? body.next() : this.#arrived();
  }

  async #arrived(): Promise<IteratorResult<Uint8Array>> {
    const body = this.#body;
    const isSilent = !(await body.arrives(this.#silentMs));
    if (isSilent) body.cut(silentError(this.#service, this.#silentMs));
    return body.next();
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    return this.#body.return();
  }
}
