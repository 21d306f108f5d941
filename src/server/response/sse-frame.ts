// The text of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as the
// event streams of both planes send it.

export const EVENT_STREAM = 'text/event-stream';
/** The time between two comments: proxies and clients take a connection that is silent longer for dead. */
export const COMMENT_EVERY_MS = 15_000;
/** A comment, which clients ignore: it opens a stream and keeps its connection alive. */
export const COMMENT = ':\n\n';

export interface EventFields {
  /** The type of the event, on one line. */
  readonly event?: string | undefined;
  /** The id of the event, on one line. */
  readonly id?: string | undefined;
  /** Milliseconds after which a client reconnects. */
  readonly retry?: number | undefined;
}

/** @param data text of any number of lines; without it the event has no data */
export function frameEvent({ event, id, retry }: EventFields, data?: string): string {
  let text = '';
  if (event !== undefined) text += `event: ${event}\n`;
  if (id !== undefined) text += `id: ${id}\n`;
  if (retry !== undefined) text += `retry: ${retry}\n`;
  if (data !== undefined) for (const line of data.split(/\r\n|\n|\r/)) text += `data: ${line}\n`;
  return `${text}\n`;
}
