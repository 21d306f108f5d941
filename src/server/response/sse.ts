// Event streams: server-sent events checked and encoded, and a stream of them that sends a comment now and
// then while its source is silent.

import { refuseUnknownMembers, typeErrorFor } from '../../options.js';
import type { TimerWheel } from '../timer-wheel.js';
import { jsonOf } from './json-value.js';
import { COMMENT, COMMENT_EVERY_MS, frameEvent } from './sse-frame.js';
import { type Pieces, StreamSource } from './stream-source.js';

/** One event of a stream of server-sent events. */
export interface ServerSentEvent {
  /**
   * The type of the event, on one line.
   * @default `message`, in the browser
   */
  readonly event?: string;
  /** A string is sent as it is, line by line; anything else is sent as JSON. */
  readonly data?: unknown;
  /** The id that a reconnecting client sends as `Last-Event-ID`, on one line. */
  readonly id?: string;
  /** Milliseconds that the client waits before it reconnects. */
  readonly retry?: number;
}

/**
 * Makes the events of one client.
 * @param lastEventId the last id that the client received before it lost the stream, undefined the first time
 */
export type EventSourceFunction = (lastEventId: string | undefined) => AsyncIterable<ServerSentEvent>;

const MEMBERS = ['event', 'data', 'id', 'retry'];
const memberFault = typeErrorFor('event');

/**
 * @throws TypeError for an unknown member, for a member of another type, and for an `event` or `id` that
 *   would end its line
 */
export function encodeEvent(event: ServerSentEvent): string {
  refuseUnknownMembers(event, MEMBERS, memberFault);
  const { event: type, data, id, retry } = event;
  if (type !== undefined) checkLine('event', type);
  if (id !== undefined) checkLine('id', id);
  if (retry !== undefined && (!Number.isSafeInteger(retry) || retry < 0)) {
    throw new TypeError('retry of an event must be a whole number of milliseconds');
  }
  // What was checked is sent: a getter of the event may return another value the next time.
  return frameEvent(
    { event: type, id, retry },
    data === undefined || typeof data === 'string' ? data : jsonOf(data),
  );
}

function checkLine(name: string, value: string): void {
  // Clients ignore an id with a NUL.
  if (typeof value !== 'string' || /[\r\n\0]/.test(value)) {
    throw new TypeError(`${name} of an event must be a string of one line`);
  }
}

/** True for an asynchronous iterable, or a function that may return one. */
export function isEventSource(source: unknown): boolean {
  const isAsync = typeof source === 'object' && source !== null && Symbol.asyncIterator in source;
  return isAsync || typeof source === 'function';
}

export interface EventStreamOptions {
  readonly wheel: TimerWheel;
  /** Aborts when no more events are wanted. */
  readonly signal: AbortSignal;
  /** Called with what releasing the source throws. */
  readonly failed: (error: unknown) => void;
}

/**
 * Makes the text of a stream, which can be iterated once. A source that is an object is released even if the
 * stream never begins; a source that is a function is called when it begins.
 */
export function eventStream(
  source: AsyncIterable<ServerSentEvent> | EventSourceFunction,
  lastEventId: string | undefined,
  options: EventStreamOptions,
): Pieces {
  const opened = typeof source === 'function' ? undefined : new StreamSource(source, options.failed);
  const open = (): StreamSource =>
    opened ?? new StreamSource((source as EventSourceFunction)(lastEventId), options.failed);
  const texts = textsOf(open, options);
  let isBegun = false;
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        isBegun = true;
        return texts.next();
      },
      async return() {
        if (!isBegun) opened?.cancel();
        return texts.return();
      },
    }),
  };
}

/**
 * The text begins with a comment, because the header is sent with the first bytes.
 *
 * `return` of the source is called when the client leaves, and is not awaited: a generator that is in the
 * middle of an `await` reaches its `finally` when that settles. A source that waits for long should pass the
 * request's signal to what it waits for.
 */
async function* textsOf(
  open: () => StreamSource,
  { wheel, signal }: EventStreamOptions,
): AsyncGenerator<string, void, undefined> {
  const source = open();
  const events = source.iterator as AsyncIterator<ServerSentEvent>;
  let isOver = false;
  let isReading = false;
  let isCommentDue = true;
  /** Returns the event that has arrived, or throws what the source threw. */
  let readArrived: (() => IteratorResult<ServerSentEvent>) | undefined;
  let wake = (): void => {};
  const arrive = (read: typeof readArrived): void => {
    readArrived = read;
    wake();
  };
  const markCommentDue = (): void => {
    isCommentDue = true;
    alarm = wheel.after(COMMENT_EVERY_MS, markCommentDue);
    wake();
  };
  let alarm = wheel.after(COMMENT_EVERY_MS, markCommentDue);
  const wakeReader = (): void => wake();
  signal.addEventListener('abort', wakeReader, { once: true });
  try {
    while (!signal.aborted) {
      if (isCommentDue) {
        isCommentDue = false;
        yield COMMENT;
      } else if (readArrived !== undefined) {
        const read = readArrived;
        readArrived = undefined;
        isReading = false;
        isOver = true; // a source that threw or has ended must not be read again
        const { done, value } = read();
        if (done) return;
        isOver = false;
        yield encodeEvent(value);
      } else {
        if (!isReading) {
          isReading = true;
          events.next().then(
            (result) => arrive(() => result),
            (error: unknown) =>
              arrive(() => {
                throw error;
              }),
          );
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    alarm.cancel();
    signal.removeEventListener('abort', wakeReader);
    if (!isOver) source.cancel();
  }
}
