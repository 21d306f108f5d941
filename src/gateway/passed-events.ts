// An event stream that is passed on. The core sends the head of a response of unknown length with its first
// byte, so a stream whose first event comes late begins with a comment, which clients ignore (HTML Standard,
// section 9.2.6).
import type { IncomingHttpHeaders } from 'node:http';
import { COMMENT } from '../server/response/sse-frame.js';
import { isEventStream } from '../upstream/event-responses.js';
import type { HttpStream } from '../upstream/http-stream.js';

const FIRST = Buffer.from(COMMENT);

/** Whether a response is a stream of events whose text can be added to. */
export const takesComments = (fields: IncomingHttpHeaders): boolean =>
  fields['content-encoding'] === undefined && isEventStream(fields);

export class PassedEvents implements AsyncIterableIterator<Uint8Array> {
  readonly #events: HttpStream;
  #hasBegun = false;

  constructor(events: HttpStream) {
    this.#events = events;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const isLate = !this.#hasBegun && !this.#events.hasBytes;
    this.#hasBegun = true;
    if (!isLate) return this.#events.next();
    return Promise.resolve({ done: false, value: FIRST });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    return this.#events.return();
  }
}
