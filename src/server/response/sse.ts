// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): events as text, and a
// stream of them that shows a sign of life while the source is silent.
import { jsonOf } from '../body/json-value.js';
import type { TimerWheel } from '../timer-wheel.js';
import { type Pieces, StreamSource } from './stream-source.js';

export interface ServerSentEvent {
  /** Default in the browser: `message`. */
  readonly event?: string;
  /** A string as it is, line by line; anything else as JSON. */
  readonly data?: unknown;
  /** What a client that comes again sends as `Last-Event-ID`. */
  readonly id?: string;
  /** Milliseconds that the client waits before it comes again. */
  readonly retry?: number;
}

/** @param lastEventId what the client had when it lost the stream, undefined the first time */
export type EventSourceFunction = (lastEventId: string | undefined) => AsyncIterable<ServerSentEvent>;

export const EVENT_STREAM = 'text/event-stream';
/** Below what proxies and clients take for a dead connection. */
export const COMMENT_EVERY_MS = 15_000;
const COMMENT = ':\n\n';

/** @throws TypeError for a member that would break out of its line, or is of another kind */
export function encodeEvent({ event, data, id, retry }: ServerSentEvent): string {
  let text = '';
  if (event !== undefined) text += `event: ${line('event', event)}\n`;
  if (id !== undefined) text += `id: ${line('id', id)}\n`;
  if (retry !== undefined) {
    if (!Number.isSafeInteger(retry) || retry < 0) {
      throw new TypeError('retry of an event must be a whole number of milliseconds');
    }
    text += `retry: ${retry}\n`;
  }
  if (data !== undefined) {
    const lines = typeof data === 'string' ? data.split(/\r\n|\n|\r/) : [jsonOf(data)];
    for (const one of lines) text += `data: ${one}\n`;
  }
  return `${text}\n`;
}

function line(name: string, value: string): string {
  // A client ignores an id with a NUL.
  if (typeof value !== 'string' || /[\r\n\0]/.test(value)) {
    throw new TypeError(`${name} of an event must be a string of one line`);
  }
  return value;
}

/** True for an asynchronous iterable, or a function that may return one. */
export function isEventSource(source: unknown): boolean {
  const isAsync = typeof source === 'object' && source !== null && Symbol.asyncIterator in source;
  return isAsync || typeof source === 'function';
}

export interface EventStreamOptions {
  readonly wheel: TimerWheel;
  /** Nobody wants more. */
  readonly signal: AbortSignal;
  /** Told when the source cannot be ended. */
  readonly failed: (error: unknown) => void;
}

/**
 * The text of a stream, to be iterated once. A source that is an object is released even if the stream is
 * never begun; one that is a function is called when it begins.
 */
export function eventStream(
  source: AsyncIterable<ServerSentEvent> | EventSourceFunction,
  lastEventId: string | undefined,
  options: EventStreamOptions,
): Pieces {
  const given = typeof source === 'function' ? undefined : new StreamSource(source, options.failed);
  const open = (): StreamSource =>
    given ?? new StreamSource((source as EventSourceFunction)(lastEventId), options.failed);
  const texts = textsOf(open, options);
  let isBegun = false;
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        isBegun = true;
        return texts.next();
      },
      async return() {
        if (!isBegun) given?.cancel();
        return texts.return();
      },
    }),
  };
}

/**
 * Begins with a comment, because the header goes out with the first bytes.
 *
 * `return` of the source is called when the client leaves, and not waited for: a generator that is in the
 * middle of an `await` gets to its `finally` when that ends. What waits for long should wait with the
 * request's signal.
 */
async function* textsOf(
  open: () => StreamSource,
  { wheel, signal }: EventStreamOptions,
): AsyncGenerator<string, void, undefined> {
  const source = open();
  const events = source.iterator as AsyncIterator<ServerSentEvent>;
  let isOver = false;
  let isAsked = false;
  let isCommentDue = true;
  /** Gives the next event, or throws what the source threw. */
  let take: (() => IteratorResult<ServerSentEvent>) | undefined;
  let wake = (): void => {};
  const arrive = (taken: typeof take): void => {
    take = taken;
    wake();
  };
  const remind = (): void => {
    isCommentDue = true;
    alarm = wheel.after(COMMENT_EVERY_MS, remind);
    wake();
  };
  let alarm = wheel.after(COMMENT_EVERY_MS, remind);
  const leave = (): void => wake();
  signal.addEventListener('abort', leave, { once: true });
  try {
    while (!signal.aborted) {
      if (isCommentDue) {
        isCommentDue = false;
        yield COMMENT;
      } else if (take !== undefined) {
        const next = take;
        take = undefined;
        isAsked = false;
        isOver = true; // who threw or is done must not be asked again
        const { done, value } = next();
        if (done) return;
        isOver = false;
        yield encodeEvent(value);
      } else {
        if (!isAsked) {
          isAsked = true;
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
    signal.removeEventListener('abort', leave);
    if (!isOver) source.cancel();
  }
}
