// The body of a streamed response as its caller reads it. A body that the caller does not read, or that the
// instance does not send, is ended after a time without a byte.
import type { UnderlyingSource } from 'node:stream/web';
import { HttpError } from '../errors.js';
import type { HttpStream } from './http-stream.js';

/** @param idleMs milliseconds without a byte after which the body is ended */
export function responseBody(
  stream: HttpStream,
  service: string,
  idleMs: number,
): ReadableStream<Uint8Array> {
  // Nothing is read before the reader asks for it: the stream itself keeps what has arrived.
  return new ReadableStream(new ResponseBody(stream, service, idleMs), { highWaterMark: 0 });
}

/** The error of an instance that has sent nothing of a body for this time. */
export const silentError = (service: string, ms: number): HttpError =>
  new HttpError('BAD_UPSTREAM', `Service ${service} has sent nothing of its response for ${ms / 1000} s.`);

class ResponseBody implements UnderlyingSource<Uint8Array> {
  readonly #stream: HttpStream;
  readonly #service: string;
  readonly #idleMs: number;
  #idle: NodeJS.Timeout | undefined;
  #isRead = false;

  constructor(stream: HttpStream, service: string, idleMs: number) {
    this.#stream = stream;
    this.#service = service;
    this.#idleMs = idleMs;
  }

  start(): void {
    if (this.#stream.isComplete) return;
    this.#idle = setTimeout(() => this.#stalled(), this.#idleMs);
    this.#stream.onEnd(() => clearTimeout(this.#idle));
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#moved(true);
    const { done, value } = await this.#stream.next();
    this.#moved(false);
    if (done === true) controller.close();
    else controller.enqueue(value);
  }

  async cancel(): Promise<void> {
    await this.#stream.return();
  }

  #moved(isRead: boolean): void {
    this.#isRead = isRead;
    // A timer that was cleared would begin anew.
    if (!this.#stream.isOver) this.#idle?.refresh();
  }

  #stalled(): void {
    const [service, ms] = [this.#service, this.#idleMs];
    const unread = `The response of service ${service} was not read for ${ms / 1000} s.`;
    this.#stream.cut(this.#isRead ? silentError(service, ms) : new HttpError('INTERNAL', unread));
  }
}
