// An event stream that is passed on, with comments of the gateway, which clients ignore (HTML Standard,
// section 9.2.6). The core sends the head of a response of unknown length with its first byte, so a stream
// whose first event comes late begins with a comment. One that is silent gets a comment from time to time:
// without any byte it would not be noticed that its client is gone.
import type { IncomingHttpHeaders } from 'node:http';
import { COMMENT, COMMENT_EVERY_MS } from '../server/response/sse-frame.js';
import { isEventStream } from '../upstream/event-responses.js';
import type { HttpStream } from '../upstream/http-stream.js';

const COMMENT_BYTES = Buffer.from(COMMENT);
/** Events end with an empty line. Behind a lone carriage return the rest of a line break may follow. */
const BETWEEN_EVENTS = /\n\r?\n$/;
/** The most bytes of the end of the text that `BETWEEN_EVENTS` depends on. */
const TAIL_BYTES = 3;
/** The byte order mark. It is ignored at the beginning of a stream only, where a comment may be before it. */
const MARK = Buffer.from('\ufeff');
const NO_BYTES = new Uint8Array(0);

/** Whether a response is a stream of events whose text can be added to. */
export const takesComments = (fields: IncomingHttpHeaders): boolean =>
  fields['content-encoding'] === undefined && isEventStream(fields);

export class PassedEvents implements AsyncIterableIterator<Uint8Array> {
  readonly #events: HttpStream;
  readonly #everyMs: number;
  /** The end of what was passed on, byte by byte; undefined before the first byte. */
  #tail: string | undefined;
  /** What has come of a byte order mark, which is removed; undefined when the text has begun. */
  #mark: Uint8Array | undefined = NO_BYTES;

  /** @param everyMs how long the stream may be silent between two events until it gets a comment */
  constructor(events: HttpStream, everyMs: number = COMMENT_EVERY_MS) {
    this.#events = events;
    this.#everyMs = everyMs;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const events = this.#events;
    for (;;) {
      if (await this.#isSilent()) return this.#passOn(COMMENT_BYTES);
      const { done, value } = await events.next();
      const text = this.#withoutMark(done === true ? undefined : value);
      if (text.length > 0) return this.#passOn(text);
      if (done === true) return { done, value: undefined };
    }
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    return this.#events.return();
  }

  async #isSilent(): Promise<boolean> {
    const events = this.#events;
    if (this.#tail === undefined) return !events.hasBytes && !events.isOver;
    return BETWEEN_EVENTS.test(this.#tail) && !(await events.arrives(this.#everyMs));
  }

  #passOn(value: Uint8Array): IteratorResult<Uint8Array> {
    let tail = this.#tail ?? '';
    for (const byte of value.subarray(-TAIL_BYTES)) tail += String.fromCharCode(byte);
    this.#tail = tail.slice(-TAIL_BYTES);
    return { done: false, value };
  }

  /** @param piece undefined: the text has ended @returns what is to be passed on now */
  #withoutMark(piece: Uint8Array | undefined): Uint8Array {
    if (this.#mark === undefined) return piece ?? NO_BYTES;
    const text = Buffer.concat([this.#mark, piece ?? NO_BYTES]);
    const isPart = text.length < MARK.length && MARK.subarray(0, text.length).equals(text);
    this.#mark = isPart && piece !== undefined ? text : undefined;
    if (this.#mark !== undefined) return NO_BYTES;
    return MARK.equals(text.subarray(0, MARK.length)) ? text.subarray(MARK.length) : text;
  }
}
