// Shortens texts that are shown to people and masks the secrets inside them. Writing a log line or an error
// text must not block the thread, however long a text a service passes.
import { CENSORED } from './secret-pairs.js';
import { maskText } from './secret-texts.js';

const ELLIPSIS = '…';
/** The most characters that are shown of a text. */
export const MAX_TEXT = 8_192;
/**
 * A longer text is shown as its length only: V8 copies a concatenated string as a whole before any part of it
 * can be read.
 */
export const MAX_READ = 2 ** 24;
/** The most characters of stack frames that are shown for an error whose message is too long. */
const MAX_FRAMES = 2_048;
/** Characters that are read beyond a cut, so that a secret which the cut would divide is found. */
const BEYOND = 1_024;
const BLANK = /\s/;
/** The beginning of a stack frame. */
const FRAME = '\n    at ';
/** The beginning of a line that is no stack frame. */
const OTHER_LINE = /\n(?! {4}at )/;

/**
 * Masks the secrets of a text and cuts it to `most` characters and an ellipsis. A text that is too long to be
 * read at all is replaced by its length.
 */
export function shortText(text: string, most = MAX_TEXT): string {
  if (text.length > MAX_READ) return lengthOf(text);
  const end = most + BEYOND;
  // A text of exactly this length may be the beginning of a message that `cutText` has cut.
  if (text.length < end) {
    const masked = maskText(text);
    return text.length > most || masked.length > end ? masked.slice(0, most) + ELLIPSIS : masked;
  }
  const masked = maskText(text.slice(0, end), true);
  // When masking has made the text shorter, the last word that was read may become visible, and it may be a
  // part of a secret.
  return (masked.length < end ? withoutLastWord(masked) : masked).slice(0, most) + ELLIPSIS;
}

/** How many characters `shortText` reads. */
export const readLength = (text: string, most: number): number =>
  text.length > MAX_READ ? 0 : Math.min(text.length, most + BEYOND);

/** Removes the last word, because a word that was cut may be a part of a secret. */
function withoutLastWord(masked: string): string {
  if (masked.endsWith(CENSORED)) return masked;
  const least = Math.max(0, masked.length - BEYOND);
  let end = masked.length;
  while (end > least && !BLANK.test(masked[end - 1]!)) end--;
  return masked.slice(0, end);
}

/**
 * Cuts a format string whose placeholders are filled later. It keeps slightly more than is shown in the end.
 */
export function cutText(text: string): string {
  if (text.length > MAX_READ) return lengthOf(text);
  return text.length > MAX_TEXT + BEYOND ? text.slice(0, MAX_TEXT + BEYOND) : text;
}

/** Shortens a stack: a long message is cut, and the frames that follow it are kept. */
export function shortStack(stack: string): string {
  if (stack.length > MAX_READ) return shortText(stack);
  if (stack.length > MAX_TEXT) {
    const end = stack.slice(-MAX_FRAMES);
    const frames = end.indexOf(FRAME);
    return shortText(stack, MAX_TEXT - MAX_FRAMES) + (frames < 0 ? '' : framesOf(end.slice(frames)));
  }
  const frames = stack.indexOf(FRAME);
  return frames < 0 ? shortText(stack) : shortText(stack.slice(0, frames)) + framesOf(stack.slice(frames));
}

/** Shows frames unchanged, because their positions contain colons, unless they may contain other text. */
const framesOf = (text: string): string =>
  text.includes('=') || OTHER_LINE.test(text) ? shortText(text) : text;

/** Stands for a text that is not read. */
export const lengthOf = (text: string): string => `[${text.length} characters]`;
