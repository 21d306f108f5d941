// An event stream of the admin plane over one response. A comment keeps the connection alive, and the cleanup
// of the route runs exactly once, whichever side ends the stream.
import type { ServerResponse } from 'node:http';
import { COMMENT, COMMENT_EVERY_MS, frameEvent } from '../server/response/sse-frame.js';
import type { EventSink, ServerSentEvent, StreamCleanup } from './admin-route.js';

/**
 * A client that lets this many bytes wait has stopped reading. It is disconnected, and may reconnect with its
 * last event id.
 */
const MAX_WAITING_BYTES = 1 << 20;
/**
 * What the parts of a write that waits take beside its bytes, rounded up: small writes would hold several
 * times the bytes that are written.
 */
const BYTES_OF_A_WRITE = 512;
/**
 * With more bytes than this, which leave room for the largest write, a client is behind. It is nearly all, so
 * that a burst of changes finds room beside what the log of the registry keeps.
 */
const BEHIND_BYTES = MAX_WAITING_BYTES - (1 << 17);

/** No `event` or `id` can end its line: line breaks in them become spaces. */
export function formatEvent({ event, id, data }: ServerSentEvent): string {
  const text = typeof data === 'string' ? data : (JSON.stringify(data) ?? 'null');
  return frameEvent({ event: oneLine(event), id: oneLine(id) }, text);
}

const COMMENT_BYTES = Buffer.from(COMMENT);

const oneLine = (text: string | undefined): string | undefined => text?.replace(/[\r\n\0]/g, ' ');

export class EventStream implements EventSink {
  readonly #response: ServerResponse;
  readonly #commentTimer: NodeJS.Timeout;
  #cleanup: StreamCleanup | undefined;
  #isOpen = true;
  /** Writes that the socket has not taken yet. */
  #waiting = 0;
  /** What is to run when the socket has taken all. */
  #resume: (() => void) | undefined;

  /** @param start runs at once; the function that it returns runs when the stream has ended */
  constructor(response: ServerResponse, start: (sink: EventSink) => StreamCleanup) {
    this.#response = response;
    this.#commentTimer = setInterval(() => this.#comment(), COMMENT_EVERY_MS).unref();
    response.once('close', () => this.#ended());
    // The first bytes show proxies and clients at once that the stream has begun.
    this.write(COMMENT_BYTES);
    const cleanup = start(this);
    if (this.#isOpen) this.#cleanup = cleanup;
    else cleanup();
  }

  send(event: ServerSentEvent): boolean {
    return this.write(Buffer.from(formatEvent(event)));
  }

  write(events: Buffer): boolean {
    if (!this.#isOpen) return false;
    this.#waiting += 1;
    this.#response.write(events, this.#taken);
    if (this.#waitingBytes <= MAX_WAITING_BYTES) return true;
    this.#response.destroy();
    this.#ended();
    return false;
  }

  get isBehind(): boolean {
    return this.#waitingBytes > BEHIND_BYTES;
  }

  onceRead(resume: () => void): void {
    this.#resume = resume;
  }

  /** The socket has taken no byte for as long as a client may pause: what waits is not read any more. */
  stalled(): void {
    if (!this.#isOpen || this.#waiting === 0) return;
    this.#response.destroy();
    this.#ended();
  }

  close(): void {
    // A client that does not read would never get the end.
    if (this.#isOpen && this.#response.writableNeedDrain) this.#response.destroy();
    else if (this.#isOpen) this.#response.end();
    this.#ended();
  }

  /** Keeps the connection alive, unless there is something to read anyway. */
  #comment(): void {
    if (this.#waiting === 0) this.write(COMMENT_BYTES);
  }

  /** The socket has taken a write, or fails. */
  readonly #taken = (): void => {
    this.#waiting -= 1;
    if (this.#waiting > 0 || !this.#isOpen) return;
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  };

  get #waitingBytes(): number {
    return this.#response.writableLength + this.#waiting * BYTES_OF_A_WRITE;
  }

  #ended(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearInterval(this.#commentTimer);
    this.#cleanup?.();
  }
}
