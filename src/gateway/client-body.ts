// The body of a client for its service. A short body that has arrived with the header is passed on as a whole
// and may be sent again; any other one is passed on as it arrives, no faster than the service takes it.
import type { RequestContext } from '../server/request-context.js';
import type { StreamedContent } from '../upstream/call-request.js';

const END = { done: true, value: undefined } as const;

export class ClientBody implements StreamedContent, AsyncIterableIterator<Uint8Array> {
  readonly #ctx: RequestContext;
  #source: AsyncIterator<Uint8Array> | undefined;
  #first: Uint8Array | undefined;
  #isWhole = false;
  readonly #clock: () => number;
  isStarted = false;
  endedAt: number | undefined;

  /** @param clock that of attempts */
  constructor(ctx: RequestContext, clock: () => number) {
    this.#ctx = ctx;
    this.#clock = clock;
  }

  get hasBegun(): boolean {
    return this.#source !== undefined;
  }

  get length(): number {
    return this.#ctx.contentLength;
  }

  /** @throws HttpError BODY_TOO_LARGE, BODY_TIMEOUT, OVERLOADED, CLIENT_CLOSED */
  async begin(): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
    if (this.#source === undefined) {
      this.#source = this.#ctx.readStream()[Symbol.asyncIterator]();
      await this.#readFirst(this.#source);
      if (this.#isWhole) this.endedAt = this.#clock();
    }
    return this.#isWhole ? this.#first! : this;
  }

  async #readFirst(source: AsyncIterator<Uint8Array>): Promise<void> {
    const { done, value } = await source.next();
    this.#first = done === true ? new Uint8Array(0) : value;
    this.#isWhole = done === true || value.length === this.length;
    // The end of a chunked body is reported behind its last piece. Many servers read no chunks, so a body
    // that has arrived is sent with its length.
    if (this.#isWhole || this.length >= 0 || !this.#ctx.exchange.isBodyComplete) return;
    const rest = await source.next();
    if (rest.done === true) this.#isWhole = true;
    else this.#first = Buffer.concat([value, rest.value]);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    this.isStarted = true;
    const value = this.#first;
    if (value === undefined) return this.#next();
    this.#first = undefined;
    return Promise.resolve({ done: false, value });
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const result = await this.#source!.next();
    if (result.done === true) this.endedAt ??= this.#clock();
    return result;
  }

  /** The service takes no more: the rest is read with the end of the request. */
  return(): Promise<IteratorResult<Uint8Array>> {
    return Promise.resolve(END);
  }
}
