// Makes what code of a project has thrown safe to log and to show. It may be anything, even an object whose
// members throw when they are read.
import { inspect } from 'node:util';
import { errorMessage } from '../error-text.js';
import { shortText } from '../redaction/shown-text.js';

const UNREADABLE = '[unreadable]';
const MOST_CAUSES = 5;
/** The most characters of the frames of one stack that are kept. */
const MOST_FRAME_CHARACTERS = 8_192;

/**
 * @returns for an Error, a copy with name, message, stack and causes as plain texts, shortened and without
 *   passwords of URLs; each cause appears once. For anything else, a sentence that describes it
 */
export function readableError(thrown: unknown): Error | string {
  return readable(thrown, new Set());
}

function readable(thrown: unknown, seen: Set<unknown>): Error | string {
  seen.add(thrown);
  if (!attempt(() => thrown instanceof Error, false)) {
    const shown = attempt(() => inspect(thrown, { depth: 1 }), UNREADABLE);
    return `${plain(shown)} was thrown, which is no Error`;
  }
  const error = thrown as Error;
  const name = attempt(() => String(error.name), 'Error');
  const message = attempt(() => String(error.message), UNREADABLE);
  const text = message || attempt(() => errorMessage(error), '');
  const stack = attempt(() => String(error.stack), '');
  const cause = attempt(() => error.cause, undefined);
  const copy = new Error(plain(text));
  copy.name = plain(name);
  const frames = stack.slice(Math.max(0, stack.indexOf(message)) + message.length, undefined);
  copy.stack = `${copy.name}: ${copy.message}${frames.slice(0, MOST_FRAME_CHARACTERS)}`;
  if (cause !== undefined && !seen.has(cause) && seen.size <= MOST_CAUSES) copy.cause = readable(cause, seen);
  return copy;
}

const plain = (text: string): string => shortText(text);

/** Reads a member of an error, which may be a getter that throws. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
