// What code of a project has thrown, as it can be shown: nothing of it is known, not even that its members
// can be read.
import { inspect } from 'node:util';
import { shortText } from '../redaction/shown-text.js';

const UNREADABLE = '[unreadable]';
const MOST_CAUSES = 5;
/** Characters of the frames of a stack. */
const MOST_FRAMES = 8_192;

/**
 * An error as a copy whose members are plain texts, short and without passwords of URLs, and so are its
 * causes, each of them once. Of anything else, a sentence.
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
  const stack = attempt(() => String(error.stack), '');
  const cause = attempt(() => error.cause, undefined);
  const copy = new Error(plain(message));
  copy.name = plain(name);
  const frames = stack.slice(Math.max(0, stack.indexOf(message)) + message.length, undefined);
  copy.stack = `${copy.name}: ${copy.message}${frames.slice(0, MOST_FRAMES)}`;
  if (cause !== undefined && !seen.has(cause) && seen.size <= MOST_CAUSES) copy.cause = readable(cause, seen);
  return copy;
}

const plain = (text: string): string => shortText(text);

/** Members of an error may be getters, and they may throw. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
