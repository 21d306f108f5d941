// How much of a text is shown to people, and without the secrets inside it. A log line, and whatever else
// says what was thrown, must not keep the thread from its requests, however long a text a service hands over.
import { CENSORED } from './secret-pairs.js';
import { maskText } from './secret-texts.js';

const ELLIPSIS = '…';
/** Characters of one text. */
export const MAX_TEXT = 8_192;
/**
 * Characters of a text of which a part is shown. V8 copies one that was put together before any part can be
 * read.
 */
const MAX_READ = 2 ** 24;
/** Of the stack of an error whose message is too long. */
const MAX_FRAMES = 2_048;
/** Read beyond a cut, so that a secret that the cut would divide is found. */
const BEYOND = 1_024;
const BLANK = /\s/;
const FRAME = '\n    at ';
const OTHER_LINE = /\n(?! {4}at )/;

/**
 * A text without its secrets, of at most so many characters and an ellipsis; of an enormous one, its length.
 */
export function shortText(text: string, most = MAX_TEXT): string {
  if (text.length > MAX_READ) return lengthOf(text);
  const end = most + BEYOND;
  // One of just this length may be a part of a message that was cut already.
  if (text.length < end) {
    const masked = maskText(text);
    return text.length > most || masked.length > end ? masked.slice(0, most) + ELLIPSIS : masked;
  }
  const masked = maskText(text.slice(0, end), true);
  // Where secrets took most of it, the place of the cut is near.
  return (masked.length < end ? withoutLastWord(masked) : masked).slice(0, most) + ELLIPSIS;
}

/** Of a word that was cut, nobody knows whether it is a secret. */
function withoutLastWord(masked: string): string {
  if (masked.endsWith(CENSORED)) return masked;
  const least = Math.max(0, masked.length - BEYOND);
  let end = masked.length;
  while (end > least && !BLANK.test(masked[end - 1]!)) end--;
  return masked.slice(0, end);
}

/**
 * Text that others are put into before it is shown: it is cut only a little beyond what is shown in the end.
 */
export function cutText(text: string): string {
  if (text.length > MAX_READ) return lengthOf(text);
  return text.length > MAX_TEXT + BEYOND ? text.slice(0, MAX_TEXT + BEYOND) : text;
}

/** A stack whose long message is cut, with the frames that follow it. */
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

/** Frames are places in files, which are full of colons. */
const framesOf = (text: string): string =>
  text.includes('=') || OTHER_LINE.test(text) ? shortText(text) : text;

const lengthOf = (text: string): string => `[${text.length} characters]`;
