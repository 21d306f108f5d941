// Server-sent events over one response: framing, a comment that keeps the connection alive, and an end from
// either side that is told exactly once.
import type { ServerResponse } from 'node:http';
import type { EventSink, ServerSentEvent, StreamCleanup } from './admin-route.js';

const ALIVE_MS = 15_000;
/**
 * A client that lets this many bytes wait has stopped reading: it is cut, and may come back by its last id.
 */
const MAX_WAITING_BYTES = 1 << 20;

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
export function formatEvent({ event, id, data }: ServerSentEvent): string {
  const text = typeof data === 'string' ? data : (JSON.stringify(data) ?? 'null');
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  const head = [
    ...(event === undefined ? [] : [`event: ${oneLine(event)}\n`]),
    ...(id === undefined ? [] : [`id: ${oneLine(id)}\n`]),
  ];
  return `${head.join('')}${lines.join('')}\n`;
}

const oneLine = (text: string): string => text.replace(/[\r\n\0]/g, ' ');

export class EventStream implements EventSink {
  readonly #response: ServerResponse;
  readonly #alive: NodeJS.Timeout;
  #cleanup: StreamCleanup | undefined;
  #open = true;

  /** @param start runs at once; what it returns runs when the stream has ended */
  constructor(response: ServerResponse, start: (sink: EventSink) => StreamCleanup) {
    this.#response = response;
    this.#alive = setInterval(() => this.#write(':\n\n'), ALIVE_MS).unref();
    response.once('close', () => this.#ended());
    // Also tells proxies and clients at once that the stream is there.
    this.#write(':\n\n');
    const cleanup = start(this);
    if (this.#open) this.#cleanup = cleanup;
    else cleanup();
  }

  send(event: ServerSentEvent): boolean {
    return this.#write(formatEvent(event));
  }

  close(): void {
    if (this.#open) this.#response.end();
    this.#ended();
  }

  #write(text: string): boolean {
    if (!this.#open) return false;
    this.#response.write(text);
    if (this.#response.writableLength <= MAX_WAITING_BYTES) return true;
    this.#response.destroy();
    this.#ended();
    return false;
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#alive);
    this.#cleanup?.();
  }
}
